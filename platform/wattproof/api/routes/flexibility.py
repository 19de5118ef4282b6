"""Demand response: programmes, enrolments, events, reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from identity.credential import role_id
from market.reference.programmes import Direction, ProgrammeTerms
from wattproof.accounts.service import UnsignedTransaction
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.baseline_preview import BaselinePreview
from wattproof.api.baseline_rule import BaselineRuleBody
from wattproof.api.fields import Address, Int32, Uint32
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionsToSign, to_sign
from wattproof.auth.scopes import Principal
from wattproof.claims import service as claims
from wattproof.claims.service import Subject
from wattproof.errors import NotFoundError
from wattproof.flexibility import service
from wattproof.runtime import Platform

router = APIRouter(prefix="/flexibility", tags=["demand response"])

ProgrammePath = Annotated[int, Path(ge=1, le=2**32 - 1, examples=[1])]
EventPath = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
AddressPath = Annotated[Address, Path()]
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


class BaselineValues(_Body):
    values_wh: list[Int32] = Field(min_length=1, max_length=256)


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


# -- reading ---------------------------------------------------------------------------------------


@router.get("/programmes", responses=responses(401, 403, 503))
def list_programmes(principal: Anyone, platform: PlatformDep) -> ProgrammesOut:
    """Every programme: what it pays, what it asks, what backs it."""
    return ProgrammesOut(items=[_programme_out(each) for each in service.programmes(platform)])


@router.get("/programmes/{programme}", responses=responses(401, 403, 404, 422, 503))
def get_programme(
    programme: ProgrammePath, principal: Anyone, platform: PlatformDep
) -> ProgrammeOut:
    """One programme."""
    return _programme_out(service.get_programme(platform, programme))


@router.get("/programmes/{programme}/enrolments", responses=responses(401, 403, 404, 422, 503))
def list_enrolments(
    programme: ProgrammePath, principal: Anyone, platform: PlatformDep
) -> EnrolmentsOut:
    """Who is enrolled, for the owner; your own enrolment for everybody else."""
    owner = service.get_programme(platform, programme).owner
    if principal.address == owner:
        with platform.transaction() as session:
            found = service.enrolments(platform, session, programme)
    else:
        own = service.enrolment(platform, programme, principal.address)
        found = [own] if own else []
    return EnrolmentsOut(items=[_enrolment_out(each) for each in found])


@router.get("/programmes/{programme}/events", responses=responses(401, 403, 404, 422, 503))
def list_events(programme: ProgrammePath, principal: Anyone, platform: PlatformDep) -> EventsOut:
    """The events of a programme."""
    service.get_programme(platform, programme)
    with platform.transaction() as session:
        return EventsOut(
            items=[_event_out(each) for each in service.called(platform, session, programme)]
        )


@router.get("/events/{event}", responses=responses(401, 403, 404, 422, 503))
def get_event(event: EventPath, principal: Anyone, platform: PlatformDep) -> EventDetail:
    """An event and its parts: all for the programme's owner, your own for everybody else."""
    found = service.get_event(platform, event)
    owner = service.get_programme(platform, found.programme).owner
    with platform.transaction() as session:
        parts = service.parts(platform, session, event)
    return EventDetail(
        **_event_out(found).model_dump(),
        parts=[_part_out(p) for p in parts if principal.address in (owner, p.account)],
    )


@router.get("/events/{event}/preview", responses=responses(401, 403, 404, 409, 422, 503))
def preview(event: EventPath, principal: Participant, platform: PlatformDep) -> BaselinePreview:
    """What your baseline in an event would be as things stand; says what is missing if it is."""
    found = service.get_event(platform, event)
    own = service.enrolment(platform, found.programme, principal.address)
    if own is None:
        raise NotFoundError(f"you are not enrolled in programme {found.programme}")
    terms = service.get_programme(platform, found.programme).terms
    subject = Subject(
        terms.market, principal.address, terms.carrier, found.period, own.since, terms.rule
    )
    with platform.transaction() as session:
        return BaselinePreview.of(claims.preview(platform, session, subject))


@router.get("/me", responses=responses(401, 403, 503))
def my_parts(principal: Participant, platform: PlatformDep) -> PartsOut:
    """Everything you were ever instructed to do, and what it paid."""
    with platform.transaction() as session:
        found = service.parts_of(platform, session, principal.address)
    return PartsOut(items=[_part_out(each) for each in found])


# -- what an owner signs ---------------------------------------------------------------------------


