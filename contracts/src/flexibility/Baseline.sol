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

    /// @notice An unknown kind, no weekday, hours of adjustment that reach into the window, a cap above
    /// a half, or a market whose periods are not days.
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
                || rule.adjustSlots > rule.adjustLead || rule.adjustLead >= periodSlots
                || rule.adjustCapBp > MAX_CAP_BP
                || uint256(slotSeconds) * periodSlots != SECONDS_PER_DAY
        ) revert BadRule();
    }

    function isPublished(BaselineRule memory rule) internal pure returns (bool) {
        return rule.kind == PUBLISHED;
    }

    /// @notice Adjusted baseline and metered energy of the window's slots, Wh; `MISSING` where the
    /// meter shows nothing. The caller has seen to it that the window lies in the period and begins
    /// at slot `adjustLead` or later.
    function measure(
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        Claim calldata claim
    ) internal view returns (int256[] memory baseline, int256[] memory metered) {
        address device = meters.deviceOf(subject.market, subject.account, subject.carrier);
        uint256 from = uint256(subject.firstSlot) - rule.adjustLead;
        uint256 count = uint256(subject.firstSlot) + subject.slots - from;
        int256[] memory sums = new int256[](count);
        if (rule.kind == PUBLISHED) {
            _addPublished(sums, from, subject, claim.published);
        } else {
            _addDays(sums, from, meters, deviations, rule, subject, device, claim.baselineReadings);
        }
        bool measured = _checkReading(meters, device, subject.period, claim.reading);
        metered = new int256[](subject.slots);
        baseline = new int256[](subject.slots);
        (int256 numerator, int256 denominator) = _factor(rule, sums, measured, from, claim.reading);
        for (uint256 i; i < subject.slots; ++i) {
            baseline[i] = SettlementMath.floorDiv(
                sums[rule.adjustLead + i] * numerator, IDAYS * denominator
            );
            metered[i] = MISSING;
            if (!measured) continue;
            int256 value = ReadingValues.valueOf(claim.reading, subject.firstSlot + i);
            if (value != ReadingValues.MISSING) metered[i] = value;
        }
    }

    /// @dev Ten times the published values.
    function _addPublished(
        int256[] memory sums,
        uint256 from,
        Subject memory subject,
        bytes calldata values
    ) private pure {
        if (
            keccak256(values) != subject.publishedHash
                || values.length != ReadingValues.BYTES_PER_SLOT * subject.periodSlots
        ) revert WrongBaseline();
        for (uint256 i; i < sums.length; ++i) {
            sums[i] = IDAYS * ReadingValues.valueOf(values, from + i);
        }
    }

    function _addDays(
        int256[] memory sums,
        uint256 from,
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        address device,
        bytes[] calldata readings
    ) private view {
        uint256 found;
        uint256 period = subject.period;
        for (uint256 back; back < LOOKBACK && found < DAYS; ++back) {
            if (period == 0 || --period < subject.since) break;
            if (!_counts(meters, deviations, rule, subject, device, uint32(period))) continue;
            if (found == readings.length) revert WrongReading(uint32(period));
            bytes calldata values = readings[found++];
            if (!_checkReading(meters, device, uint32(period), values)) continue;
            for (uint256 i; i < sums.length; ++i) {
                int256 value = ReadingValues.valueOf(values, from + i);
                if (value != ReadingValues.MISSING) sums[i] += value;
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

    /// @dev Whether the device has a reading of the period, which `values` then are.
    function _checkReading(
        IMeterRegistry meters,
        address device,
        uint32 period,
        bytes calldata values
    ) private view returns (bool measured) {
        (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, period);
        if (!isFinal) revert ReadingNotFinal(period);
        measured = valuesHash != 0;
        if (measured ? keccak256(values) != valuesHash : values.length != 0) {
            revert WrongReading(period);
        }
    }

    /// @dev How the day began against its baseline, within the cap; a positive denominator.
    function _factor(
        BaselineRule memory rule,
        int256[] memory sums,
        bool measured,
        uint256 from,
        bytes calldata reading
    ) private pure returns (int256 numerator, int256 denominator) {
        for (uint256 i; i < rule.adjustSlots; ++i) {
            denominator += sums[i];
            if (!measured) continue;
            int256 value = ReadingValues.valueOf(reading, from + i);
            if (value != ReadingValues.MISSING) numerator += IDAYS * value;
        }
        if (denominator == 0) return (1, 1);
        if (denominator < 0) (numerator, denominator) = (-numerator, -denominator);
        int256 cap = int256(uint256(rule.adjustCapBp));
        if (numerator * BP > denominator * (BP + cap)) return (BP + cap, BP);
        if (numerator * BP < denominator * (BP - cap)) return (BP - cap, BP);
    }
}
