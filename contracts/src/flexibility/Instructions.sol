// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDeviations} from "../metering/IDeviations.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {Baseline} from "./Baseline.sol";
import {
    Enrolment,
    EventWindow,
    IDemandResponse,
    Participation,
    PartStatus
} from "./IDemandResponse.sol";
import {Programmes} from "./Programmes.sol";

/// @notice Events until they begin: called, instructed, refused.
abstract contract Instructions is Programmes {
    /// @dev What a deviation's `int32` holds.
    uint256 private constant MOST_IN_A_SLOT = uint256(uint32(type(int32).max));

    IDeviations public immutable deviations;

    /// @inheritdoc IDemandResponse
    uint64 public eventCount;

    mapping(uint64 eventId => EventWindow) private _events;
    mapping(uint64 eventId => mapping(address account => Participation)) internal _parts;

    constructor(address deviations_) {
        deviations = IDeviations(deviations_);
    }

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
    ) internal {
        part.status = status;
        p.setAside -= part.incentiveSetAside;
        enrolment.setAside -= part.penaltySetAside;
        --enrolment.openEvents;
    }

    function _event(uint64 eventId) internal view returns (EventWindow memory window) {
        window = _events[eventId];
        if (window.programme == 0) revert UnknownEvent(eventId);
    }

    function _requireStatus(Participation storage part, PartStatus status) internal view {
        if (part.status != status) revert WrongStatus(part.status);
    }

    function _requireNotice(Programme storage p, EventWindow memory window) private view {
        uint256 startsAt = _startsAt(p, window);
        if (!_hasNotice(p, startsAt)) revert NoticeTooShort(startsAt);
    }

    function _hasNotice(Programme storage p, uint256 startsAt) internal view returns (bool) {
        return block.timestamp + p.terms.notice <= startsAt;
    }

    function _lacksBaseline(Programme storage p, Participation storage part)
        internal
        view
        returns (bool)
    {
        return part.publishedHash == 0 && Baseline.isPublished(p.terms.rule);
    }

    function _startsAt(Programme storage p, EventWindow memory window)
        internal
        view
        returns (uint256)
    {
        return (uint256(window.period) * p.periodSlots + window.firstSlot) * p.slotSeconds;
    }

    function _targetWh(Programme storage p, uint48 targetW) internal view returns (uint256) {
        return uint256(targetW) * p.slotSeconds / SECONDS_PER_HOUR;
    }

    /// @dev The part of a target whose absence is fined, Wh, rounded down.
    function _owedWh(Programme storage p, uint256 targetWh) internal view returns (uint256) {
        return targetWh * (FULL_BP - p.terms.toleranceBp) / FULL_BP;
    }

    function _penalty(Programme storage p, uint256 shortfallWh) internal view returns (uint256) {
        return SettlementMath.ceilDiv(shortfallWh * p.terms.penalty, SettlementMath.USCALE);
    }
}
