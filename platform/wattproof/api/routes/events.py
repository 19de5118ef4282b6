"""Live data as server-sent events: first how things are, then every change.

A client that reconnects gets the present state again, so it needs to remember nothing.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import col, or_, select

from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.problems import responses
from wattproof.api.routes.instructions import instructions_now
from wattproof.api.routes.markets import round_out
from wattproof.api.routes.orders import order_out
from wattproof.orders import service as orders
from wattproof.orders.models import OrderRow
from wattproof.rounds.models import RoundRow
from wattproof.runtime import Platform

router = APIRouter(prefix="/events", tags=["events"])

_POLL_SECONDS = 0.5
_ALIVE_SECONDS = 15.0
_ROUNDS_SHOWN = 20
_ORDERS_SHOWN = 500
_INSTRUCTIONS_SHOWN = 20
_UINT32 = 2**32 - 1

Follow = Annotated[
    bool, Query(description="False: send the present state and end.", examples=[True])
]
Market = Annotated[int | None, Query(ge=0, le=_UINT32)]
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "description": "JSON, as the GET of one of them answers."},
    },
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": _EVENT}},
        "description": "Server-sent events.",
    }
}


class EventStream(StreamingResponse):
    """Events as they happen; proxies must not hold them back."""

    def __init__(self, content: AsyncIterator[str], status_code: int = 200) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(content, status_code, headers, media_type="text/event-stream")


@router.get(
    "/rounds",
    dependencies=[Public],
    response_class=EventStream,
    responses=_STREAM | responses(422, 503),
)
async def rounds(
    request: Request, platform: PlatformDep, market: Market = None, follow: Follow = True
) -> EventStream:
    """The latest rounds, and every step one of them takes (event `round`)."""
    return EventStream(_changes(request, "round", lambda: _rounds(platform, market), follow=follow))


@router.get(
    "/orders",
    response_class=EventStream,
    responses=_STREAM | responses(401, 403, 422, 503),
)
async def own_orders(
    request: Request,
    principal: Participant,
    platform: PlatformDep,
    market: Market = None,
    follow: Follow = True,
) -> EventStream:
    """Your latest orders and those you signed as a delegate, and every change (event `order`).

    The stream ends with the token it was asked for with.
    """
    return EventStream(
        _changes(
            request,
            "order",
            lambda: _orders(platform, principal.address, market),
            follow=follow,
            until=principal.expires_at,
        )
    )


@router.get(
    "/instructions",
    response_class=EventStream,
    responses=_STREAM | responses(401, 403, 422, 503),
)
async def own_instructions(
    request: Request, principal: Participant, platform: PlatformDep, follow: Follow = True
) -> EventStream:
    """What the dispatch centre tells you: your latest plans and every change (`instruction`).

    The stream ends with the token it was asked for with.
    """
    return EventStream(
        _changes(
            request,
            "instruction",
            lambda: instructions_now(platform, principal.address, _INSTRUCTIONS_SHOWN),
            follow=follow,
            until=principal.expires_at,
        )
    )


async def _changes(
    request: Request,
    name: str,
    read: Callable[[], Mapping[str, BaseModel]],
    *,
    follow: bool,
    until: float = math.inf,
) -> AsyncIterator[str]:
    shown: dict[str, str] = {}
    silent = 0.0
    yield "retry: 2000\n\n"
    while time.time() < until:
        for key, item in (await asyncio.to_thread(read)).items():
            text = json.dumps(item.model_dump(mode="json"), separators=(",", ":"))
            if shown.get(key) != text:
                shown[key] = text
                silent = 0.0
                yield f"event: {name}\ndata: {text}\n\n"
        if not follow or await request.is_disconnected():
            return
        await asyncio.sleep(_POLL_SECONDS)
        silent += _POLL_SECONDS
        if silent >= _ALIVE_SECONDS:
            silent = 0.0
            yield ": alive\n\n"


def _rounds(platform: Platform, market: int | None) -> Mapping[str, BaseModel]:
    query = select(RoundRow).order_by(col(RoundRow.gate_at).desc()).limit(_ROUNDS_SHOWN)
    if market is not None:
        query = query.where(RoundRow.market == market)
    with platform.transaction() as session:
        rows = session.exec(query).all()
        return {
            f"{row.market}:{row.number}": round_out(session, row.market, row.number)
            for row in reversed(rows)
        }


def _orders(platform: Platform, party: str, market: int | None) -> Mapping[str, BaseModel]:
    query = (
        select(OrderRow)
        .where(or_(col(OrderRow.trader) == party, col(OrderRow.delegate) == party))
        .order_by(col(OrderRow.received_at).desc(), col(OrderRow.digest))
        .limit(_ORDERS_SHOWN)
    )
    if market is not None:
        query = query.where(OrderRow.market == market)
    with platform.transaction() as session:
        rows = session.exec(query).all()
        return {row.digest: order_out(orders.life(session, row.digest)) for row in reversed(rows)}
