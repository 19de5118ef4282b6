// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDeviations} from "../metering/IDeviations.sol";
import {IImbalance} from "../metering/IImbalance.sol";
import {IMeterRegistry, ReadingStatus} from "../metering/IMeterRegistry.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";

/// @notice How a baseline is found; for ever part of a series' or programme's terms.
/// @param kind 0: mean of the last ten like days; 1: values published before the window
/// @param dayMask weekdays that count as baseline days, bit 0 is Monday (UTC)
/// @param adjustLead slots before the window at which the same-day adjustment looks first
/// @param adjustSlots how many slots it looks at, at most `adjustLead`; 0: no adjustment
/// @param adjustCapBp how far it may move the baseline, basis points, at most 5,000
struct BaselineRule {
    uint8 kind;
    uint8 dayMask;
    uint16 adjustLead;
    uint16 adjustSlots;
    uint16 adjustCapBp;
}

/// @notice What shows a baseline and what was metered. Values are packed as readings are.
/// @param reading of the window's day, empty where it is finally without one
/// @param baselineReadings of the ten baseline days, newest first, empty where a day is finally
/// without one; not read for published rules
/// @param published the values that were committed to; not read for computed rules
struct Claim {
    bytes reading;
    bytes[] baselineReadings;
    bytes published;
}

/// @notice Whose deviation is measured, and when.
/// @param firstSlot counted in the period @param slots of the window
/// @param since no earlier period is a baseline day
/// @param publishedHash of the values committed to; 0 for computed rules
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

