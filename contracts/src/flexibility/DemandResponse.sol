// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IDeviations} from "../metering/IDeviations.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {Baseline, Claim, Subject} from "./Baseline.sol";
import {
    Direction,
    Enrolment,
    EventWindow,
    IDemandResponse,
    Participation,
    PartStatus,
    ProgrammeTerms,
    Ruling
} from "./IDemandResponse.sol";
import {Programmes} from "./Programmes.sol";

/// @title Demand response; see IDemandResponse
/// @dev Immutable: no owner of the contract, no pause, no upgrade.
contract DemandResponse is Programmes {
    uint256 public constant RULING_WINDOW = 3 days;

    /// @dev What a deviation's `int32` holds.
    uint256 private constant MOST_IN_A_SLOT = uint256(uint32(type(int32).max));

    IDeviations public immutable deviations;

    /// @inheritdoc IDemandResponse
    uint64 public eventCount;

    mapping(uint64 eventId => EventWindow) private _events;
    mapping(uint64 eventId => mapping(address account => Participation)) private _parts;

    /// @param manager the AccessManager that knows programme owners and the meter authority
    constructor(
        address manager,
        address exchange_,
        address ledger_,
        address meters_,
        address deviations_,
        address credentials_
    ) AccessManaged(manager) Programmes(exchange_, ledger_, meters_, credentials_) {
        deviations = IDeviations(deviations_);
    }

    // ------------------------------------------------------------------ before the event

    /// @inheritdoc IDemandResponse
    function callEvent(uint32 programme, uint32 period, uint16 firstSlot, uint16 slots)
        external
        returns (uint64 eventId)
    {
        Programme storage p = _programme(programme);
        _requireOwner(p);
        if (
            slots == 0 || slots > p.terms.maxEventSlots
                || uint256(firstSlot) + slots > p.periodSlots
                || firstSlot < p.terms.rule.adjustLead
        ) revert BadWindow();
        EventWindow memory window = EventWindow(programme, period, firstSlot, slots);
        _requireNotice(p, window);
        eventId = ++eventCount;
        _events[eventId] = window;
        emit EventCalled(eventId, programme, period, firstSlot, slots);
    }

    /// @inheritdoc IDemandResponse
    function instruct(uint64 eventId, address account, uint48 targetW) external nonReentrant {
        EventWindow memory window = _event(eventId);
        Programme storage p = _programme(window.programme);
        _requireOwner(p);
        _requireNotice(p, window);
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.None);
        Enrolment storage enrolment = _enrolment(window.programme, account);
        if (!enrolment.available) revert NotAvailable(account);
        _requireCredential(p, account);
        if (targetW > enrolment.capacityW) revert BeyondCapacity(enrolment.capacityW);
        uint256 slotWh = _targetWh(p, targetW);
        if (slotWh == 0 || slotWh > MOST_IN_A_SLOT) revert BadTarget(slotWh);

        uint256 targetWh = slotWh * window.slots;
        uint256 incentive =
            SettlementMath.ceilDiv(targetWh * p.terms.incentive, SettlementMath.USCALE);
        uint256 unbound = p.escrow - p.setAside;
        if (incentive > unbound) revert EscrowBound(unbound);
        uint256 penalty = _penalty(p, _owedWh(p, targetWh));
        unbound = enrolment.bond - enrolment.setAside;
        if (penalty > unbound) revert BondBound(unbound);

        p.setAside += uint64(incentive);
        enrolment.setAside += uint64(penalty);
        ++enrolment.openEvents;
        part.status = PartStatus.Instructed;
        part.targetW = targetW;
        part.incentiveSetAside = uint64(incentive);
        part.penaltySetAside = uint64(penalty);
        uint256 reservation = deviations.reserve(
            p.terms.market,
            account,
            p.terms.carrier,
            window.period,
            ((1 << uint256(window.slots)) - 1) << window.firstSlot
        );
        part.reservation = reservation;
        emit Instructed(eventId, account, targetW, incentive, penalty, reservation);
    }

    /// @inheritdoc IDemandResponse
    function publishBaseline(uint64 eventId, address account, bytes calldata values) external {
        EventWindow memory window = _event(eventId);
        Programme storage p = _programme(window.programme);
        _requireOwner(p);
        if (!Baseline.isPublished(p.terms.rule)) revert BaselineIsComputed();
        _requireNotice(p, window);
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.Instructed);
        if (part.publishedHash != 0) revert BaselinePublishedBefore(account);
        if (values.length != ReadingValues.BYTES_PER_SLOT * p.periodSlots) {
            revert BadLength(values.length);
        }
        part.publishedHash = keccak256(values);
        emit BaselinePublished(eventId, account, values);
    }

    /// @inheritdoc IDemandResponse
    function refuse(uint64 eventId) external nonReentrant {
        EventWindow memory window = _event(eventId);
        Programme storage p = _programme(window.programme);
        Participation storage part = _parts[eventId][msg.sender];
        _requireStatus(part, PartStatus.Instructed);
        uint256 startsAt = _startsAt(p, window);
        if (block.timestamp + p.terms.refusalLead > startsAt) {
            revert RefusedTooLate(startsAt - p.terms.refusalLead);
        }
        _finish(p, _enrolments[window.programme][msg.sender], part, PartStatus.Refused);
        deviations.release(part.reservation);
        emit Refused(eventId, msg.sender);
    }

    // ------------------------------------------------------------------ after the event

    /// @inheritdoc IDemandResponse
    function report(uint64 eventId, address account, Claim calldata claim) external nonReentrant {
        EventWindow memory window = _event(eventId);
        Programme storage p = _programme(window.programme);
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.Instructed);
        uint256 deadline = deviations.claimBy(p.terms.market, window.period);
        if (block.timestamp > deadline) revert ReportedTooLate(deadline);
        if (_lacksBaseline(p, part)) revert BaselineNotPublished(account);

        uint256 slotWh = _targetWh(p, part.targetW);
        (int32[] memory used, uint256 performanceWh) =
            _performance(p, window, _subject(p, window, account, part), slotWh, claim);
        uint256 owedWh = _owedWh(p, slotWh * window.slots);
        uint256 incentive = performanceWh * p.terms.incentive / SettlementMath.USCALE;
        uint256 penalty =
            performanceWh < owedWh ? _penalty(p, owedWh - performanceWh) : 0;
        part.status = PartStatus.Reported;
        part.performanceWh = uint64(performanceWh);
        part.incentive = uint64(incentive);
        part.penalty = uint64(penalty);
        part.changedAt = uint48(block.timestamp);
        deviations.use(part.reservation, used);
        emit Reported(eventId, account, performanceWh, incentive, penalty);
    }

    /// @inheritdoc IDemandResponse
    function dispute(uint64 eventId, address account) external {
        Programme storage p = _programme(_event(eventId).programme);
        if (msg.sender != account && msg.sender != p.owner) revert NotParty(msg.sender);
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.Reported);
        uint256 deadline = uint256(part.changedAt) + p.terms.disputeWindow;
        if (block.timestamp > deadline) revert DisputedTooLate(deadline);
        part.status = PartStatus.Disputed;
        part.changedAt = uint48(block.timestamp);
        emit Disputed(eventId, account, msg.sender);
    }

    /// @inheritdoc IDemandResponse
    function resolve(uint64 eventId, address account, Ruling ruling) external restricted {
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.Disputed);
        uint256 deadline = part.changedAt + RULING_WINDOW;
        if (block.timestamp > deadline) revert ResolvedTooLate(deadline);
        if (ruling != Ruling.Keep) part.penalty = 0;
        if (ruling == Ruling.Void) part.incentive = 0;
        part.status = PartStatus.Resolved;
        emit Resolved(eventId, account, ruling);
    }

    /// @inheritdoc IDemandResponse
    function settle(uint64 eventId, address account) external nonReentrant {
        uint32 programme = _event(eventId).programme;
        Programme storage p = _programme(programme);
        Participation storage part = _parts[eventId][account];
        if (part.status != PartStatus.Resolved) _requireUndisputable(p, part);

        Enrolment storage enrolment = _enrolments[programme][account];
        _finish(p, enrolment, part, PartStatus.Settled);
        (uint64 incentive, uint64 penalty) = (part.incentive, part.penalty);
        enrolment.bond -= penalty;
        p.escrow = p.escrow + penalty - incentive;
        emit Settled(eventId, account, incentive, penalty);
        if (incentive != 0) _pay(p.asset, incentive, account);
    }

    /// @inheritdoc IDemandResponse
    function lapse(uint64 eventId, address account) external nonReentrant {
        EventWindow memory window = _event(eventId);
        Programme storage p = _programme(window.programme);
        Participation storage part = _parts[eventId][account];
        _requireStatus(part, PartStatus.Instructed);
        uint256 deadline = deviations.claimBy(p.terms.market, window.period);
        bool unpublished = _lacksBaseline(p, part) && !_hasNotice(p, _startsAt(p, window));
        if (block.timestamp <= deadline && !unpublished) revert NotLapsed(deadline);
        _finish(p, _enrolments[window.programme][account], part, PartStatus.Lapsed);
        deviations.release(part.reservation);
        emit Lapsed(eventId, account);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDemandResponse
    function eventOf(uint64 eventId) external view returns (EventWindow memory) {
        return _events[eventId];
    }

    /// @inheritdoc IDemandResponse
    function participationOf(uint64 eventId, address account)
        external
        view
        returns (Participation memory)
    {
        return _parts[eventId][account];
    }

    // ------------------------------------------------------------------ parts

    /// @dev Returns what was set aside on both sides; the part is then finished.
    function _finish(
        Programme storage p,
        Enrolment storage enrolment,
        Participation storage part,
        PartStatus status
    ) private {
        part.status = status;
        p.setAside -= part.incentiveSetAside;
        enrolment.setAside -= part.penaltySetAside;
        --enrolment.openEvents;
    }

    /// @dev What of the period's slots was used, with the sign of the direction, and how much it is: at
    /// most the target in every slot of the window, and nothing where the meter has no value.
    function _performance(
        Programme storage p,
        EventWindow memory window,
        Subject memory subject,
        uint256 slotWh,
        Claim calldata claim
    ) private view returns (int32[] memory used, uint256 performanceWh) {
        bool reduces = p.terms.direction == Direction.Reduce;
        (int256[] memory baseline, int256[] memory metered) =
            Baseline.measure(meters, deviations, p.terms.rule, subject, claim, !reduces);
        used = new int32[](p.periodSlots);
        for (uint256 i; i < window.slots; ++i) {
            if (metered[i] == Baseline.MISSING) continue;
            int256 moved = reduces ? baseline[i] - metered[i] : metered[i] - baseline[i];
            if (moved <= 0) continue;
            if (uint256(moved) > slotWh) moved = int256(slotWh);
            used[window.firstSlot + i] = int32(reduces ? moved : -moved);
            performanceWh += uint256(moved);
        }
    }

    /// @dev Neither the enrolment nor what was published changes while the part is open.
    function _subject(
        Programme storage p,
        EventWindow memory window,
        address account,
        Participation storage part
    ) private view returns (Subject memory) {
        return Subject({
            market: p.terms.market,
            account: account,
            carrier: p.terms.carrier,
            period: window.period,
            firstSlot: window.firstSlot,
            slots: window.slots,
            since: _enrolments[window.programme][account].since,
            periodSlots: p.periodSlots,
            publishedHash: part.publishedHash
        });
    }

    function _event(uint64 eventId) private view returns (EventWindow memory window) {
        window = _events[eventId];
        if (window.programme == 0) revert UnknownEvent(eventId);
    }

    function _requireStatus(Participation storage part, PartStatus status) private view {
        if (part.status != status) revert WrongStatus(part.status);
    }

    function _requireUndisputable(Programme storage p, Participation storage part) private view {
        uint256 notBefore = part.changedAt;
        if (part.status == PartStatus.Reported) notBefore += p.terms.disputeWindow;
        else if (part.status == PartStatus.Disputed) notBefore += RULING_WINDOW;
        else revert WrongStatus(part.status);
        if (block.timestamp <= notBefore) revert NotSettleable(notBefore);
    }

    function _requireNotice(Programme storage p, EventWindow memory window) private view {
        uint256 startsAt = _startsAt(p, window);
        if (!_hasNotice(p, startsAt)) revert NoticeTooShort(startsAt);
    }

    function _hasNotice(Programme storage p, uint256 startsAt) private view returns (bool) {
        return block.timestamp + p.terms.notice <= startsAt;
    }

    function _lacksBaseline(Programme storage p, Participation storage part)
        private
        view
        returns (bool)
    {
        return part.publishedHash == 0 && Baseline.isPublished(p.terms.rule);
    }

    function _startsAt(Programme storage p, EventWindow memory window)
        private
        view
        returns (uint256)
    {
        return (uint256(window.period) * p.periodSlots + window.firstSlot) * p.slotSeconds;
    }

    function _targetWh(Programme storage p, uint48 targetW) private view returns (uint256) {
        return uint256(targetW) * p.slotSeconds / SECONDS_PER_HOUR;
    }

    /// @dev The part of a target whose absence is fined, Wh, rounded down.
    function _owedWh(Programme storage p, uint256 targetWh) private view returns (uint256) {
        return targetWh * (FULL_BP - p.terms.toleranceBp) / FULL_BP;
    }

    function _penalty(Programme storage p, uint256 shortfallWh) private view returns (uint256) {
        return SettlementMath.ceilDiv(shortfallWh * p.terms.penalty, SettlementMath.USCALE);
    }
}
