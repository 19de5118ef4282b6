"""The dispatcher's desk: plans are proposed, edited, compared, approved and sent."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from sqlmodel import Session, col, select

from wattproof.api.access import Anyone, Dispatcher, PlatformDep, allow
from wattproof.api.dispatch_shapes import (
    ApprovalIn,
    ApprovalTemplate,
    DifferenceOut,
    DocumentOut,
    Edits,
    NewPlan,
    Observation,
    PlanOut,
    PlanPath,
    PlanSummary,
    Renewal,
    StepsOut,
    Versioned,
    difference_out,
    plan_out,
    step_out,
    summary_out,
)
from wattproof.api.fields import Address, Hash
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.auth.scopes import Principal, Scope
from wattproof.dispatch import approval, editing, freshness, measuring, planning
from wattproof.dispatch.difference import difference
from wattproof.dispatch.instruction import was_sent
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.models import DispatchRow
from wattproof.dispatch.record import Record, document, open_record, read_plan, steps_of
from wattproof.errors import NotFoundError
from wattproof.orders.service import compact_signature
from wattproof.runtime import Platform

router = APIRouter(prefix="/dispatch/plans", tags=["dispatch"])

_WRITES = responses(401, 403, 404, 409, 422, 503)
_READS = responses(401, 403, 404, 422, 503)
_DESK = frozenset({Scope.DISPATCHER, Scope.OPERATOR, Scope.REGULATOR})
_UINT32 = 2**32 - 1
Desk = Annotated[Principal, Depends(allow(*_DESK))]
Reason = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        examples=["the school bus charges at noon"],
    ),
]


@router.post("", status_code=201, responses=_WRITES)
def propose(
    body: NewPlan, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Let the market's optimiser propose a plan from these inputs."""
    known = write.answered()
    if known is not None:
        return known
    drafted = planning.draft(
        platform,
        planning.Proposal(
            market=body.market,
            period=body.period,
            participant=body.participant,
            round=body.round,
            meters={each.line: (each.account, each.carrier) for each in body.meters},
            inputs=body.inputs,
        ),
    )

    def change(session: Session) -> PlanOut:
        return _out(planning.propose(platform, session, principal.address, drafted))

    return write.once(change, status=201)


@router.get("", responses=responses(401, 403, 422, 503))
def plans(
    principal: Desk,
    platform: PlatformDep,
    market: Annotated[int | None, Query(ge=0, le=_UINT32)] = None,
    period: Annotated[int | None, Query(ge=0, le=_UINT32)] = None,
    participant: Annotated[Address | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PlanSummary]:
    """Plans, newest first."""
    key = decode(cursor, [int])
    query = select(DispatchRow).order_by(col(DispatchRow.id).desc()).limit(limit + 1)
    if key is not None:
        query = query.where(col(DispatchRow.id) < int(key[0]))
    wanted = {"market": market, "period": period, "participant": participant, "state": state}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(DispatchRow, name) == value)
    with platform.transaction() as session:
        found = session.exec(query).all()
    rows, following = page(found, limit, lambda row: [row.id or 0])
    return Page(items=[summary_out(row) for row in rows], next_cursor=following)


@router.get("/{number}", responses=_READS)
def one_plan(number: PlanPath, principal: Anyone, platform: PlatformDep) -> PlanOut:
    """A plan as it stands. Its participant sees it once it was sent."""
    freshness.revoke_stale(platform, number)
    with platform.transaction() as session:
        return _out(visible(platform, session, number, principal))


@router.get("/{number}/difference", responses=_READS)
def changes(
    number: PlanPath,
    principal: Anyone,
    platform: PlatformDep,
    to: Annotated[
        Literal["unedited", "proposal"],
        Query(
            description="`unedited`: the plan of the same inputs without edits, which shows what "
            "the edits cost. `proposal`: what the optimiser proposed first."
        ),
    ] = "unedited",
) -> DifferenceOut:
    """What the plan in force has that another one had not: cost, peak, comfort, and slots."""
    with platform.transaction() as session:
        standing = visible(platform, session, number, principal).standing
        before = standing.unedited if to == "unedited" else standing.proposal
        found = difference(read_plan(session, before), read_plan(session, standing.plan))
    return difference_out(before, standing.plan, found)


