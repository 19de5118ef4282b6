"""The regulator's view: replay, rounds and bundles. Nothing here changes anything."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import col, select

from wattproof import audit
from wattproof.api.access import PlatformDep, Regulator
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.routes.markets import MarketPath, RoundOut, RoundPath, round_out
from wattproof.api.routes.orders import OrderOut, order_out
from wattproof.errors import UnavailableError
from wattproof.orders import service as orders
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import get_round

router = APIRouter(prefix="/audit", tags=["audit"])

_replaying = threading.Lock()


class Replay(BaseModel):
    """What rebuilding everything from the chain alone gave."""

    equal: bool = Field(description="Everything rebuilt equals contracts and database.")
    report: dict[str, Any]


class AuditedRound(BaseModel):
    """A round with every order of its committed book."""

    round: RoundOut
    orders: Page[OrderOut]


@router.get("/replay", responses=responses(401, 403, 422, 503))
def replay(
    principal: Regulator,
    platform: PlatformDep,
    database: Annotated[bool, Query(description="Compare with the stored records too.")] = True,
) -> Replay:
    """Rebuild all balances and roles from the chain, re-check every round, compare.

    It reads the whole chain, so one runs at a time.
    """
    if not _replaying.acquire(blocking=False):
        raise UnavailableError("a replay is running; try again when it is done")
    try:
        report = audit.replay(
            platform.chain.rpc_url,
            platform.deployment,
            database=platform.engine if database else None,
        )
    finally:
        _replaying.release()
    return Replay(equal=report.ok, report=report.to_json())


@router.get("/rounds/{market}/{number}", responses=responses(401, 403, 404, 422, 503))
def audited_round(
    market: MarketPath,
    number: RoundPath,
    principal: Regulator,
    platform: PlatformDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditedRound:
    """A round and the orders of its committed book, in book order."""
    key = decode(cursor, [int])
    with platform.transaction() as session:
        shown = round_out(session, market, number)
        rows, following = page(
            session.exec(
                select(OrderRow)
                .where(
                    OrderRow.market == market,
                    OrderRow.round == number,
                    col(OrderRow.book_index) > (int(key[0]) if key else -1),
                )
                .order_by(col(OrderRow.book_index))
                .limit(limit + 1)
            ).all(),
            limit,
            lambda row: [row.book_index or 0],
        )
        items = [order_out(orders.life(session, row.digest)) for row in rows]
    return AuditedRound(round=shown, orders=Page(items=items, next_cursor=following))


@router.get("/rounds/{market}/{number}/bundle", responses=responses(401, 403, 404, 422, 503))
def bundle(
    market: MarketPath, number: RoundPath, principal: Regulator, platform: PlatformDep
) -> dict[str, Any]:
    """Everything that checking the round offline needs (`wattproof audit verify`)."""
    with platform.transaction() as session:
        get_round(session, market, number)
    return audit.export_round(
        platform.chain.rpc_url, platform.deployment, (market, number), database=platform.engine
    )
