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
    /// @dev What readings show in the slots looked at: the day's own Wh, sums over the ten days and how
    /// many values each lacks; and, where any value is missing, what it can be.
    struct Shown {
        int256[] day;
        int256[] sums;
        int256[] gaps;
        bool lacks;
        bool exports;
        bool imports;
        int256 least;
        int256 most;
    }

    struct Factor {
        int256 numerator;
        int256 denominator;
    }

    uint8 internal constant TEN_OF_TEN = 0;
    uint8 internal constant PUBLISHED = 1;
    /// @dev Stands for a slot of which the meter shows nothing.
    int256 internal constant MISSING = type(int256).min;

    uint256 private constant DAYS = 10;
    int256 private constant IDAYS = 10;
    uint256 private constant LOOKBACK = 45;
    uint256 private constant SECONDS_PER_DAY = 86_400;
    uint256 private constant SECONDS_PER_HOUR = 3_600;
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
    /// at slot `adjustLead` or later. A value that is missing can be anything the meter could show:
    /// the worst for the claim counts, and the baseline is rounded against it.
    /// @param increases whether more consumption is claimed, not less
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
        Shown memory shown;
        // From the first slot of the adjustment to the last of the window.
        uint256 from = uint256(subject.firstSlot) - rule.adjustLead;
        uint256 count = uint256(rule.adjustLead) + subject.slots;
        shown.sums = new int256[](count);
        shown.gaps = new int256[](count);
        shown.day = _day(shown, claim.reading, from, rule.adjustSlots);
        if (rule.kind == PUBLISHED) _addPublished(shown, from, subject, claim.published);
        else _addDays(shown, from, meters, deviations, rule, subject, device, claim);
        _bound(shown, meters, device, subject.periodSlots);

        Factor[2] memory factors = _factors(rule, shown);
        metered = new int256[](subject.slots);
        baseline = new int256[](subject.slots);
        for (uint256 i; i < subject.slots; ++i) {
            uint256 slot = rule.adjustLead + i;
            metered[i] = shown.day[slot];
            baseline[i] = _adjusted(shown, slot, factors, increases);
        }
    }

    /// @dev The worst for the claim, rounded against it.
    function _adjusted(
        Shown memory shown,
        uint256 slot,
        Factor[2] memory factors,
        bool increases
    ) private pure returns (int256 worst) {
        int256 total = shown.sums[slot] + shown.gaps[slot] * (increases ? shown.most : shown.least);
        for (uint256 i; i < factors.length; ++i) {
            int256 numerator = total * factors[i].numerator;
            int256 denominator = IDAYS * factors[i].denominator;
            int256 value = increases
                ? SettlementMath.ceilDiv(numerator, denominator)
                : SettlementMath.floorDiv(numerator, denominator);
            if (i == 0 || (increases ? value > worst : value < worst)) worst = value;
        }
    }

    /// @dev What the day itself shows; a value that its adjustment lacks is noted.
    function _day(Shown memory shown, bytes calldata values, uint256 from, uint256 adjustSlots)
        private
        pure
        returns (int256[] memory day)
    {
        day = new int256[](shown.sums.length);
        for (uint256 i; i < day.length; ++i) {
            day[i] = _valueOf(values, from + i);
            if (day[i] != MISSING) _noteSign(shown, day[i]);
            else if (i < adjustSlots) shown.lacks = true;
        }
    }

    /// @dev Ten days of the published values; one that is missing counts 0.
    function _addPublished(
        Shown memory shown,
        uint256 from,
        Subject memory subject,
        bytes calldata values
    ) private pure {
        if (
            keccak256(values) != subject.publishedHash
                || values.length != ReadingValues.BYTES_PER_SLOT * subject.periodSlots
        ) revert WrongBaseline();
        for (uint256 i; i < shown.sums.length; ++i) {
            int256 value = _valueOf(values, from + i);
            if (value == MISSING) continue;
            _noteSign(shown, value);
            shown.sums[i] = IDAYS * value;
        }
    }

    function _addDays(
        Shown memory shown,
        uint256 from,
        IMeterRegistry meters,
        IDeviations deviations,
        BaselineRule memory rule,
        Subject memory subject,
        address device,
        Claim calldata claim
    ) private view {
        uint256 found;
        uint256 period = subject.period;
        for (uint256 back; back < LOOKBACK && found < DAYS; ++back) {
            if (period == 0 || --period < subject.since) break;
            if (!_counts(meters, deviations, rule, subject, device, uint32(period))) continue;
            if (found == claim.baselineReadings.length) revert WrongReading(uint32(period));
            bytes calldata values = claim.baselineReadings[found++];
            _checkReading(meters, device, uint32(period), values);
            _addDay(shown, from, values);
        }
        if (found < DAYS) revert TooFewBaselineDays(found);
    }

    function _addDay(Shown memory shown, uint256 from, bytes calldata values) private pure {
        int256[] memory sums = shown.sums;
        int256 below;
        int256 above;
        // Eleven `int32` a slot cannot overflow.
        unchecked {
            for (uint256 i; i < sums.length; ++i) {
                int256 value = _valueOf(values, from + i);
                if (value == MISSING) {
                    ++shown.gaps[i];
                    shown.lacks = true;
                    continue;
                }
                sums[i] += value;
                below |= value;
                above |= -value;
            }
        }
        if (below < 0) shown.exports = true;
        if (above < 0) shown.imports = true;
    }

    function _noteSign(Shown memory shown, int256 value) private pure {
        if (value < 0) shown.exports = true;
        else if (value > 0) shown.imports = true;
    }

    /// @dev What a missing value can be: as far as the meter reaches, on the sides of 0 on which any
    /// value lies.
    function _bound(
        Shown memory shown,
        IMeterRegistry meters,
        address device,
        uint256 periodSlots
    ) private view {
        if (!shown.lacks) return;
        uint256 wattSeconds =
            uint256(meters.deviceInfo(device).capacityW) * (SECONDS_PER_DAY / periodSlots);
        int256 reach = int256(wattSeconds / SECONDS_PER_HOUR);
        if (shown.exports) shown.least = -reach;
        if (shown.imports) shown.most = reach;
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

    /// @dev How the day began against its baseline, within the cap: the least and the greatest that it
    /// can be; positive denominators.
    function _factors(BaselineRule memory rule, Shown memory shown)
        private
        pure
        returns (Factor[2] memory factors)
    {
        (int256 a, int256 b, int256 c, int256 d) = _mornings(rule, shown);
        int256 cap = int256(uint256(rule.adjustCapBp));
        if (c == 0 && d == 0) return [Factor(1, 1), Factor(1, 1)];
        if (c <= 0 && d >= 0) return [Factor(BP - cap, BP), Factor(BP + cap, BP)];
        if (d < 0) (a, b, c, d) = (-b, -a, -d, -c);
        return [_capped(a, a < 0 ? c : d, cap), _capped(b, b < 0 ? d : c, cap)];
    }

    /// @dev Least and greatest of ten times what the day shows in the hours of adjustment, and of what
    /// the ten days show there.
    function _mornings(BaselineRule memory rule, Shown memory shown)
        private
        pure
        returns (int256 a, int256 b, int256 c, int256 d)
    {
        for (uint256 i; i < rule.adjustSlots; ++i) {
            int256 value = shown.day[i];
            a += IDAYS * (value == MISSING ? shown.least : value);
            b += IDAYS * (value == MISSING ? shown.most : value);
            c += shown.sums[i] + shown.gaps[i] * shown.least;
            d += shown.sums[i] + shown.gaps[i] * shown.most;
        }
    }

    function _capped(int256 numerator, int256 denominator, int256 cap)
        private
        pure
        returns (Factor memory)
    {
        if (numerator * BP > denominator * (BP + cap)) return Factor(BP + cap, BP);
        if (numerator * BP < denominator * (BP - cap)) return Factor(BP - cap, BP);
        return Factor(numerator, denominator);
    }

    /// @dev `MISSING` where there is no reading or no value.
    function _valueOf(bytes calldata values, uint256 slot) private pure returns (int256) {
        if (values.length == 0) return MISSING;
        int256 value = ReadingValues.valueOf(values, slot);
        return value == ReadingValues.MISSING ? MISSING : value;
    }
}
