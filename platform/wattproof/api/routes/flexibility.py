"""Demand response: programmes, enrolments, events, reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from wattproof.accounts.service import UnsignedTransaction
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.baseline_preview import BaselinePreview
from wattproof.api.baseline_rule import BaselineValues
from wattproof.api.fields import Address
from wattproof.api.flexibility_shapes import (
    Availability,
    Enrolling,
    EnrolmentsOut,
    EventDetail,
    EventsOut,
    Instruction,
    MoneyAmount,
    NewEvent,
    PartsOut,
    ProgrammeOut,
    ProgrammesOut,
    TermsBody,
    enrolment_out,
    event_out,
    part_out,
    programme_out,
)
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionsToSign, to_sign
from wattproof.auth.scopes import Principal
from wattproof.claims import service as claims
from wattproof.claims.service import Subject
from wattproof.errors import NotFoundError, RefusedError
from wattproof.flexibility import service, transactions
from wattproof.runtime import Platform

router = APIRouter(prefix="/flexibility", tags=["demand response"])

ProgrammePath = Annotated[int, Path(ge=1, le=2**32 - 1, examples=[1])]
EventPath = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
AddressPath = Annotated[Address, Path()]


# -- reading ---------------------------------------------------------------------------------------


@router.get("/programmes", responses=responses(401, 403, 503))
def list_programmes(principal: Anyone, platform: PlatformDep) -> ProgrammesOut:
    """Every programme: what it pays, what it asks, what backs it."""
    return ProgrammesOut(items=[programme_out(each) for each in service.programmes(platform)])


@router.get("/programmes/{programme}", responses=responses(401, 403, 404, 422, 503))
def get_programme(
    programme: ProgrammePath, principal: Anyone, platform: PlatformDep
) -> ProgrammeOut:
    """One programme."""
    return programme_out(service.get_programme(platform, programme))


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
    return EnrolmentsOut(items=[enrolment_out(each) for each in found])


@router.get("/programmes/{programme}/events", responses=responses(401, 403, 404, 422, 503))
def list_events(programme: ProgrammePath, principal: Anyone, platform: PlatformDep) -> EventsOut:
    """The events of a programme."""
    service.get_programme(platform, programme)
    with platform.transaction() as session:
        return EventsOut(
            items=[event_out(each) for each in service.called(platform, session, programme)]
        )


@router.get("/events/{event}", responses=responses(401, 403, 404, 422, 503))
def get_event(event: EventPath, principal: Anyone, platform: PlatformDep) -> EventDetail:
    """An event and its parts: all for the programme's owner, your own for everybody else."""
    found = service.get_event(platform, event)
    owner = service.get_programme(platform, found.programme).owner
    with platform.transaction() as session:
        parts = service.parts(platform, session, event)
    return EventDetail(
        **event_out(found).model_dump(),
        parts=[part_out(p) for p in parts if principal.address in (owner, p.account)],
    )


@router.get("/events/{event}/preview", responses=responses(401, 403, 404, 409, 422, 503))
def preview(
    event: EventPath,
    principal: Participant,
    platform: PlatformDep,
    account: Annotated[
        Address | None, Query(description="Of whom: the programme's owner may look at everybody.")
    ] = None,
) -> BaselinePreview:
    """What a baseline in an event would be as things stand; says what is missing if it is.

    Your own; an owner looks before it instructs, since what has no baseline can be neither paid nor
    fined.
    """
    found = service.get_event(platform, event)
    programme = service.get_programme(platform, found.programme)
    whose = account or principal.address
    if principal.address not in (whose, programme.owner):
        raise RefusedError("you may look at your own baseline only", code="not_yours")
    part = service.enrolment(platform, found.programme, whose)
    if part is None:
        raise NotFoundError(f"{whose} is not enrolled in programme {found.programme}")
    terms = programme.terms
    subject = Subject(terms.market, whose, terms.carrier, found.period, part.since, terms.rule)
    with platform.transaction() as session:
        return BaselinePreview.of(claims.preview(platform, session, subject))


