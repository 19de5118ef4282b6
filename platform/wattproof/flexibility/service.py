"""Programmes, enrolments, events and reports, and the transactions that change them.

The chain is the only place where they live: what exists is listed from indexed events, what it
stands at is read from the contract. Terms are those of OpenADR 3: programme, event, report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlmodel import Session, select

from market.reference.programmes import Direction, ProgrammeTerms
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.claims.service import rule_of, rule_on_chain
from wattproof.errors import InvalidError, NotFoundError
from wattproof.indexer import history
from wattproof.indexer.models import EventRow, argument
from wattproof.meters.values import pack
from wattproof.runtime import Platform

CONTRACT = "DemandResponse"
_INSTRUCT_GAS = 500_000
_PUBLISH_GAS = 600_000


class PartStatus(IntEnum):
    """How far an account's part in an event has come."""

    NONE = 0
    INSTRUCTED = 1
    REFUSED = 2
    REPORTED = 3
    DISPUTED = 4
    RESOLVED = 5
    SETTLED = 6
    LAPSED = 7


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme as it stands; micro-units of ``asset``."""

    programme: int
    owner: str
    asset: str
    escrow_micro: int
    set_aside_micro: int
    terms: ProgrammeTerms


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An account in a programme; money in micro-units."""

    programme: int
    account: str
    capacity_w: int
    since: int
    bond_micro: int
    set_aside_micro: int
    open_events: int
    available: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A window of one period; ``first_slot`` counts in it."""

    event: int
    programme: int
    period: int
    first_slot: int
    slots: int


@dataclass(frozen=True, slots=True)
class Part:
    """An account's part in an event; performance and payments once it is reported."""

    event: int
    account: str
    status: PartStatus
    target_w: int
    performance_wh: int
    incentive_micro: int
    penalty_micro: int
    changed_at: int


def terms_of(view: Mapping[str, Any]) -> ProgrammeTerms:
    """Terms from the struct of the contract, or of an indexed event."""
    return ProgrammeTerms(
        market=view["market"],
        carrier=view["carrier"],
        direction=Direction(view["direction"]),
        tolerance_bp=view["toleranceBp"],
        max_event_slots=view["maxEventSlots"],
        notice=view["notice"],
        refusal_lead=view["refusalLead"],
        dispute_window=view["disputeWindow"],
        incentive=int(view["incentive"]),
        penalty=int(view["penalty"]),
        role=_bytes(view["role"]),
        rule=rule_of(view["rule"]),
    )


# -- reading ---------------------------------------------------------------------------------------


def programmes(platform: Platform) -> list[Programme]:
    """Every programme, in its order."""
    count = platform.chain.call(CONTRACT, "programmeCount")
    return _programmes(platform, range(1, count + 1))


def get_programme(platform: Platform, number: int) -> Programme:
    """One programme. Raises NotFoundError."""
    if not 1 <= number <= platform.chain.call(CONTRACT, "programmeCount"):
        raise NotFoundError(f"nobody created programme {number}")
    return _programmes(platform, [number])[0]


def enrolments(platform: Platform, session: Session, programme: int) -> list[Enrolment]:
    """Who is enrolled in a programme now, in order of address."""
    accounts = sorted(
        {e.args["account"] for e in events(session, "Enrolled") if e.args["programme"] == programme}
    )
    return [found for a in accounts if (found := enrolment(platform, programme, a)) is not None]


def enrolment(platform: Platform, programme: int, account: str) -> Enrolment | None:
    """An account's enrolment; None where there is none."""
    view = platform.chain.call(CONTRACT, "enrolmentOf", programme, account)
    if view["capacityW"] == 0:
        return None
    return Enrolment(
        programme=programme,
        account=account,
        capacity_w=view["capacityW"],
        since=view["since"],
        bond_micro=view["bond"],
        set_aside_micro=view["setAside"],
        open_events=view["openEvents"],
        available=view["available"],
    )