@router.get("/{number}/steps", responses=_READS)
def steps(number: PlanPath, principal: Anyone, platform: PlatformDep) -> StepsOut:
    """Everything that ever happened to a plan."""
    with platform.transaction() as session:
        visible(platform, session, number, principal)
        return StepsOut(items=[step_out(step) for step in steps_of(session, number)])


@router.get("/{number}/documents/{digest}", responses=_READS)
def text(number: PlanPath, digest: Hash, principal: Anyone, platform: PlatformDep) -> DocumentOut:
    """A text that a step of the plan refers to by its hash: inputs, a plan, or what was seen."""
    with platform.transaction() as session:
        visible(platform, session, number, principal)
        if not any(digest in step.payload for step in steps_of(session, number)):
            raise NotFoundError(f"no step of plan {number} refers to {digest}")
        return DocumentOut(hash=digest, content=document(session, digest))


@router.post("/{number}/edits", responses=_WRITES)
def edit(
    number: PlanPath, body: Edits, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Fix values of a plan, or free fixed ones; an approval of it ends."""

    def change(session: Session) -> PlanOut:
        return _out(
            editing.edit(
                platform,
                session,
                principal.address,
                number,
                body.version,
                fix=[each.edit() for each in body.fix],
                clear=[(each.line, each.slot) for each in body.clear],
                reason=body.reason,
            )
        )

    return write.once(change)


@router.post("/{number}/inputs", responses=_WRITES)
def renew(
    number: PlanPath, body: Renewal, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Bring newer inputs; an approval of the plan ends, and it must be solved again."""

    def change(session: Session) -> PlanOut:
        return _out(
            editing.renew(platform, session, principal.address, number, body.version, body.inputs)
        )

    return write.once(change)


@router.post("/{number}/solution", responses=_WRITES)
def solve(
    number: PlanPath, body: Versioned, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Solve again with the edits fixed. Edits that cannot stand together are named (409)."""
    known = write.answered()
    if known is not None:
        return known
    solution = planning.solve(platform, number, body.version)

    def change(session: Session) -> PlanOut:
        return _out(planning.resolve(platform, session, principal.address, solution))

    return write.once(change)


@router.get("/{number}/approval", responses=_WRITES)
def to_approve(
    number: PlanPath, reason: Reason, principal: Dispatcher, platform: PlatformDep
) -> ApprovalTemplate:
    """Typed data to sign with your own key for approving the plan as it stands."""
    with platform.transaction() as session:
        said = approval.to_sign(platform, session, number, reason)
        version = open_record(platform, session, number).standing.version
    return ApprovalTemplate(
        version=version,
        reason=said.reason,
        approved_at=said.approved_at,
        typed_data=said.typed_data(platform.domain),
    )


@router.post("/{number}/approval", responses=_WRITES)
def approve(
    number: PlanPath, body: ApprovalIn, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Approve the plan with your signature over its hash and your reason."""

    def change(session: Session) -> PlanOut:
        return _out(
            approval.approve(
                platform,
                session,
                principal.address,
                number,
                body.version,
                reason=body.reason,
                approved_at=body.approved_at,
                signature=compact_signature(body.signature),
            )
        )

    return write.once(change)


@router.post("/{number}/instruction", responses=_WRITES)
def send(
    number: PlanPath, body: Versioned, principal: Dispatcher, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Send an approved plan to its participant."""
    freshness.revoke_stale(platform, number)

    def change(session: Session) -> PlanOut:
        return _out(approval.send(platform, session, principal.address, number, body.version))

    return write.once(change)


@router.post("/{number}/measurement", responses=_WRITES)
def measure(
    number: PlanPath,
    body: Observation,
    principal: Dispatcher,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Compare with the final readings, correct the twin's inputs, and close the plan."""
    known = write.answered()
    if known is not None:
        return known
    outcome = measuring.measure(platform, number, body.version, body.observed)

    def change(session: Session) -> PlanOut:
        return _out(measuring.close(platform, session, principal.address, outcome))

    return write.once(change)


def visible(platform: Platform, session: Session, number: int, principal: Principal) -> Record:
    """The plan, if the caller may see it.

    Raises:
        NotFoundError: there is none, or it is not the caller's (the answer does not tell which).
    """
    record = open_record(platform, session, number)
    if principal.scopes & _DESK:
        return record
    if record.standing.participant == principal.address and was_sent(session, number):
        return record
    raise NotFoundError(f"there is no dispatch plan {number}")


def _out(record: Record) -> PlanOut:
    return plan_out(record, document(record.session, record.standing.plan))
