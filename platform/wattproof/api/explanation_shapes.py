"""Explanations, books and curves as answers carry them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from market.delegation import SessionBreach
from market.explanation import (
    ClearedRound,
    Curve,
    Level,
    OrderExplanation,
    OrderKind,
    ProductExplanation,
    Reason,
    Side,
    Step,
)
from wattproof.api.fields import Integer

LISTED_MAX = 100
"""Orders named one by one; all of them are in the book."""

ProductText = Annotated[
    str,
    Query(
        min_length=1,
        max_length=200,
        description="carrier/zone/slot by name or number, the slot counted in its period; "
        "or the product's number.",
        examples=["electricity/north/34"],
    ),
]

_ORDER_EXAMPLE: dict[str, Any] = {
    "market": 1,
    "round": 7,
    "order_hash": "0x" + "5f" * 32,
    "kind": "buy",
    "description": "buy order",
    "reason": "out_of_the_money",
    "sentences": [
        "The order was to buy up to 4 kWh of electricity in north, 2026-06-01 08:30-08:45 UTC, at "
        "0.2 a kWh or less.",
        "Nothing of it was filled.",
        "It would lose 0.05 a kWh at these prices, so it was not filled. The price is 0.25 a kWh, "
        "its limit 0.2.",
        "With a limit of 0.25 a kWh or more it would have been filled, at least in part, or have "
        "been among those who share at the margin.",
    ],
    "legs": [
        {
            "product": 1_978_354,
            "name": "electricity in north, 2026-06-01 08:30-08:45 UTC",
            "path": "electricity/north/34",
            "coefficient": 1_000_000,
            "price_nano_per_kwh": 250_000_000,
            "indicative": False,
            "quantity_wh": 0,
            "break_even_nano_per_kwh": 200_000_000,
        }
    ],
    "limit_nano_per_kwh": 200_000_000,
    "max_units": 4_000,
    "maximum_units": 4_000,
    "fill_units": 0,
    "payment_micro": 0,
    "surplus_a_unit_scaled": -50_000_000_000_000,
    "surplus_micro": 0,
    "sets_price_of": [],
    "tie": {"orders": 1, "offered_units": 4_000, "filled_units": 0, "order_hashes": []},
    "limit_that_fills_nano_per_kwh": 250_000_000,
    "limit_is_exact": True,
    "margin_need_micro": 2_800_000,
    "margin_missing_micro": 0,
    "capacity_missing_wh": 0,
    "signer": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "breach": None,
    "gap_part_micro": 0,
    "gap_micro": 0,
}


_UNTOLD = "Null for a delegate: what the trader has is not told to it."


class LegExplanationOut(BaseModel):
    """A leg, its price, and the worst price with which the order would not lose (others held)."""

    product: Integer
    name: str
    path: str = Field(description="As it is written in `product=`.")
    coefficient: int
    price_nano_per_kwh: Integer
    indicative: bool = Field(description="True where nobody traded.")
    quantity_wh: Integer = Field(description="What it moved, positive to the trader.")
    break_even_nano_per_kwh: Integer


class TieOut(BaseModel):
    """Orders of one product, side and limit share what is left for them in proportion."""

    orders: int
    offered_units: Integer
    filled_units: Integer
    order_hashes: list[str] = Field(description=f"Those you may see, at most {LISTED_MAX}.")


class OrderExplanationOut(BaseModel):
    """Why an order was filled or not: sentences for people, figures for machines."""

    model_config = ConfigDict(json_schema_extra={"example": _ORDER_EXAMPLE})

    market: int
    round: int
    order_hash: str
    kind: OrderKind
    description: str
    reason: Reason
    sentences: list[str]
    legs: list[LegExplanationOut]
    limit_nano_per_kwh: Integer
    max_units: Integer
    maximum_units: Integer = Field(description="What counted at the gate.")
    fill_units: Integer
    payment_micro: Integer = Field(description="Positive: the trader pays.")
    surplus_a_unit_scaled: Integer = Field(
        description="Limit less cost at the round's prices: nano per kWh times millionths of a Wh."
    )
    surplus_micro: Integer = Field(description="What was kept against the limit in all.")
    sets_price_of: list[Integer] = Field(description="Products whose price the order bounds.")
    tie: TieOut | None
    limit_that_fills_nano_per_kwh: Integer | None = Field(
        description="The lowest limit that would have had an unfilled order filled or at the "
        "margin; null: it was filled, did not count, or no limit would."
    )
    limit_is_exact: bool = Field(
        description="False for connected products: the limit is needed, but may not be enough."
    )
    margin_need_micro: Integer
    margin_missing_micro: Integer | None = Field(description=_UNTOLD)
    capacity_missing_wh: Integer | None = Field(description=_UNTOLD)
    signer: str = Field(description="Who signed it: the trader, or its session delegate.")
    breach: SessionBreach | None = Field(
        description="How a delegate's order fell outside its session; null where it did not."
    )
    gap_part_micro: Integer = Field(description="What was left open of the order's own gain.")
    gap_micro: Integer = Field(description="Bound on what the round lacks to the best result.")


class ClearedProduct(BaseModel):
    """Which product of which round, and how it cleared."""

    market: int
    round: int
    product: Integer
    name: str
    path: str
    price_nano_per_kwh: Integer
    indicative: bool = Field(description="True where nobody traded.")
    volume_wh: Integer


class LevelOut(BaseModel):
    """All that counted at one price.

    ``implied``: orders of several legs, at the price at which they break even with the other
    prices as they are. ``own_`` is your part.
    """

    side: Side
    price_nano_per_kwh: Integer
    implied: bool
    orders: int
    offered_wh: Integer
    filled_wh: Integer
    own_offered_wh: Integer
    order_hashes: list[str] = Field(description=f"Those you may see, at most {LISTED_MAX}.")


class BookOut(BaseModel):
    """A product's order book: bids, best first, then offers, best first."""

    product: ClearedProduct
    items: list[LevelOut]
    next_cursor: str | None = Field(description="Null on the last page.")