def called(platform: Platform, session: Session, programme: int) -> list[Event]:
    """The events of a programme, in their order."""
    numbers = [
        int(e.args["eventId"])
        for e in events(session, "EventCalled")
        if e.args["programme"] == programme
    ]
    return _events(platform, numbers)


def get_event(platform: Platform, number: int) -> Event:
    """One event. Raises NotFoundError."""
    if not 1 <= number <= platform.chain.call(CONTRACT, "eventCount"):
        raise NotFoundError(f"nobody called event {number}")
    return _events(platform, [number])[0]


def next_event(platform: Platform) -> int:
    """The number the next event gets, unless somebody else calls one first."""
    return int(platform.chain.call(CONTRACT, "eventCount")) + 1


def parts(platform: Platform, session: Session, number: int) -> list[Part]:
    """Who was instructed in an event, and how far each has come."""
    return _parts(
        platform,
        [
            (number, e.args["account"])
            for e in events(session, "Instructed")
            if int(e.args["eventId"]) == number
        ],
    )


def parts_of(platform: Platform, session: Session, account: str) -> list[Part]:
    """All that an account was ever instructed to do."""
    return _parts(
        platform,
        [
            (int(e.args["eventId"]), account)
            for e in events(session, "Instructed")
            if e.args["account"] == account
        ],
    )


def published(session: Session, event: int, account: str) -> bytes | None:
    """An account's published baseline, packed; None where none was published."""
    found = session.exec(
        select(EventRow).where(
            EventRow.contract == CONTRACT,
            EventRow.name == "BaselinePublished",
            argument("eventId") == str(event),
            argument("account") == account,
        )
    ).first()
    return None if found is None else _bytes(found.args["values"])


def events(session: Session, name: str) -> Sequence[EventRow]:
    """Indexed events of the contract, oldest first."""
    return history.events(session, CONTRACT, name)


# -- transactions of the owner ---------------------------------------------------------------------


def create_programme(platform: Platform, terms: ProgrammeTerms) -> UnsignedTransaction:
    """Create the signer's programme (role PROGRAMME_OWNER)."""
    return unsigned(platform, "create the programme", CONTRACT, "createProgramme", _on_chain(terms))


def fund(platform: Platform, programme: int, amount_micro: int) -> list[UnsignedTransaction]:
    """Approve, then put money into the programme's escrow."""
    return [
        _approve(platform, amount_micro),
        unsigned(platform, "fund the programme", CONTRACT, "fund", programme, amount_micro),
    ]


def defund(platform: Platform, programme: int, amount_micro: int) -> UnsignedTransaction:
    """Take out what open events cannot cost, into the ledger."""
    return unsigned(platform, "take out", CONTRACT, "defund", programme, amount_micro)


def call_event(
    platform: Platform, programme: int, *, period: int, first_slot: int, slots: int
) -> UnsignedTransaction:
    """Call an event; ``first_slot`` counts in the period."""
    return unsigned(
        platform, "call the event", CONTRACT, "callEvent", programme, period, first_slot, slots
    )


def instruct(platform: Platform, event: int, account: str, target_w: int) -> UnsignedTransaction:
    """Ask an enrolled account for a target in every slot of the event."""
    return unsigned(
        platform,
        "instruct the account",
        CONTRACT,
        "instruct",
        event,
        account,
        target_w,
        gas=_INSTRUCT_GAS,
    )


def publish_baseline(
    platform: Platform, event: int, account: str, values_wh: Sequence[int]
) -> UnsignedTransaction:
    """Publish an instructed account's baseline, Wh a slot of the period."""
    return unsigned(
        platform,
        "publish the baseline",
        CONTRACT,
        "publishBaseline",
        event,
        account,
        pack(values_wh),
        gas=_PUBLISH_GAS,
    )


# -- transactions of accounts ----------------------------------------------------------------------


