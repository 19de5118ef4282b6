"""Programmes, enrolments, events and reports.

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
from wattproof.claims.service import rule_of
from wattproof.errors import NotFoundError
from wattproof.indexer import history
from wattproof.indexer.models import EventRow, argument
from wattproof.runtime import Platform

CONTRACT = "DemandResponse"


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


# -- parts -----------------------------------------------------------------------------------------


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


def _bytes(value: bytes | str) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