class StepOut(BaseModel):
    """From ``from_wh`` to ``until_wh`` the curve lies at this price."""

    side: Side
    price_nano_per_kwh: Integer
    from_wh: Integer
    until_wh: Integer
    implied: bool


class CurvesOut(BaseModel):
    """Demand (``buy``) from the dearest down, then supply (``sell``) from the cheapest up."""

    product: ClearedProduct
    items: list[StepOut]
    next_cursor: str | None = Field(description="Null on the last page.")


class MarginalOut(BaseModel):
    """An order that bounds the price, or whose limit is the price."""

    kind: OrderKind
    description: str
    side: Side
    price_nano_per_kwh: Integer = Field(description="The worst it accepts for this product.")
    implied: bool
    offered_wh: Integer
    filled_wh: Integer
    sets_low: bool
    sets_high: bool
    order_hash: str | None = Field(description="Null unless you may see the order.")


class BindingOut(BaseModel):
    """A line, a store or a converter at its limit: more of it would have been worth something."""

    kind: OrderKind
    description: str
    units: Integer
    product: Integer = Field(description="The product asked for, or one that moves with it.")
    energy_wh: Integer = Field(description="What it moved of that product.")
    surplus_a_unit_scaled: Integer
    rent_micro: Integer = Field(description="What it gained in all.")
    order_hash: str | None = Field(description="Null unless you may see the order.")


class LinkOut(BaseModel):
    """An order filled in part, through which the prices of its products move together."""

    kind: OrderKind
    description: str
    product: Integer
    others: list[Integer]
    order_hash: str | None = Field(description="Null unless you may see the order.")


class ConstraintsOut(BaseModel):
    """Why a product's price is what it is. Lists hold at most 100 orders each."""

    product: ClearedProduct
    connected: bool = Field(description="Whether orders of several legs touch it.")
    low_nano_per_kwh: Integer | None = Field(description="The price could not lie lower.")
    high_nano_per_kwh: Integer | None = Field(description="The price could not lie higher.")
    sentences: list[str]
    marginal_orders: int
    binding_orders: int
    link_orders: int
    marginal: list[MarginalOut]
    binding: list[BindingOut]
    links: list[LinkOut]


Sees = Callable[[int], bool]
"""Whether the order at a place of the book may be named to the reader."""


