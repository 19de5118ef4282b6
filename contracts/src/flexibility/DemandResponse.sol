// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {SettlementMath} from "../settlement/SettlementMath.sol";
import {Baseline, Claim, Subject} from "./Baseline.sol";
import {
    Direction,
    Enrolment,
    EventWindow,
    IDemandResponse,
    Participation,
    PartStatus,
    Ruling
} from "./IDemandResponse.sol";
import {Instructions} from "./Instructions.sol";
import {Programmes} from "./Programmes.sol";

/// @title Demand response; see IDemandResponse
/// @dev Immutable: no owner of the contract, no pause, no upgrade. Here is what follows an event.
contract DemandResponse is Instructions {
    uint256 public constant RULING_WINDOW = 3 days;

    /// @param manager the AccessManager that knows programme owners and the meter authority
    constructor(
        address manager,
        address exchange_,
        address ledger_,
        address meters_,
        address deviations_,
        address credentials_
    )
        AccessManaged(manager)
        Programmes(exchange_, ledger_, meters_, credentials_)
        Instructions(deviations_)
    {}

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

    // ------------------------------------------------------------------ parts

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

    function _requireUndisputable(Programme storage p, Participation storage part) private view {
        uint256 notBefore = part.changedAt;
        if (part.status == PartStatus.Reported) notBefore += p.terms.disputeWindow;
        else if (part.status == PartStatus.Disputed) notBefore += RULING_WINDOW;
        else revert WrongStatus(part.status);
        if (block.timestamp <= notBefore) revert NotSettleable(notBefore);
    }
}
