// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDeviations} from "../metering/IDeviations.sol";
import {IMeterRegistry, ReadingStatus} from "../metering/IMeterRegistry.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";

/// @notice How a baseline is found (docs/protocol.md section 11). `kind` 0: ten of ten, 1: published.
/// `dayMask`: weekdays that count, bit 0 is Monday. The same-day adjustment looks at `adjustSlots` slots
/// that begin `adjustLead` slots before the window and moves the baseline by at most `adjustCapBp`.
struct BaselineRule {
    uint8 kind;
    uint8 dayMask;
    uint16 adjustLead;
    uint16 adjustSlots;
    uint16 adjustCapBp;
}

/// @notice What the measuring needs and the chain holds only hashes of: the packed readings of the day
/// and of the ten baseline days, newest first (empty for a day finally without one), or the published
/// baseline.
struct Claim {
    bytes reading;
    bytes[] baselineReadings;
    bytes published;
}

/// @notice Whose meter, and which slots of which period; `firstSlot` counts from the period's first.
/// Days before period `since` do not count. `publishedHash` is that of the committed baseline.
struct Subject {
    uint32 market;
    address account;
    uint16 carrier;
    uint32 period;
    uint16 firstSlot;
    uint16 slots;
    uint32 since;
    uint16 periodSlots;
    bytes32 publishedHash;
}

