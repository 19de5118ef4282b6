"""Settled rounds made by hand, and random ones."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from eth_utils.address import to_checksum_address
from hypothesis import strategies as st

from market.clearing import clear
from market.order import Leg, Order
from market.product import ProductGrid
from market.surveillance import SettledRound
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book
from market.units import SCALE

ADA, BOB, CEM, DEE, EVE, FAY = (
    to_checksum_address("0x" + two * 20) for two in ("a1", "b0", "ce", "de", "e5", "fa")
)
ONE = ProductGrid(carriers=1, zones=1, first_slot=96, slots=1)
FEW = ProductGrid(carriers=1, zones=1, first_slot=96, slots=3)
KEYS = trader_keys(6)
NANO = 10**9


def order(
    trader: str, wh: int, price: float, *, number: int = 1, slot: int = 96, salt: int = 0
) -> Order:
    """Buys (positive Wh) or sells (negative) at a price in tokens a kWh."""
    sign = 1 if wh > 0 else -1
    legs = (Leg(slot, sign * SCALE),)
    return Order(1, number, legs, abs(wh), sign * round(price * NANO), trader, 0, salt)


def a_round(
    *orders: Order, grid: ProductGrid = ONE, stale: tuple[Order, ...] = (), **changes
) -> SettledRound:
    """The orders of one round, cleared; `stale` are in the book and count with nothing."""
    book = unsigned_book(grid, [(each, b"") for each in (*orders, *stale)])
    places = tuple(i for i, signed in enumerate(book.orders) if signed.order in stale)
    maxima = tuple(
        0 if i in places else signed.order.max_units for i, signed in enumerate(book.orders)
    )
    number = book.round
    made = SettledRound(
        book=book,
        maxima=maxima,
        clearing=clear(book, maxima, rules_for(grid)),
        slot_seconds=900,
        opened_at=1_000 * number - 500,
        gate_at=1_000 * number,
        stale=places,
    )
    return replace(made, **changes)


@st.composite
def random_rounds(draw, share=(0.0, 0.0, 0.3)):
    """Two or three settled rounds of a market, up to 16 orders each, of six traders."""
    random = Random(draw(st.integers(0, 2**32)))
    found = []
    for number in range(1, draw(st.integers(2, 3)) + 1):
        drawn = random_orders(
            random,
            FEW,
            draw(st.integers(1, 16)),
            keys=KEYS,
            multi_leg_share=draw(st.sampled_from(share)),
            price_step=draw(st.sampled_from((1, 50_000_000))),
            max_units=draw(st.sampled_from((5, 20_000))),
        )
        found.append(
            a_round(*(replace(each, market=1, round=number) for each, _ in drawn), grid=FEW)
        )
    return tuple(found)