def order_out(cleared: ClearedRound, found: OrderExplanation, sees: Sees) -> OrderExplanationOut:
    """An order's explanation as it is answered."""
    tie = found.tie
    return OrderExplanationOut(
        market=cleared.book.market,
        round=cleared.book.round,
        order_hash=found.order_hash,
        kind=found.kind,
        description=found.description,
        reason=found.reason,
        sentences=list(found.sentences),
        legs=[LegExplanationOut.model_validate(leg, from_attributes=True) for leg in found.legs],
        limit_nano_per_kwh=found.limit,
        max_units=found.max_units,
        maximum_units=found.maximum_units,
        fill_units=found.fill_units,
        payment_micro=found.payment_micro,
        surplus_a_unit_scaled=found.surplus_a_unit_scaled,
        surplus_micro=found.surplus_micro,
        sets_price_of=list(found.sets_price_of),
        tie=TieOut(
            orders=len(tie.positions),
            offered_units=tie.offered_units,
            filled_units=tie.filled_units,
            order_hashes=_hashes(cleared, tie.positions, sees),
        )
        if tie
        else None,
        limit_that_fills_nano_per_kwh=found.limit_that_fills,
        limit_is_exact=found.limit_is_exact,
        margin_need_micro=found.margin_need_micro,
        margin_missing_micro=found.margin_missing_micro,
        capacity_missing_wh=found.capacity_missing_wh,
        signer=found.signer,
        breach=found.breach,
        gap_part_micro=found.gap_part_micro,
        gap_micro=found.gap_micro,
    )


def book_out(
    cleared: ClearedRound,
    curve: Curve,
    levels: Iterable[Level],
    own: Callable[[Level], int],
    sees: Sees,
    following: str | None,
) -> BookOut:
    """A page of a book; `own` says how many Wh of a level are the reader's."""
    return BookOut(
        product=_product(cleared, curve),
        items=[
            LevelOut(
                side=level.side,
                price_nano_per_kwh=level.price_nano_per_kwh,
                implied=level.implied,
                orders=level.orders,
                offered_wh=level.offered_wh,
                filled_wh=level.filled_wh,
                own_offered_wh=own(level),
                order_hashes=_hashes(cleared, level.positions, sees),
            )
            for level in levels
        ],
        next_cursor=following,
    )


def curves_out(
    cleared: ClearedRound, curve: Curve, steps: Iterable[tuple[Side, Step]], following: str | None
) -> CurvesOut:
    """A page of demand and supply."""
    return CurvesOut(
        product=_product(cleared, curve),
        items=[
            StepOut(
                side=side,
                price_nano_per_kwh=step.price_nano_per_kwh,
                from_wh=step.from_wh,
                until_wh=step.until_wh,
                implied=step.implied,
            )
            for side, step in steps
        ],
        next_cursor=following,
    )


def constraints_out(
    cleared: ClearedRound, curve: Curve, found: ProductExplanation, sees: Sees
) -> ConstraintsOut:
    """Why a price is what it is, as it is answered."""

    def named(position: int) -> str | None:
        return _hash(cleared, position) if sees(position) else None

    return ConstraintsOut(
        product=_product(cleared, curve),
        connected=found.connected,
        low_nano_per_kwh=found.low,
        high_nano_per_kwh=found.high,
        sentences=list(found.sentences),
        marginal_orders=len(found.marginal),
        binding_orders=len(found.binding),
        link_orders=len(found.links),
        marginal=[
            MarginalOut(
                kind=each.kind,
                description=each.description,
                side=each.side,
                price_nano_per_kwh=each.price_nano_per_kwh,
                implied=each.implied,
                offered_wh=each.offered_wh,
                filled_wh=each.filled_wh,
                sets_low=each.sets_low,
                sets_high=each.sets_high,
                order_hash=named(each.position),
            )
            for each in found.marginal[:LISTED_MAX]
        ],
        binding=[
            BindingOut(
                kind=each.kind,
                description=each.description,
                units=each.units,
                product=each.product,
                energy_wh=each.energy_wh,
                surplus_a_unit_scaled=each.surplus_a_unit_scaled,
                rent_micro=each.rent_micro,
                order_hash=named(each.position),
            )
            for each in found.binding[:LISTED_MAX]
        ],
        links=[
            LinkOut(
                kind=each.kind,
                description=each.description,
                product=each.product,
                others=list(each.others),
                order_hash=named(each.position),
            )
            for each in found.links[:LISTED_MAX]
        ],
    )


def _product(cleared: ClearedRound, curve: Curve) -> ClearedProduct:
    return ClearedProduct(
        market=cleared.book.market,
        round=cleared.book.round,
        product=curve.product,
        name=cleared.names.label(curve.product),
        path=cleared.names.path(curve.product),
        price_nano_per_kwh=curve.price_nano_per_kwh,
        indicative=curve.indicative,
        volume_wh=curve.volume_wh,
    )


def _hash(cleared: ClearedRound, position: int) -> str:
    return "0x" + cleared.book.orders[position].digest.hex()


def _hashes(cleared: ClearedRound, positions: Iterable[int], sees: Sees) -> list[str]:
    seen = (position for position in positions if sees(position))
    return [_hash(cleared, position) for position in islice(seen, LISTED_MAX)]
