"""Markets, their rounds, products and prices: open to everybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select, tuple_

from identity.roles import ROLES, role_id
from market.product import Product
from market.registry import markets
from wattproof.api.access import PlatformDep, Public
from wattproof.api.fields import Integer
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.networks.service import get_network
from wattproof.rounds.facts import get_market, get_round, grid_of, role_of
from wattproof.rounds.models import MarketRow, PriceRow, RoundRow

router = APIRouter(tags=["markets"], dependencies=[Public])

_UINT32 = 2**32 - 1
MarketPath = Annotated[int, Path(ge=0, le=_UINT32, description="Number of the market.")]
RoundPath = Annotated[int, Path(ge=1, le=_UINT32, description="Number of the round.")]
STATES = "announced|open|gate_closed|cleared|submitted|confirmed|delivered|closed|void"


class MarketOut(BaseModel):
    """A market and its rules, as they stand on-chain and cannot change."""

    market: int
    name: str
    title: str
    carriers: list[str] = Field(description="Names behind the carriers' numbers.")
    zones: list[str] = Field(description="Names behind the zones' numbers.")
    role: str | None = Field(description="What a trader must be registered as; null: anybody.")
    capacity_source: str | None = Field(description="Contract that bounds what may be sold.")
    operator: str
    balancing: str
    asset: str
    parameters: dict[str, Any] = Field(description="By their names in the Exchange contract.")


class Markets(BaseModel):
    items: list[MarketOut]


class NetworkOut(BaseModel):
    """What connects a market's zones. Its account's orders follow from it and nothing else."""

    market: int
    account: str = Field(description="Signs the orders that carry energy between zones.")
    network_hash: str = Field(description="Keccak of the canonical JSON (RFC 8785) of `network`.")
    published: bool = Field(description="Whether the chain has it; no round opens before.")
    margin_micro_a_slot: Integer = Field(
        description="Margin with which all its orders of a slot count."
    )
    network: dict[str, Any] = Field(description="Links and meshed grids; docs/network.md.")


class RoundOut(BaseModel):
    """A round. Money in micro-units."""

    market: int
    number: int
    state: str = Field(description=STATES.replace("|", ", "))
    gate_at: datetime = Field(description="Orders are taken until then.")
    first_slot: int
    slots: int
    delivery_from: datetime
    delivery_until: datetime
    book_root: str | None
    book_count: int | None
    coupled: bool | None
    gap_micro: Integer | None = Field(description="Proven bound on the distance from optimal.")
    welfare_micro: Integer | None
    dust_micro: Integer | None
    positions_root: str | None
    prices_hash: str | None
    error: str | None


class ProductOut(BaseModel):
    """A product of a round, and its price once the round is cleared."""

    product: Integer
    index: int
    carrier: int
    zone: int
    slot: int
    delivery_from: datetime
    price_nano_per_kwh: Integer | None
    indicative: bool | None = Field(description="True where nobody traded.")


@router.get("/markets", responses=responses(503))
def list_markets(platform: PlatformDep) -> Markets:
    """All markets of this installation."""
    with platform.transaction() as session:
        rows = session.exec(select(MarketRow).order_by(col(MarketRow.market))).all()
    return Markets(items=[_market(row) for row in rows])


@router.get("/markets/{market}", responses=responses(404, 422, 503))
def one_market(market: MarketPath, platform: PlatformDep) -> MarketOut:
    """A market and its rules."""
    with platform.transaction() as session:
        return _market(get_market(session, market))


@router.get("/markets/{market}/network", responses=responses(404, 422, 503))
def one_network(market: MarketPath, platform: PlatformDep) -> NetworkOut:
    """Links, lines and limits between a market's zones, as published on-chain."""
    with platform.transaction() as session:
        found = get_network(session, market)
    return NetworkOut(
        market=market,
        account=found.account,
        network_hash="0x" + found.hash.hex(),
        published=found.published,
        margin_micro_a_slot=found.margin_micro_a_slot,
        network=json.loads(found.description),
    )


