"""Demand response: escrows, bonds, and every event's performance measured again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_utils.crypto import keccak

from market.units import SCALE, ceil_div
from wattproof.audit import token_moves
from wattproof.audit.claims import check_used, reductions
from wattproof.audit.claims_state import (
    CalledEvent,
    Enrolled,
    EventPart,
    Programme,
)
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import State
from wattproof.claims.service import rule_of

_CONTRACT = "DemandResponse"
_BP = 10_000
_INSTRUCTED, _REFUSED, _REPORTED, _DISPUTED, _RESOLVED, _SETTLED, _LAPSED = range(1, 8)
_EXCUSE, _VOID = 1, 2


def programme_created(state: State, entry: Entry) -> None:
    args, terms = entry.event.args, entry.event.args["terms"]
    state.demand_response.programmes[args["programme"]] = Programme(
        owner=args["owner"],
        asset=args["asset"],
        market=terms["market"],
        carrier=terms["carrier"],
        reduces=terms["direction"] == 0,
        tolerance_bp=terms["toleranceBp"],
        incentive=terms["incentive"],
        penalty=terms["penalty"],
        rule=rule_of(terms["rule"]),
        terms=terms,
    )


def funded(state: State, entry: Entry) -> None:
    args, programme = entry.event.args, _programme(state, entry)
    token_moves.received(state, entry, programme.asset, args["from"], args["amount"])
    programme.escrow += args["amount"]


def defunded(state: State, entry: Entry) -> None:
    amount, programme = entry.event.args["amount"], _programme(state, entry)
    token_moves.paid(state, entry, programme.asset, programme.owner, amount)
    programme.escrow -= amount
    if programme.escrow < programme.set_aside:
        raise entry.mismatch("escrow", f"{programme.escrow} of {programme.set_aside} needed")


def enrolled(state: State, entry: Entry) -> None:
    args = entry.event.args
    asset = _programme(state, entry).asset
    token_moves.received(state, entry, asset, args["account"], args["bond"])
    state.demand_response.enrolments[args["programme"], args["account"]] = Enrolled(
        args["capacityW"], args["since"], args["bond"]
    )


def bond_added(state: State, entry: Entry) -> None:
    args, asset = entry.event.args, _programme(state, entry).asset
    token_moves.received(state, entry, asset, args["account"], args["amount"])
    _enrolment(state, entry).bond += args["amount"]


def availability_changed(state: State, entry: Entry) -> None:
    _enrolment(state, entry).available = entry.event.args["available"]


def left(state: State, entry: Entry) -> None:
    args, enrolment = entry.event.args, _enrolment(state, entry)
    asset = _programme(state, entry).asset
    token_moves.paid(state, entry, asset, args["account"], args["bond"])
    if enrolment.open_events or args["bond"] != enrolment.bond:
        raise entry.mismatch("bond", f"{args['bond']} of {enrolment.bond} left")
    del state.demand_response.enrolments[args["programme"], args["account"]]


def event_called(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.demand_response.events[args["eventId"]] = CalledEvent(
        args["programme"], args["period"], args["firstSlot"], args["slots"]
    )


def instructed(state: State, entry: Entry) -> None:
    args = entry.event.args
    event, programme, enrolment = _parties(state, entry)
    target_wh = _target_wh(state, programme, args["targetW"]) * event.slots
    incentive = ceil_div(target_wh * programme.incentive, SCALE)
    penalty = ceil_div(_owed_wh(programme, target_wh) * programme.penalty, SCALE)
    if (args["incentiveSetAside"], args["penaltySetAside"]) != (incentive, penalty):
        raise entry.mismatch("set aside", f"must be {incentive} and {penalty}")
    if args["targetW"] > enrolment.capacity_w:
        raise entry.mismatch("target", f"is above the capacity {enrolment.capacity_w} W")
    event.parts[args["account"]] = EventPart(
        args["targetW"], incentive, penalty, args["reservation"], _INSTRUCTED
    )
    programme.set_aside += incentive
    enrolment.set_aside += penalty
    enrolment.open_events += 1
    if programme.set_aside > programme.escrow or enrolment.set_aside > enrolment.bond:
        raise entry.mismatch("set aside", "is more than there is")


def baseline_published(state: State, entry: Entry) -> None:
    _part(state, entry).published = entry.event.args["values"]


def refused(state: State, entry: Entry) -> None:
    _finish(state, entry, (_INSTRUCTED,), _REFUSED)


def reported(state: State, entry: Entry) -> None:
    args, part = entry.event.args, _part(state, entry)
    event, programme, enrolment = _parties(state, entry)
    _require(entry, part, _INSTRUCTED)
    part.status = _REPORTED
    slots = range(event.first_slot, event.first_slot + event.slots)
    slot_wh = _target_wh(state, programme, part.target_w)
    found = reductions(
        state,
        (programme.market, args["account"], programme.carrier, event.period),
        programme.rule,
        slots,
        enrolment.since,
        part.published,
        increases=not programme.reduces,
    )
    sign = 1 if programme.reduces else -1
    moved = {
        slot: min(max(0, sign * reduction), slot_wh)
        for slot, reduction in zip(slots, found, strict=True)
    }
    check_used(
        state, entry, part.reservation, {slot: sign * energy for slot, energy in moved.items()}
    )
    part.performance_wh = sum(moved.values())
    part.incentive = part.performance_wh * programme.incentive // SCALE
    shortfall = max(0, _owed_wh(programme, slot_wh * event.slots) - part.performance_wh)
    part.penalty = ceil_div(shortfall * programme.penalty, SCALE)
    derived = part.performance_wh, part.incentive, part.penalty
    announced = args["performanceWh"], args["incentive"], args["penalty"]
    if announced != derived:
        raise entry.mismatch("report", f"says {announced}, derived are {derived}")


def disputed(state: State, entry: Entry) -> None:
    part = _part(state, entry)
    _require(entry, part, _REPORTED)
    part.status = _DISPUTED


def resolved(state: State, entry: Entry) -> None:
    part, ruling = _part(state, entry), entry.event.args["ruling"]
    _require(entry, part, _DISPUTED)
    part.status = _RESOLVED
    if ruling in (_EXCUSE, _VOID):
        part.penalty = 0
    if ruling == _VOID:
        part.incentive = 0


def settled(state: State, entry: Entry) -> None:
    args, part = entry.event.args, _part(state, entry)
    _finish(state, entry, (_REPORTED, _DISPUTED, _RESOLVED), _SETTLED)
    if (args["incentive"], args["penalty"]) != (part.incentive, part.penalty):
        raise entry.mismatch("payment", f"must be {part.incentive} and {part.penalty}")
    _, programme, enrolment = _parties(state, entry)
    token_moves.paid(state, entry, programme.asset, args["account"], part.incentive)
    programme.escrow += part.penalty - part.incentive
    enrolment.bond -= part.penalty
    if enrolment.bond < 0 or programme.escrow < programme.set_aside:
        raise entry.mismatch("payment", "is more than there was")


def lapsed(state: State, entry: Entry) -> None:
    _finish(state, entry, (_INSTRUCTED,), _LAPSED)


def held(state: State, asset: str) -> int:
    """Escrows and bonds of all programmes in an asset: what its tokens must be, but for gifts."""
    programmes = state.demand_response.programmes
    mine = {number for number, programme in programmes.items() if programme.asset == asset}
    return sum(programmes[number].escrow for number in mine) + sum(
        enrolment.bond
        for (number, _), enrolment in state.demand_response.enrolments.items()
        if number in mine
    )


def _programme(state: State, entry: Entry) -> Programme:
    return state.demand_response.programmes[entry.event.args["programme"]]


def _enrolment(state: State, entry: Entry) -> Enrolled:
    args = entry.event.args
    return state.demand_response.enrolments[args["programme"], args["account"]]


def _part(state: State, entry: Entry) -> EventPart:
    args = entry.event.args
    return state.demand_response.events[args["eventId"]].parts[args["account"]]


def _parties(state: State, entry: Entry) -> tuple[CalledEvent, Programme, Enrolled]:
    book, args = state.demand_response, entry.event.args
    event = book.events[args["eventId"]]
    return (
        event,
        book.programmes[event.programme],
        book.enrolments[event.programme, args["account"]],
    )


def _finish(state: State, entry: Entry, expected: tuple[int, ...], status: int) -> None:
    part = _part(state, entry)
    _require(entry, part, *expected)
    part.status = status
    _, programme, enrolment = _parties(state, entry)
    programme.set_aside -= part.incentive_set_aside
    enrolment.set_aside -= part.penalty_set_aside
    enrolment.open_events -= 1


def _require(entry: Entry, part: EventPart, *statuses: int) -> None:
    if part.status not in statuses:
        raise entry.mismatch("status", f"was {part.status}, must be one of {statuses}")


def _target_wh(state: State, programme: Programme, target_w: int) -> int:
    """Of one slot."""
    return target_w * state.markets[programme.market].slot_seconds // 3_600


def _owed_wh(programme: Programme, target_wh: int) -> int:
    return target_wh * (_BP - programme.tolerance_bp) // _BP


def expectations(state: State) -> list[tuple[str, tuple[Any, ...], Mapping[str, Any]]]:
    """View functions, their arguments, and the parts of their answers that must hold."""
    book = state.demand_response
    found: list[tuple[str, tuple[Any, ...], Mapping[str, Any]]] = [
        (
            "programmeOf",
            (number,),
            {
                "owner": each.owner,
                "asset": each.asset,
                "escrow": each.escrow,
                "setAside": each.set_aside,
                "terms": each.terms,
            },
        )
        for number, each in book.programmes.items()
    ]
    found += [
        (
            "enrolmentOf",
            key,
            {
                "capacityW": each.capacity_w,
                "since": each.since,
                "bond": each.bond,
                "setAside": each.set_aside,
                "openEvents": each.open_events,
                "available": each.available,
            },
        )
        for key, each in book.enrolments.items()
    ]
    found += [
        (
            "eventOf",
            (number,),
            {
                "programme": event.programme,
                "period": event.period,
                "firstSlot": event.first_slot,
                "slots": event.slots,
            },
        )
        for number, event in book.events.items()
    ]
    found += [
        (
            "participationOf",
            (number, account),
            {
                "status": part.status,
                "targetW": part.target_w,
                "performanceWh": part.performance_wh,
                "incentive": part.incentive,
                "penalty": part.penalty,
                "incentiveSetAside": part.incentive_set_aside,
                "penaltySetAside": part.penalty_set_aside,
                "reservation": part.reservation,
                "publishedHash": keccak(part.published) if part.published else bytes(32),
            },
        )
        for number, event in book.events.items()
        for account, part in event.parts.items()
    ]
    return found


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (_CONTRACT, "ProgrammeCreated"): programme_created,
    (_CONTRACT, "Funded"): funded,
    (_CONTRACT, "Defunded"): defunded,
    (_CONTRACT, "Enrolled"): enrolled,
    (_CONTRACT, "BondAdded"): bond_added,
    (_CONTRACT, "AvailabilityChanged"): availability_changed,
    (_CONTRACT, "Left"): left,
    (_CONTRACT, "EventCalled"): event_called,
    (_CONTRACT, "Instructed"): instructed,
    (_CONTRACT, "BaselinePublished"): baseline_published,
    (_CONTRACT, "Refused"): refused,
    (_CONTRACT, "Reported"): reported,
    (_CONTRACT, "Disputed"): disputed,
    (_CONTRACT, "Resolved"): resolved,
    (_CONTRACT, "Settled"): settled,
    (_CONTRACT, "Lapsed"): lapsed,
}