/// @title What a meter would have shown
/// @notice Ten of ten: the mean of the last ten days of the same kind on which nothing was claimed,
/// moved by how the same day began, as utilities do it (e.g. CAISO's "10 in 10" with a cap of 20 %).
library Baseline {
    uint8 internal constant TEN_OF_TEN = 0;
    uint8 internal constant PUBLISHED = 1;
    /// @dev Stands for a slot of which the meter shows nothing.
    int256 internal constant MISSING = type(int256).min;

    uint256 private constant DAYS = 10;
    int256 private constant IDAYS = 10;
    uint256 private constant LOOKBACK = 45;
    uint256 private constant SECONDS_PER_DAY = 86_400;
    uint256 private constant WEEKDAYS = 7;
    /// @dev Period 0 is a Thursday; Monday is 0.
    uint256 private constant FIRST_WEEKDAY = 3;
    uint16 private constant MAX_CAP_BP = 5_000;
    int256 private constant BP = 10_000;

    /// @notice An unknown kind, no weekday (or only one, of which 45 days never hold ten), slots of
    /// adjustment that reach into the window, a cap above a half, or a market whose periods are not days.
    error BadRule();
    /// @notice Fewer than ten of the last 45 days can be baseline days.
    error TooFewBaselineDays(uint256 found);
    /// @notice The reading of this period may still change, or come.
    error ReadingNotFinal(uint32 period);
    /// @notice What was given is not the period's reading.
    error WrongReading(uint32 period);
    /// @notice What was given is not the baseline that was published.
    error WrongBaseline();

    /// @notice Refuses a rule that no window of the market could use.
    function check(BaselineRule memory rule, uint32 slotSeconds, uint16 periodSlots) internal pure {
        if (
            rule.kind > PUBLISHED || rule.dayMask == 0 || rule.dayMask >= 1 << WEEKDAYS
                || (rule.kind == TEN_OF_TEN && rule.dayMask & rule.dayMask - 1 == 0)
                || rule.adjustSlots > rule.adjustLead || rule.adjustLead >= periodSlots
                || rule.adjustCapBp > MAX_CAP_BP
                || uint256(slotSeconds) * periodSlots != SECONDS_PER_DAY
        ) revert BadRule();
    }

    function isPublished(BaselineRule memory rule) internal pure returns (bool) {
        return rule.kind == PUBLISHED;
    }

    /// @notice `measure` for a claim that consumption was reduced.
    function measure(
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        Claim calldata claim
    ) internal view returns (int256[] memory baseline, int256[] memory metered) {
        return measure(meters, deviations, rule, subject, claim, false);
    }

    /// @notice Adjusted baseline and metered energy of the window's slots, Wh; `MISSING` where the
    /// meter shows nothing. The caller has seen to it that the window lies in the period and begins
    /// at slot `adjustLead` or later.
    /// @param increases whether more consumption is claimed, not less: what a baseline day lacks then
    /// counts the other way
    function measure(
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        Claim calldata claim,
        bool increases
    ) internal view returns (int256[] memory baseline, int256[] memory metered) {
        address device = meters.deviceOf(subject.market, subject.account, subject.carrier);
        _checkReading(meters, device, subject.period, claim.reading);
        // From the first slot of the adjustment to the last of the window.
        uint256 from = uint256(subject.firstSlot) - rule.adjustLead;
        uint256 count = uint256(rule.adjustLead) + subject.slots;
        int256[] memory day = _values(claim.reading, from, count, MISSING);
        int256[] memory sums;
        if (rule.kind == PUBLISHED) {
            sums = _published(from, count, subject, claim.published);
        } else {
            sums = _sumOfDays(
                _instead(day, increases), from, meters, deviations, rule, subject, device, claim
            );
        }
        (int256 numerator, int256 denominator) = _factor(rule, sums, day);
        metered = new int256[](subject.slots);
        baseline = new int256[](subject.slots);
        for (uint256 i; i < subject.slots; ++i) {
            metered[i] = day[rule.adjustLead + i];
            baseline[i] = SettlementMath.floorDiv(
                sums[rule.adjustLead + i] * numerator, IDAYS * denominator
            );
        }
    }

    /// @dev Ten times the published values; one that is missing counts 0.
    function _published(
        uint256 from,
        uint256 count,
        Subject memory subject,
        bytes calldata values
    ) private pure returns (int256[] memory sums) {
        if (
            keccak256(values) != subject.publishedHash
                || values.length != ReadingValues.BYTES_PER_SLOT * subject.periodSlots
        ) revert WrongBaseline();
        sums = _values(values, from, count, 0);
        for (uint256 i; i < count; ++i) {
            sums[i] *= IDAYS;
        }
    }

    /// @dev What a value counts that a baseline day lacks: nothing can be gained by hiding it. For a
    /// reduction nothing, or what the day itself shows where that is less; for an increase the reverse.
    function _instead(int256[] memory day, bool increases)
        private
        pure
        returns (int256[] memory instead)
    {
        instead = new int256[](day.length);
        for (uint256 i; i < day.length; ++i) {
            int256 value = day[i];
            if (value != MISSING && (increases ? value > 0 : value < 0)) instead[i] = value;
        }
    }

    function _sumOfDays(
        int256[] memory instead,
        uint256 from,
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        address device,
        Claim calldata claim
    ) private view returns (int256[] memory sums) {
        sums = new int256[](instead.length);
        uint256 found;
        uint256 period = subject.period;
        for (uint256 back; back < LOOKBACK && found < DAYS; ++back) {
            if (period == 0 || --period < subject.since) break;
            if (!_counts(meters, deviations, rule, subject, device, uint32(period))) continue;
            if (found == claim.baselineReadings.length) revert WrongReading(uint32(period));
            bytes calldata values = claim.baselineReadings[found++];
            _checkReading(meters, device, uint32(period), values);
            for (uint256 i; i < sums.length; ++i) {
                int256 value =
                    values.length == 0 ? MISSING : _valueOr(values, from + i, MISSING);
                sums[i] += value == MISSING ? instead[i] : value;
            }
        }
        if (found < DAYS) revert TooFewBaselineDays(found);
    }

    /// @dev Whether the period is a baseline day.
    function _counts(
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        address device,
        uint32 period
    ) private view returns (bool) {
        if (rule.dayMask >> (period + FIRST_WEEKDAY) % WEEKDAYS & 1 == 0) return false;
        if (deviations.taken(subject.market, subject.account, subject.carrier, period) != 0) {
            return false;
        }
        (,, ReadingStatus status,) = meters.reading(device, period);
        return status != ReadingStatus.Void;
    }

    /// @dev `values` are those of the final reading, empty where there is none.
    function _checkReading(
        IMeterRegistry meters,
        address device,
        uint32 period,
        bytes calldata values
    ) private view {
        (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, period);
        if (!isFinal) revert ReadingNotFinal(period);
        if (valuesHash == 0 ? values.length != 0 : keccak256(values) != valuesHash) {
            revert WrongReading(period);
        }
    }

    /// @dev How the day began against its baseline, within the cap; a positive denominator.
    function _factor(BaselineRule memory rule, int256[] memory sums, int256[] memory day)
        private
        pure
        returns (int256 numerator, int256 denominator)
    {
        for (uint256 i; i < rule.adjustSlots; ++i) {
            denominator += sums[i];
            if (day[i] != MISSING) numerator += IDAYS * day[i];
        }
        if (denominator == 0) return (1, 1);
        if (denominator < 0) (numerator, denominator) = (-numerator, -denominator);
        int256 cap = int256(uint256(rule.adjustCapBp));
        if (numerator * BP > denominator * (BP + cap)) return (BP + cap, BP);
        if (numerator * BP < denominator * (BP - cap)) return (BP - cap, BP);
    }

    /// @dev Of each slot; `otherwise` where there is no reading or no value.
    function _values(bytes calldata values, uint256 from, uint256 count, int256 otherwise)
        private
        pure
        returns (int256[] memory found)
    {
        found = new int256[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = values.length == 0 ? otherwise : _valueOr(values, from + i, otherwise);
        }
    }

    function _valueOr(bytes calldata values, uint256 slot, int256 otherwise)
        private
        pure
        returns (int256)
    {
        int256 value = ReadingValues.valueOf(values, slot);
        return value == ReadingValues.MISSING ? otherwise : value;
    }
}
