"""Demand response as grid company and stations go through it, each with its own transactions."""

from __future__ import annotations

from dataclasses import dataclass

from market.reference.programmes import ProgrammeTerms
from wattproof.demo.cast import Member
from wattproof.demo.stage import Stage
from wattproof.flexibility import service as flexibility
from wattproof.flexibility import transactions
from wattproof.flexibility.service import Part


@dataclass(frozen=True, slots=True)
class CalledEvent:
    """An event and its window; ``first_slot`` counts from the period's first."""

    event: int
    programme: int
    terms: ProgrammeTerms
    period: int
    first_slot: int
    slots: int

    @property
    def window(self) -> slice:
        """The window's slots in arrays over the period."""
        return slice(self.first_slot, self.first_slot + self.slots)


def create_programme(stage: Stage, owner: Member, terms: ProgrammeTerms, escrow_micro: int) -> int:
    """Create and fund a programme; its number."""
    platform = stage.platform
    stage.transact(owner.address, transactions.create_programme(platform, terms))
    number = flexibility.programmes(platform)[-1].programme
    stage.transact(owner.address, *transactions.fund(platform, number, escrow_micro))
    return number


def enrol(stage: Stage, member: Member, programme: int, capacity_w: int, since: int) -> None:
    """Enrol with what can be moved at most; takes the bond out of the member's wallet."""
    calls = transactions.enrol(stage.platform, programme, capacity_w, since)
    stage.transact(member.address, *calls)


def call_event(
    stage: Stage, owner: Member, programme: int, *, period: int, first_slot: int, slots: int
) -> CalledEvent:
    """Call an event."""
    platform = stage.platform
    call = transactions.call_event(
        platform, programme, period=period, first_slot=first_slot, slots=slots
    )
    stage.transact(owner.address, call)
    with platform.transaction() as session:
        event = flexibility.called(platform, session, programme)[-1].event
    terms = flexibility.get_programme(platform, programme).terms
    return CalledEvent(event, programme, terms, period, first_slot, slots)


def instruct(
    stage: Stage, owner: Member, called: CalledEvent, member: Member, target_w: int
) -> None:
    """Ask an enrolled account for a target in every slot of the window."""
    call = transactions.instruct(stage.platform, called.event, member.address, target_w)
    stage.transact(owner.address, call)


def part_of(stage: Stage, called: CalledEvent, member: Member) -> Part:
    """How far somebody's part in an event has come, and what it was paid."""
    with stage.platform.transaction() as session:
        parts = flexibility.parts(stage.platform, session, called.event)
    return next(part for part in parts if part.account == member.address)
