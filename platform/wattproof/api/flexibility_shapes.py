"""Demand response as requests and answers carry it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from identity.roles import role_id
from market.reference.programmes import Direction, ProgrammeTerms
from wattproof.api.baseline_rule import BaselineRuleBody
from wattproof.api.fields import Uint32
from wattproof.flexibility import service

Micro = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1, examples=[25_000_000])]
Watt = Annotated[int, Field(strict=True, ge=1, le=2**48 - 1, examples=[500_000])]
Rate = Annotated[int, Field(strict=True, ge=0, le=2**62, examples=[200_000_000])]
Seconds = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TermsBody(_Body):
    """What a programme promises, for ever."""

    market: Uint32 = Field(examples=[1], description="Where the meters are registered.")
    carrier: int = Field(strict=True, ge=0, lt=2**16)
    direction: int = Field(
        strict=True, ge=0, le=1, description="0 reduces net consumption, 1 increases it."
    )
    tolerance_bp: int = Field(
        strict=True, ge=0, le=10_000, description="Part of a target that may be missed unpunished."
    )
    max_event_slots: int = Field(strict=True, ge=1, le=256)
    notice_s: Seconds = Field(examples=[7_200])
    refusal_lead_s: Seconds = Field(examples=[3_600], description="Less than the notice.")
    dispute_window_s: Seconds = Field(examples=[86_400], description="At most three days.")
    incentive_nano_per_kwh: Rate
    penalty_nano_per_kwh: Rate
    role: str | None = Field(
        default=None,
        pattern=r"^[a-z_]{1,40}$",
        description="The credential an account needs to enrol; null for none.",
    )
    rule: BaselineRuleBody

    def terms(self) -> ProgrammeTerms:
        """What goes to the contract."""
        return ProgrammeTerms(
            market=self.market,
            carrier=self.carrier,
            direction=Direction(self.direction),
            tolerance_bp=self.tolerance_bp,
            max_event_slots=self.max_event_slots,
            notice=self.notice_s,
            refusal_lead=self.refusal_lead_s,
            dispute_window=self.dispute_window_s,
            incentive=self.incentive_nano_per_kwh,
            penalty=self.penalty_nano_per_kwh,
            role=role_id(self.role) if self.role else bytes(32),
            rule=self.rule.rule(),
        )


class MoneyAmount(_Body):
    amount_micro: Micro


class NewEvent(_Body):
    period: Uint32
    first_slot: int = Field(strict=True, ge=0, le=255, description="Counted in the period.")
    slots: int = Field(strict=True, ge=1, le=256)


class Instruction(_Body):
    target_w: Watt = Field(description="In every slot of the event.")


class Enrolling(_Body):
    capacity_w: Watt = Field(description="What you can move at most.")
    since: Uint32 = Field(
        description="The first period that may count as one of your baseline days."
    )


class Availability(_Body):
    available: bool


class ProgrammeOut(BaseModel):
    """A programme as it stands on the chain."""

    programme: int
    owner: str
    escrow_micro: int
    set_aside_micro: int = Field(description="What open events may cost.")
    market: int
    carrier: int
    direction: int
    tolerance_bp: int
    max_event_slots: int
    notice_s: int
    refusal_lead_s: int
    dispute_window_s: int
    incentive_nano_per_kwh: int
    penalty_nano_per_kwh: int
    role: str = Field(description="Hash of the role's name; zeros for none.")
    rule: BaselineRuleBody


class ProgrammesOut(BaseModel):
    items: list[ProgrammeOut]


class EnrolmentOut(BaseModel):
    programme: int
    account: str
    capacity_w: int
    since: int
    bond_micro: int
    set_aside_micro: int
    open_events: int
    available: bool


class EnrolmentsOut(BaseModel):
    items: list[EnrolmentOut]


class EventOut(BaseModel):
    event: int
    programme: int
    period: int
    first_slot: int
    slots: int


class EventsOut(BaseModel):
    items: list[EventOut]


class PartOut(BaseModel):
    """An account's part in an event."""

    event: int
    account: str
    status: str = Field(
        description="instructed, refused, reported, disputed, resolved, settled or lapsed"
    )
    target_w: int
    performance_wh: int
    incentive_micro: int
    penalty_micro: int
    changed_at: int


class PartsOut(BaseModel):
    items: list[PartOut]


class EventDetail(EventOut):
    parts: list[PartOut]


def programme_out(found: service.Programme) -> ProgrammeOut:
    terms = found.terms
    return ProgrammeOut(
        programme=found.programme,
        owner=found.owner,
        escrow_micro=found.escrow_micro,
        set_aside_micro=found.set_aside_micro,
        market=terms.market,
        carrier=terms.carrier,
        direction=int(terms.direction),
        tolerance_bp=terms.tolerance_bp,
        max_event_slots=terms.max_event_slots,
        notice_s=terms.notice,
        refusal_lead_s=terms.refusal_lead,
        dispute_window_s=terms.dispute_window,
        incentive_nano_per_kwh=terms.incentive,
        penalty_nano_per_kwh=terms.penalty,
        role="0x" + terms.role.hex(),
        rule=BaselineRuleBody.of(terms.rule),
    )


def enrolment_out(found: service.Enrolment) -> EnrolmentOut:
    return EnrolmentOut(
        programme=found.programme,
        account=found.account,
        capacity_w=found.capacity_w,
        since=found.since,
        bond_micro=found.bond_micro,
        set_aside_micro=found.set_aside_micro,
        open_events=found.open_events,
        available=found.available,
    )


def event_out(found: service.Event) -> EventOut:
    return EventOut(
        event=found.event,
        programme=found.programme,
        period=found.period,
        first_slot=found.first_slot,
        slots=found.slots,
    )


def part_out(found: service.Part) -> PartOut:
    return PartOut(
        event=found.event,
        account=found.account,
        status=found.status.name.lower(),
        target_w=found.target_w,
        performance_wh=found.performance_wh,
        incentive_micro=found.incentive_micro,
        penalty_micro=found.penalty_micro,
        changed_at=found.changed_at,
    )