/// @title Baselines (docs/protocol.md section 11)
/// @notice What an account would have drawn: exact integers, from readings that the meter registry
/// knows or from values committed to beforehand. All energy is Wh a slot, import positive.
library Baseline {
    uint8 internal constant TEN_OF_TEN = 0;
    uint8 internal constant PUBLISHED = 1;
    /// @dev How many days are averaged, and how many periods back they may lie.
    uint256 internal constant BASELINE_DAYS = 10;
    uint256 internal constant LOOK_BACK = 45;
    /// @dev Stands for a slot without a metered value.
    int256 internal constant MISSING = int256(ReadingValues.MISSING);

    int256 private constant FULL_BP = 10_000;
    uint256 private constant LARGEST_CAP_BP = 5_000;
    uint256 private constant EVERY_DAY = 0x7f;
    uint256 private constant SECONDS_PER_DAY = 86_400;
    uint256 private constant WEEKDAY_OF_PERIOD_0 = 3;

    /// @notice The rule contradicts itself, or the market's period is not a day.
    error BadBaselineRule();
    /// @notice Only `found` of the ten days that are needed lie within the look-back.
    error TooFewBaselineDays(uint256 found);
    /// @notice The reading of a day that may be a baseline day can still change.
    error BaselineDayNotFinal(uint32 period);
    /// @notice The values are not those of the baseline day's final reading, or there are none for it.
    error WrongBaselineReading(uint32 period);
    /// @notice The values are not those that were committed to.
    error WrongPublishedBaseline();

    /// @notice Refuses a rule that could never be applied. Ten like days are found within the
    /// look-back only where at least two weekdays count.
    function check(BaselineRule memory rule, uint256 slotSeconds, uint256 periodSlots) internal pure {
        bool countsDays = rule.dayMask & (rule.dayMask - (rule.dayMask == 0 ? 0 : 1)) != 0;
        if (
            slotSeconds * periodSlots != SECONDS_PER_DAY || rule.kind > PUBLISHED
                || rule.dayMask > EVERY_DAY || (rule.kind == TEN_OF_TEN && !countsDays)
                || rule.adjustLead >= periodSlots || rule.adjustSlots > rule.adjustLead
                || rule.adjustCapBp > LARGEST_CAP_BP
        ) revert BadBaselineRule();
    }

    /// @notice Whether values are published beforehand, not computed from readings.
    function isPublished(BaselineRule memory rule) internal pure returns (bool) {
        return rule.kind == PUBLISHED;
    }

    /// @notice The baseline and what was metered, Wh of every slot of the window.
    /// @return baseline adjusted by the hours before the window
    /// @return metered MISSING where the final reading has no value
    function measure(
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory s,
        Claim calldata claim
    ) internal view returns (int256[] memory baseline, int256[] memory metered) {
        address device = meters.deviceOf(s.market, s.account, s.carrier);
        _checkReading(meters, device, s, claim.reading);
        metered = _valuesOf(claim.reading, s.firstSlot, s.slots);

        // Ten times the unadjusted baseline of every slot, and its sum before the window.
        baseline = new int256[](s.slots);
        int256 before;
        uint256 first = s.firstSlot - rule.adjustLead;
        if (isPublished(rule)) {
            if (keccak256(claim.published) != s.publishedHash) revert WrongPublishedBaseline();
            _add(baseline, claim.published, s.firstSlot, int256(BASELINE_DAYS));
            before = _sum(claim.published, first, rule.adjustSlots) * int256(BASELINE_DAYS);
        } else {
            before = _addDays(baseline, meters, deviations, rule, s, device, claim);
        }
        _adjust(baseline, before, _sum(claim.reading, first, rule.adjustSlots), rule.adjustCapBp);
    }

    /// @dev Adds the ten baseline days to `sums`; returns their sum over the slots before the window.
    function _addDays(
        int256[] memory sums,
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory s,
        address device,
        Claim calldata claim
    ) private view returns (int256 before) {
        uint256 found;
        uint256 earliest = s.period > LOOK_BACK ? s.period - LOOK_BACK : 0;
        if (earliest < s.since) earliest = s.since;
        for (uint256 p = s.period; p > earliest && found < BASELINE_DAYS;) {
            uint32 period = uint32(--p);
            if (rule.dayMask >> ((p + WEEKDAY_OF_PERIOD_0) % 7) & 1 == 0) continue;
            if (deviations.reservedSlots(s.market, s.account, s.carrier, period) != 0) continue;
            (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, period);
            if (!isFinal) revert BaselineDayNotFinal(period);
            if (valuesHash == 0 && _isVoid(meters, device, period)) continue;

            if (found == claim.baselineReadings.length) revert WrongBaselineReading(period);
            bytes calldata values = claim.baselineReadings[found];
            if (!_matches(values, valuesHash)) revert WrongBaselineReading(period);
            _add(sums, values, s.firstSlot, 1);
            before += _sum(values, s.firstSlot - rule.adjustLead, rule.adjustSlots);
            ++found;
        }
        if (found < BASELINE_DAYS) revert TooFewBaselineDays(found);
    }

    /// @dev Turns ten times the baseline into the baseline, times the adjustment: what was metered
    /// before the window over what the baseline says (`before` is ten times that), within the cap.
    function _adjust(int256[] memory sums, int256 before, int256 metered, uint256 capBp)
        private
        pure
    {
        int256 n = 1;
        int256 m = 1;
        if (before != 0) {
            (n, m) = before > 0
                ? (metered * int256(BASELINE_DAYS), before)
                : (-metered * int256(BASELINE_DAYS), -before);
            int256 most = FULL_BP + int256(capBp);
            int256 least = FULL_BP - int256(capBp);
            if (n * FULL_BP > m * most) (n, m) = (most, FULL_BP);
            else if (n * FULL_BP < m * least) (n, m) = (least, FULL_BP);
        }
        m *= int256(BASELINE_DAYS);
        for (uint256 i; i < sums.length; ++i) {
            sums[i] = SettlementMath.floorDiv(sums[i] * n, m);
        }
    }

    function _checkReading(
        IMeterRegistry meters,
        address device,
        Subject memory s,
        bytes calldata values
    ) private view {
        (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, s.period);
        if (!isFinal) revert IImbalance.ReadingNotFinal(s.carrier);
        if (!_matches(values, valuesHash)) revert IImbalance.WrongReading(s.carrier);
    }

    function _isVoid(IMeterRegistry meters, address device, uint32 period)
        private
        view
        returns (bool)
    {
        (,, ReadingStatus status,) = meters.reading(device, period);
        return status == ReadingStatus.Void;
    }

    function _matches(bytes calldata values, bytes32 valuesHash) private pure returns (bool) {
        return valuesHash == 0 ? values.length == 0 : keccak256(values) == valuesHash;
    }

    /// @dev MISSING everywhere where there are no values at all.
    function _valuesOf(bytes calldata values, uint256 first, uint256 count)
        private
        pure
        returns (int256[] memory found)
    {
        found = new int256[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = values.length == 0 ? MISSING : ReadingValues.valueOf(values, first + i);
        }
    }

    /// @dev A missing value counts 0, here and in `_sum`.
    function _add(int256[] memory sums, bytes calldata values, uint256 first, int256 times)
        private
        pure
    {
        if (values.length == 0) return;
        for (uint256 i; i < sums.length; ++i) {
            int256 wh = ReadingValues.valueOf(values, first + i);
            if (wh != MISSING) sums[i] += times * wh;
        }
    }

    function _sum(bytes calldata values, uint256 first, uint256 count)
        private
        pure
        returns (int256 sum)
    {
        if (values.length == 0) return 0;
        for (uint256 i; i < count; ++i) {
            int256 wh = ReadingValues.valueOf(values, first + i);
            if (wh != MISSING) sum += wh;
        }
    }
}