@router.post("/programmes", responses=responses(401, 403, 409, 422, 503))
def create_programme(
    body: TermsBody, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that creates your programme (needs the role of a programme owner)."""
    return _tried(platform, principal, service.create_programme(platform, body.terms()))


@router.post("/programmes/{programme}/fund", responses=responses(401, 403, 404, 422, 503))
def fund(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that put money from your wallet into a programme's escrow."""
    service.get_programme(platform, programme)
    return to_sign(
        platform, principal.address, service.fund(platform, programme, body.amount_micro)
    )


@router.post("/programmes/{programme}/defund", responses=responses(401, 403, 404, 409, 422, 503))
def defund(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes out what open events cannot cost."""
    service.get_programme(platform, programme)
    return _tried(platform, principal, service.defund(platform, programme, body.amount_micro))


@router.post("/programmes/{programme}/events", responses=responses(401, 403, 404, 409, 422, 503))
def call_event(
    programme: ProgrammePath, body: NewEvent, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that calls an event, with the programme's notice."""
    service.get_programme(platform, programme)
    return _tried(
        platform,
        principal,
        service.call_event(
            platform,
            programme,
            period=body.period,
            first_slot=body.first_slot,
            slots=body.slots,
        ),
    )


@router.post("/events/{event}/parts/{account}", responses=responses(401, 403, 404, 409, 422, 503))
def instruct(
    event: EventPath,
    account: AddressPath,
    body: Instruction,
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """A transaction that asks an enrolled account for a target."""
    service.get_event(platform, event)
    return _tried(platform, principal, service.instruct(platform, event, account, body.target_w))


@router.post(
    "/events/{event}/parts/{account}/baseline", responses=responses(401, 403, 404, 409, 422, 503)
)
def publish_baseline(
    event: EventPath,
    account: AddressPath,
    body: BaselineValues,
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """A transaction that publishes an instructed account's baseline, with the notice."""
    service.get_event(platform, event)
    return _tried(
        platform, principal, service.publish_baseline(platform, event, account, body.values_wh)
    )


# -- what an account signs -------------------------------------------------------------------------


@router.post("/programmes/{programme}/enrol", responses=responses(401, 403, 404, 409, 422, 503))
def enrol(
    programme: ProgrammePath, body: Enrolling, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that enrol your meter with a bond out of your wallet."""
    service.get_programme(platform, programme)
    return to_sign(
        platform,
        principal.address,
        service.enrol(platform, programme, body.capacity_w, body.since),
    )


@router.post("/programmes/{programme}/bond", responses=responses(401, 403, 404, 422, 503))
def add_bond(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that raise your bond, for events at the same time or after a penalty."""
    _require_enrolment(platform, programme, principal)
    return to_sign(
        platform, principal.address, service.add_bond(platform, programme, body.amount_micro)
    )


@router.post(
    "/programmes/{programme}/availability", responses=responses(401, 403, 404, 409, 422, 503)
)
def set_available(
    programme: ProgrammePath, body: Availability, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that says whether you take instructions."""
    _require_enrolment(platform, programme, principal)
    return _tried(platform, principal, service.set_available(platform, programme, body.available))


@router.post("/programmes/{programme}/leave", responses=responses(401, 403, 404, 409, 422, 503))
def leave(
    programme: ProgrammePath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that ends your enrolment; the bond returns into the ledger."""
    _require_enrolment(platform, programme, principal)
    return _tried(platform, principal, service.leave(platform, programme))


@router.post("/events/{event}/refuse", responses=responses(401, 403, 404, 409, 422, 503))
def refuse(event: EventPath, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that declines an instruction while there is time; nothing is owed."""
    service.get_event(platform, event)
    return _tried(platform, principal, service.refuse(platform, event))


@router.post(
    "/events/{event}/parts/{account}/dispute", responses=responses(401, 403, 404, 409, 422, 503)
)
def dispute(
    event: EventPath, account: AddressPath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that disputes a report: by its account or the programme's owner."""
    service.get_event(platform, event)
    return _tried(platform, principal, service.dispute(platform, event, account))


def _tried(
    platform: Platform, principal: Principal, transaction: UnsignedTransaction
) -> TransactionsToSign:
    return to_sign(platform, principal.address, [transaction], tried=True)


def _require_enrolment(platform: Platform, programme: int, principal: Principal) -> None:
    service.get_programme(platform, programme)
    if service.enrolment(platform, programme, principal.address) is None:
        raise NotFoundError(f"you are not enrolled in programme {programme}")


def _programme_out(found: service.Programme) -> ProgrammeOut:
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


def _enrolment_out(found: service.Enrolment) -> EnrolmentOut:
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


def _event_out(found: service.Event) -> EventOut:
    return EventOut(
        event=found.event,
        programme=found.programme,
        period=found.period,
        first_slot=found.first_slot,
        slots=found.slots,
    )


def _part_out(found: service.Part) -> PartOut:
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
