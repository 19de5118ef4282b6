// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Baseline, Claim, Subject} from "../flexibility/Baseline.sol";
import {IDeviations} from "../metering/IDeviations.sol";
import {IMeterRegistry} from "../metering/IMeterRegistry.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {CreditSeries} from "./CreditSeries.sol";
import {IEnergyCredits, Joined, SeriesTerms, Window} from "./IEnergyCredits.sol";

/// @notice Windows in which accounts reduce, and the credits that their meters then earn them.
abstract contract ReductionWindows is CreditSeries {
    uint256 private constant SECONDS_PER_HOUR = 3_600;
    /// @dev What a deviation's `int32` holds.
    uint256 private constant MOST_IN_A_SLOT = uint256(uint32(type(int32).max));

    IMeterRegistry public immutable meters;
    IDeviations public immutable deviations;

    /// @inheritdoc IEnergyCredits
    uint256 public windowCount;

    mapping(uint256 window => Window) private _windows;
    mapping(uint256 window => mapping(address account => Joined)) private _joined;
    /// @inheritdoc IEnergyCredits
    mapping(uint256 window => mapping(address account => bytes32)) public publishedBaseline;

    constructor(address meters_, address deviations_) {
        meters = IMeterRegistry(meters_);
        deviations = IDeviations(deviations_);
    }

    // ------------------------------------------------------------------ before the window

    /// @inheritdoc IEnergyCredits
    function announce(
        uint256 series,
        uint32 period,
        uint16 firstSlot,
        uint16 slots,
        uint64 budgetWh
    ) external returns (uint256 window) {
        if (budgetWh == 0) revert ILedger.ZeroAmount();
        Series storage s = _live(series);
        _requireIssuer(series);
        if (
            slots == 0 || uint256(firstSlot) + slots > s.periodSlots
                || firstSlot < s.terms.rule.adjustLead
        ) revert BadWindow();
        uint256 startsAt = _slotStart(s, period, firstSlot);
        if (block.timestamp >= startsAt) revert WindowBegan(startsAt);
        uint256 deadline = deviations.claimBy(s.terms.market, period);
        if (deadline >= _expiryOf(series)) revert ClaimableBeyondExpiry(deadline);

        _budget(s, budgetWh);
        window = ++windowCount;
        _windows[window] = Window(series, period, firstSlot, slots, budgetWh, 0);
        emit WindowAnnounced(window, series, period, firstSlot, slots, budgetWh);
    }

    /// @inheritdoc IEnergyCredits
    function publishBaseline(uint256 window, address account, bytes calldata values) external {
        Window storage w = _window(window);
        _requireIssuer(w.series);
        Series storage s = _series[w.series];
        if (!Baseline.isPublished(s.terms.rule)) revert BaselineIsComputed();
        _requireNotBegun(s, w);
        if (publishedBaseline[window][account] != 0) revert BaselinePublishedBefore(account);
        if (values.length != ReadingValues.BYTES_PER_SLOT * s.periodSlots) {
            revert BadLength(values.length);
        }
        publishedBaseline[window][account] = keccak256(values);
        emit BaselinePublished(window, account, values);
    }

    /// @inheritdoc IEnergyCredits
    function join(uint256 window, uint64 capWh, uint32 since) external {
        if (capWh == 0) revert ILedger.ZeroAmount();
        Window storage w = _window(window);
        Series storage s = _series[w.series];
        _requireNotBegun(s, w);
        Joined storage part = _joined[window][msg.sender];
        if (part.capWh != 0) revert JoinedBefore(msg.sender);
        if (Baseline.isPublished(s.terms.rule) && publishedBaseline[window][msg.sender] == 0) {
            revert BaselineNotPublished(msg.sender);
        }
        uint256 mostWh = _mostMeasured(s, msg.sender, w.slots);
        if (capWh > mostWh) revert BeyondMeter(mostWh);
        uint256 leftWh = w.budgetWh - w.joinedWh;
        if (capWh > leftWh) revert InsufficientBudget(leftWh);

        w.joinedWh += capWh;
        part.capWh = capWh;
        part.since = since;
        uint256 reservation = deviations.reserve(
            s.terms.market,
            msg.sender,
            s.terms.carrier,
            w.period,
            ((1 << uint256(w.slots)) - 1) << w.firstSlot
        );
        part.reservation = reservation;
        emit WindowJoined(window, msg.sender, capWh, since, reservation);
    }

    // ------------------------------------------------------------------ after the window

    /// @inheritdoc IEnergyCredits
    function issue(uint256 window, address account, Claim calldata claim)
        external
        returns (uint256 amount)
    {
        Window memory w = _window(window);
        Series storage s = _series[w.series];
        Joined memory part = _joined[window][account];
        if (part.capWh == 0) revert NotJoined(account);
        if (part.issued) revert IssuedBefore(account);
        uint256 deadline = deviations.claimBy(s.terms.market, w.period);
        if (block.timestamp > deadline) revert ClaimedTooLate(deadline);
        _joined[window][account].issued = true;

        int32[] memory used;
        (used, amount) = _reductions(window, account, w, part, claim);
        _windows[window].budgetWh = w.budgetWh - part.capWh;
        _windows[window].joinedWh = w.joinedWh - part.capWh;
        s.budgetWh -= part.capWh;
        s.issuedWh += uint64(amount);
        deviations.use(part.reservation, used);
        if (amount != 0) _mint(account, w.series, amount);
        emit CreditsIssued(window, account, w.series, amount);
    }

    /// @inheritdoc IEnergyCredits
    function closeWindow(uint256 window) external {
        Window storage w = _window(window);
        Series storage s = _series[w.series];
        uint256 startsAt = _slotStart(s, w.period, w.firstSlot);
        if (block.timestamp < startsAt) revert WindowNotBegun(startsAt);
        if (block.timestamp > deviations.claimBy(s.terms.market, w.period)) w.joinedWh = 0;
        uint64 releasedWh = w.budgetWh - w.joinedWh;
        if (releasedWh == 0) revert NothingToRelease();
        w.budgetWh = w.joinedWh;
        s.budgetWh -= releasedWh;
        emit WindowClosed(window, releasedWh);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEnergyCredits
    function windowOf(uint256 window) external view returns (Window memory) {
        return _windows[window];
    }

    /// @inheritdoc IEnergyCredits
    function joinedOf(uint256 window, address account) external view returns (Joined memory) {
        return _joined[window][account];
    }

    /// @inheritdoc IEnergyCredits
    function claimBy(uint256 window) external view returns (uint256) {
        Window storage w = _window(window);
        return deviations.claimBy(_series[w.series].terms.market, w.period);
    }

    // ------------------------------------------------------------------ parts

    /// @dev Reductions of the period's slots, at least 0 each and at most the cap together, and
    /// their sum.
    function _reductions(
        uint256 window,
        address account,
        Window memory w,
        Joined memory part,
        Claim calldata claim
    ) private view returns (int32[] memory used, uint256 amount) {
        Series storage s = _series[w.series];
        SeriesTerms memory terms = s.terms;
        Subject memory subject = Subject({
            market: terms.market,
            account: account,
            carrier: terms.carrier,
            period: w.period,
            firstSlot: w.firstSlot,
            slots: w.slots,
            since: part.since,
            periodSlots: s.periodSlots,
            publishedHash: publishedBaseline[window][account]
        });
        (int256[] memory baseline, int256[] memory metered) =
            Baseline.measure(meters, deviations, terms.rule, subject, claim);
        used = new int32[](s.periodSlots);
        for (uint256 i; i < w.slots; ++i) {
            if (metered[i] == Baseline.MISSING || baseline[i] <= metered[i]) continue;
            uint256 reduction = uint256(baseline[i] - metered[i]);
            uint256 left = part.capWh - amount;
            if (reduction > left) reduction = left;
            if (reduction > MOST_IN_A_SLOT) reduction = MOST_IN_A_SLOT;
            used[w.firstSlot + i] = int32(int256(reduction));
            amount += reduction;
        }
    }

    /// @dev The energy that the account's meter can measure in so many slots, Wh; 0 without a meter.
    function _mostMeasured(Series storage s, address account, uint256 slots)
        private
        view
        returns (uint256)
    {
        address device = meters.deviceOf(s.terms.market, account, s.terms.carrier);
        if (device == address(0)) return 0;
        uint256 capacityW = meters.deviceInfo(device).capacityW;
        return capacityW * s.slotSeconds * slots / SECONDS_PER_HOUR;
    }

    function _window(uint256 window) private view returns (Window storage w) {
        w = _windows[window];
        if (w.series == 0) revert UnknownWindow(window);
    }

    function _requireNotBegun(Series storage s, Window storage w) private view {
        uint256 startsAt = _slotStart(s, w.period, w.firstSlot);
        if (block.timestamp >= startsAt) revert WindowBegan(startsAt);
    }

    function _slotStart(Series storage s, uint32 period, uint16 slot)
        private
        view
        returns (uint256)
    {
        return (uint256(period) * s.periodSlots + slot) * s.slotSeconds;
    }
}