def enrol(
    platform: Platform, programme: int, capacity_w: int, since: int
) -> list[UnsignedTransaction]:
    """Approve the bond, then enrol.

    Raises:
        InvalidError: the capacity needs a bond that no account can hold.
    """
    bond = int(platform.chain.call(CONTRACT, "bondFor", programme, capacity_w))
    if bond >= 1 << 63:
        raise InvalidError(f"{capacity_w} W would need a bond of {bond} micro-units; enrol less")
    return [
        _approve(platform, bond),
        unsigned(platform, "enrol", CONTRACT, "enrol", programme, capacity_w, since),
    ]


def add_bond(platform: Platform, programme: int, amount_micro: int) -> list[UnsignedTransaction]:
    """Approve, then raise the signer's bond."""
    return [
        _approve(platform, amount_micro),
        unsigned(platform, "raise the bond", CONTRACT, "addBond", programme, amount_micro),
    ]


def set_available(platform: Platform, programme: int, available: bool) -> UnsignedTransaction:
    """Say whether the signer takes instructions."""
    return unsigned(platform, "set availability", CONTRACT, "setAvailable", programme, available)


def leave(platform: Platform, programme: int) -> UnsignedTransaction:
    """End the signer's enrolment; the bond returns."""
    return unsigned(platform, "leave the programme", CONTRACT, "leaveProgramme", programme)


def refuse(platform: Platform, event: int) -> UnsignedTransaction:
    """Decline an instruction while there is time; nothing is owed."""
    return unsigned(platform, "refuse the event", CONTRACT, "refuse", event)


def dispute(platform: Platform, event: int, account: str) -> UnsignedTransaction:
    """Dispute a report: its account or the programme's owner."""
    return unsigned(platform, "dispute the report", CONTRACT, "dispute", event, account)


# -- parts -----------------------------------------------------------------------------------------


def _approve(platform: Platform, amount_micro: int) -> UnsignedTransaction:
    return unsigned(
        platform,
        "approve the escrow",
        "SettlementToken",
        "approve",
        platform.chain.address(CONTRACT),
        amount_micro,
    )


def _programmes(platform: Platform, numbers: Iterable[int]) -> list[Programme]:
    wanted = list(numbers)
    views = platform.chain.call_many((CONTRACT, "programmeOf", (n,)) for n in wanted)
    return [
        Programme(
            programme=number,
            owner=view["owner"],
            asset=view["asset"],
            escrow_micro=view["escrow"],
            set_aside_micro=view["setAside"],
            terms=terms_of(view["terms"]),
        )
        for number, view in zip(wanted, views, strict=True)
    ]


def _events(platform: Platform, numbers: Sequence[int]) -> list[Event]:
    views = platform.chain.call_many((CONTRACT, "eventOf", (n,)) for n in numbers)
    return [
        Event(number, view["programme"], view["period"], view["firstSlot"], view["slots"])
        for number, view in zip(numbers, views, strict=True)
    ]


def _parts(platform: Platform, keys: Sequence[tuple[int, str]]) -> list[Part]:
    views = platform.chain.call_many((CONTRACT, "participationOf", key) for key in keys)
    return [
        Part(
            event=number,
            account=account,
            status=PartStatus(view["status"]),
            target_w=view["targetW"],
            performance_wh=view["performanceWh"],
            incentive_micro=view["incentive"],
            penalty_micro=view["penalty"],
            changed_at=view["changedAt"],
        )
        for (number, account), view in zip(keys, views, strict=True)
    ]


def _on_chain(terms: ProgrammeTerms) -> dict[str, Any]:
    return {
        "market": terms.market,
        "carrier": terms.carrier,
        "direction": int(terms.direction),
        "toleranceBp": terms.tolerance_bp,
        "maxEventSlots": terms.max_event_slots,
        "notice": terms.notice,
        "refusalLead": terms.refusal_lead,
        "disputeWindow": terms.dispute_window,
        "incentive": terms.incentive,
        "penalty": terms.penalty,
        "role": terms.role,
        "rule": rule_on_chain(terms.rule),
    }


def _bytes(value: bytes | str) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
