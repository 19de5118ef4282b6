"""The participant's side of dispatch: what it is told, and what it answers."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlmodel import Session

from wattproof.api.access import Participant, PlatformDep
from wattproof.api.dispatch_shapes import (
    OrdersIn,
    PlanOut,
    PlanPath,
    Refusal,
    Versioned,
    plan_out,
)
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.dispatch import freshness, instruction
from wattproof.dispatch.record import Record, document, open_record
from wattproof.runtime import Platform

router = APIRouter(prefix="/dispatch/instructions", tags=["dispatch"])

_WRITES = responses(401, 403, 404, 409, 422, 503)


@router.get("", responses=responses(401, 403, 422, 503))
def instructions(
    principal: Participant, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PlanOut]:
    """Plans that were sent to you, newest first, with the approvals they rest on.

    `state` says what to do: `sent` waits for your answer, `acknowledged` is to be followed,
    `revoked` is not any more (`revocation` says why).
    """
    key = decode(cursor, [int])
    with platform.transaction() as session:
        found = instruction.instructions(
            session,
            principal.address,
            before=int(key[0]) if key else None,
            limit=limit + 1,
        )
        rows, following = page(found, limit, lambda row: [row.id or 0])
        items = [_out(open_record(platform, session, row.id or 0)) for row in rows]
    return Page(items=items, next_cursor=following)


@router.post("/{number}/acknowledgement", responses=_WRITES)
def acknowledge(
    number: PlanPath, body: Versioned, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Say that you will follow the plan."""
    freshness.revoke_stale(platform, number)

    def change(session: Session) -> PlanOut:
        return _out(
            instruction.acknowledge(platform, session, principal.address, number, body.version)
        )

    return write.once(change)


@router.post("/{number}/refusal", responses=_WRITES)
def refuse(
    number: PlanPath, body: Refusal, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Say that you will not follow the plan, and why; it goes back to the dispatcher."""

    def change(session: Session) -> PlanOut:
        return _out(
            instruction.refuse(
                platform, session, principal.address, number, body.version, body.reason
            )
        )

    return write.once(change)


@router.post("/{number}/orders", responses=_WRITES)
def made_orders(
    number: PlanPath, body: OrdersIn, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Record which of your receipted orders were made from an acknowledged plan."""

    def change(session: Session) -> PlanOut:
        return _out(
            instruction.record_orders(
                platform, session, principal.address, number, body.order_hashes
            )
        )

    return write.once(change)


def instructions_now(platform: Platform, participant: str, limit: int) -> dict[str, PlanOut]:
    """A participant's latest instructions by number, for a stream of changes."""
    with platform.transaction() as session:
        rows = instruction.instructions(session, participant, limit=limit)
        return {
            str(row.id): _out(open_record(platform, session, row.id or 0)) for row in reversed(rows)
        }


def _out(record: Record) -> PlanOut:
    return plan_out(record, document(record.session, record.standing.plan))
