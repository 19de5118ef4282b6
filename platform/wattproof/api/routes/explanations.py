"""Why orders were filled or not, why prices are what they are, books, demand and supply.

An order's explanation is for whoever may see the order. Books, curves and constraints of a settled
round are open to everybody: they name nobody. Operator and regulator see them with all orders, and
as soon as the round is cleared; whoever is signed in sees which part is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from market.explanation import (
    ClearedRound,
    Level,
    Side,
    book_levels,
    curve_of,
    explain_order,
    explain_product,
)
from wattproof.api.access import Anyone, PlatformDep, Visitor
from wattproof.api.explanation_shapes import (
    BookOut,
    ConstraintsOut,
    CurvesOut,
    OrderExplanationOut,
    ProductText,
    book_out,
    constraints_out,
    curves_out,
    order_out,
)
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.routes.markets import MarketPath, RoundPath
from wattproof.api.routes.orders import HashPath, own_order
from wattproof.auth.scopes import Principal, Scope
from wattproof.explanations import service
from wattproof.explanations.service import Reader

router = APIRouter(prefix="/markets/{market}/rounds/{number}", tags=["explanations"])

_OWN = responses(401, 403, 404, 409, 422, 503)
_OPEN = responses(401, 404, 409, 422, 503)
_SEES_ALL = frozenset({Scope.OPERATOR, Scope.REGULATOR})
# A token is not needed, but shows what is the caller's own.
_TOKEN_IS_OPTIONAL: dict[str, Any] = {"security": [{}]}


@router.get("/explanations", responses=_OWN)
def explanations(
    market: MarketPath,
    number: RoundPath,
    principal: Anyone,
    platform: PlatformDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OrderExplanationOut]:
    """Why your orders of a round were filled or not; all orders, for operator and regulator."""
    key = decode(cursor, [int])
    after = int(key[0]) if key else -1
    reader = _reader(principal)
    with platform.transaction() as session:
        cleared = service.cleared_round(platform, session, market, number)
    waiting = [place for place in service.positions_of(cleared, reader) if place > after]
    shown, following = page(waiting[: limit + 1], limit, lambda place: [place])
    return Page(
        items=[_explained(cleared, place, reader) for place in shown],
        next_cursor=following,
    )


@router.get("/orders/{order_hash}/explanation", responses=_OWN)
def explanation(
    market: MarketPath,
    number: RoundPath,
    order_hash: HashPath,
    principal: Anyone,
    platform: PlatformDep,
) -> OrderExplanationOut:
    """Why an order was filled or not, and what would have filled it.

    For its trader, the delegate that signed it, the operator and the regulator.
    """
    reader = _reader(principal)
    with platform.transaction() as session:
        cleared = service.cleared_round(platform, session, market, number)
        position = service.position_of(cleared, own_order(session, order_hash, principal))
    return _explained(cleared, position, reader)


@router.get("/constraints", responses=_OPEN, openapi_extra=_TOKEN_IS_OPTIONAL)
def constraints(
    market: MarketPath,
    number: RoundPath,
    product: ProductText,
    visitor: Visitor,
    platform: PlatformDep,
) -> ConstraintsOut:
    """Why a product's price is what it is: orders at the margin, limits that bind, connections."""
    reader = _reader(visitor)
    with platform.transaction() as session:
        cleared = service.public_round(platform, session, market, number, reader)
    index = service.product_index(cleared, product)
    found = explain_product(cleared, index)
    return constraints_out(cleared, curve_of(cleared, index), found, _sees(cleared, reader))


@router.get("/book", responses=_OPEN, openapi_extra=_TOKEN_IS_OPTIONAL)
def book(
    market: MarketPath,
    number: RoundPath,
    product: ProductText,
    visitor: Visitor,
    platform: PlatformDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> BookOut:
    """A product's order book, level by level: what was offered at which price, and filled."""
    key = decode(cursor, [int])
    first = max(0, int(key[0]) + 1) if key else 0
    reader = _reader(visitor)
    with platform.transaction() as session:
        cleared = service.public_round(platform, session, market, number, reader)
    index = service.product_index(cleared, product)
    numbered = list(enumerate(book_levels(cleared, index)))
    shown, following = page(numbered[first : first + limit + 1], limit, lambda each: [each[0]])

    def own(level: Level) -> int:
        return sum(
            cleared.offered_wh(position, cleared.book.leg_indices[position].index(index))
            for position in level.positions
            if cleared.book.orders[position].order.trader == reader.address
        )

    levels = [level for _, level in shown]
    curve = curve_of(cleared, index)
    return book_out(cleared, curve, levels, own, _sees(cleared, reader), following)


@router.get("/curves", responses=_OPEN, openapi_extra=_TOKEN_IS_OPTIONAL)
def curves(
    market: MarketPath,
    number: RoundPath,
    product: ProductText,
    visitor: Visitor,
    platform: PlatformDep,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CurvesOut:
    """A product's demand and supply as steps, and where they met."""
    key = decode(cursor, [int])
    first = max(0, int(key[0]) + 1) if key else 0
    with platform.transaction() as session:
        cleared = service.public_round(platform, session, market, number, _reader(visitor))
    curve = curve_of(cleared, service.product_index(cleared, product))
    sides = [(Side.BUY, curve.demand), (Side.SELL, curve.supply)]
    numbered = list(enumerate((side, step) for side, steps in sides for step in steps))
    shown, following = page(numbered[first : first + limit + 1], limit, lambda each: [each[0]])
    return curves_out(cleared, curve, [each for _, each in shown], following)


def _explained(cleared: ClearedRound, position: int, reader: Reader) -> OrderExplanationOut:
    found = explain_order(cleared, position, to_delegate=reader.is_delegate(cleared, position))
    return order_out(cleared, found, _sees(cleared, reader))


def _reader(principal: Principal | None) -> Reader:
    if principal is None:
        return Reader(None, sees_all=False)
    return Reader(principal.address, sees_all=bool(principal.scopes & _SEES_ALL))


def _sees(cleared: ClearedRound, reader: Reader) -> Callable[[int], bool]:
    return lambda position: reader.sees(cleared, position)