@router.get("/rounds", responses=responses(422, 503))
def list_rounds(
    platform: PlatformDep,
    market: Annotated[int | None, Query(ge=0, le=_UINT32)] = None,
    state: Annotated[str | None, Query(pattern=f"^({STATES})$")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RoundOut]:
    """Rounds, the latest of the highest market first."""
    key = decode(cursor, [int, int])
    query = select(RoundRow).order_by(col(RoundRow.market).desc(), col(RoundRow.number).desc())
    if market is not None:
        query = query.where(RoundRow.market == market)
    if state is not None:
        query = query.where(RoundRow.state == state)
    if key is not None:
        query = query.where(tuple_(col(RoundRow.market), col(RoundRow.number)) < tuple_(*key))
    with platform.transaction() as session:
        rows, following = page(
            session.exec(query.limit(limit + 1)).all(),
            limit,
            lambda row: [row.market, row.number],
        )
        items = [_round(get_market(session, row.market), row) for row in rows]
    return Page(items=items, next_cursor=following)


@router.get("/rounds/{market}/{number}", responses=responses(404, 422, 503))
def one_round(market: MarketPath, number: RoundPath, platform: PlatformDep) -> RoundOut:
    """A round: its gate, its products, and its result once it is settled."""
    with platform.transaction() as session:
        return round_out(session, market, number)


@router.get("/rounds/{market}/{number}/products", responses=responses(404, 422, 503))
def list_products(
    market: MarketPath,
    number: RoundPath,
    platform: PlatformDep,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ProductOut]:
    """What the round trades, with prices once it is cleared."""
    key = decode(cursor, [int])
    with platform.transaction() as session:
        row, held = get_round(session, market, number), get_market(session, market)
        grid = grid_of(held, row)
        first = max(0, int(key[0]) + 1) if key else 0
        indices = list(range(first, min(first + limit + 1, len(grid))))
        shown, following = page(indices, limit, lambda index: [index])
        prices = {
            price.product_index: price
            for price in session.exec(
                select(PriceRow).where(
                    PriceRow.market == market,
                    PriceRow.round == number,
                    col(PriceRow.product_index).in_(shown),
                )
            ).all()
        }
    seconds = int(held.params["slotSeconds"])
    return Page(
        items=[
            _product(index, grid.product_id(index), seconds, prices.get(index)) for index in shown
        ],
        next_cursor=following,
    )


def round_out(session: Session, market: int, number: int) -> RoundOut:
    """A round as it is answered. Raises NotFoundError."""
    row = get_round(session, market, number)
    return _round(get_market(session, market), row)


def _market(row: MarketRow) -> MarketOut:
    manifest = markets().get(row.name)
    role = role_of(row)
    return MarketOut(
        market=row.market,
        name=row.name,
        title=manifest.title if manifest else row.name,
        carriers=list(manifest.carriers) if manifest else [],
        zones=list(manifest.zones) if manifest else [],
        role=next((name for name in ROLES if role_id(name) == role), None),
        capacity_source=manifest.capacity_source if manifest else None,
        operator=row.operator,
        balancing=row.balancing,
        asset=row.asset,
        parameters=row.params,
    )


def _round(market: MarketRow, row: RoundRow) -> RoundOut:
    seconds = int(market.params["slotSeconds"])
    return RoundOut(
        market=row.market,
        number=row.number,
        state=row.state,
        gate_at=_moment(row.gate_at),
        first_slot=row.first_slot,
        slots=row.slots,
        delivery_from=_moment(row.first_slot * seconds),
        delivery_until=_moment((row.first_slot + row.slots) * seconds),
        book_root=row.book_root,
        book_count=row.book_count,
        coupled=row.coupled,
        gap_micro=row.gap_micro,
        welfare_micro=row.welfare_micro,
        dust_micro=row.dust_micro,
        positions_root=row.positions_root,
        prices_hash=row.prices_hash,
        error=row.error,
    )


def _product(index: int, number: int, seconds: int, price: PriceRow | None) -> ProductOut:
    product = Product.from_id(number)
    return ProductOut(
        product=number,
        index=index,
        carrier=product.carrier,
        zone=product.zone,
        slot=product.slot,
        delivery_from=_moment(product.slot * seconds),
        price_nano_per_kwh=price.price_nano_per_kwh if price else None,
        indicative=price.indicative if price else None,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