@router.get("/me", responses=responses(401, 403, 503))
def my_parts(principal: Participant, platform: PlatformDep) -> PartsOut:
    """Everything you were ever instructed to do, and what it paid."""
    with platform.transaction() as session:
        found = service.parts_of(platform, session, principal.address)
    return PartsOut(items=[part_out(each) for each in found])


# -- what an owner signs ---------------------------------------------------------------------------


@router.post("/programmes", responses=responses(401, 403, 409, 422, 503))
def create_programme(
    body: TermsBody, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that creates your programme (needs the role of a programme owner)."""
    return _tried(platform, principal, transactions.create_programme(platform, body.terms()))


@router.post("/programmes/{programme}/fund", responses=responses(401, 403, 404, 422, 503))
def fund(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that put money from your wallet into a programme's escrow."""
    service.get_programme(platform, programme)
    return to_sign(
        platform, principal.address, transactions.fund(platform, programme, body.amount_micro)
    )


@router.post("/programmes/{programme}/defund", responses=responses(401, 403, 404, 409, 422, 503))
def defund(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that takes out what open events cannot cost."""
    service.get_programme(platform, programme)
    return _tried(platform, principal, transactions.defund(platform, programme, body.amount_micro))


@router.post("/programmes/{programme}/events", responses=responses(401, 403, 404, 409, 422, 503))
def call_event(
    programme: ProgrammePath, body: NewEvent, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that calls an event, with the programme's notice."""
    service.get_programme(platform, programme)
    return _tried(
        platform,
        principal,
        transactions.call_event(
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
    return _tried(
        platform, principal, transactions.instruct(platform, event, account, body.target_w)
    )


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
        platform, principal, transactions.publish_baseline(platform, event, account, body.values_wh)
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
        transactions.enrol(platform, programme, body.capacity_w, body.since),
    )


@router.post("/programmes/{programme}/bond", responses=responses(401, 403, 404, 422, 503))
def add_bond(
    programme: ProgrammePath, body: MoneyAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """Transactions that raise your bond, for events at the same time or after a penalty."""
    _require_enrolment(platform, programme, principal)
    return to_sign(
        platform, principal.address, transactions.add_bond(platform, programme, body.amount_micro)
    )


@router.post(
    "/programmes/{programme}/availability", responses=responses(401, 403, 404, 409, 422, 503)
)
def set_available(
    programme: ProgrammePath, body: Availability, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that says whether you take instructions."""
    _require_enrolment(platform, programme, principal)
    return _tried(
        platform, principal, transactions.set_available(platform, programme, body.available)
    )


@router.post("/programmes/{programme}/leave", responses=responses(401, 403, 404, 409, 422, 503))
def leave(
    programme: ProgrammePath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that ends your enrolment; the bond returns into the ledger."""
    _require_enrolment(platform, programme, principal)
    return _tried(platform, principal, transactions.leave(platform, programme))


@router.post("/events/{event}/refuse", responses=responses(401, 403, 404, 409, 422, 503))
def refuse(event: EventPath, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that declines an instruction while there is time; nothing is owed."""
    service.get_event(platform, event)
    return _tried(platform, principal, transactions.refuse(platform, event))


@router.post(
    "/events/{event}/parts/{account}/dispute", responses=responses(401, 403, 404, 409, 422, 503)
)
def dispute(
    event: EventPath, account: AddressPath, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that disputes a report: by its account or the programme's owner."""
    service.get_event(platform, event)
    return _tried(platform, principal, transactions.dispute(platform, event, account))


def _tried(
    platform: Platform, principal: Principal, transaction: UnsignedTransaction
) -> TransactionsToSign:
    return to_sign(platform, principal.address, [transaction], tried=True)


def _require_enrolment(platform: Platform, programme: int, principal: Principal) -> None:
    service.get_programme(platform, programme)
    if service.enrolment(platform, programme, principal.address) is None:
        raise NotFoundError(f"you are not enrolled in programme {programme}")
