"""The same book clears to the same prices and fills, however it came together."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.order import Leg, Order, SignedOrder
from market.product import Product, ProductGrid
from market.synthetic import UNSIGNED, rules_for
from market.units import SCALE

GRID = ProductGrid(carriers=2, zones=2, first_slot=1_000, slots=2)
TRADERS = ["0x" + digit * 40 for digit in "1234"]
FEW_PRICES = st.sampled_from((0, 0, 10_000_000, 50_000_000, 50_000_000, 100_000_000))
FEW_UNITS = st.sampled_from((10, 10, 50, 1_000))
SLOTS = st.integers(0, GRID.slots - 1)


def legs(*parts):
    products = [(Product(c, z, GRID.first_slot + t).id, k) for c, z, t, k in parts]
    return tuple(Leg(product, k) for product, k in sorted(products))


@st.composite
def quotes(draw):
    """Single-leg orders at few prices, zero among them, so that ties are the rule."""
    carrier, zone, sign = (
        draw(st.integers(0, 1)),
        draw(st.integers(0, 1)),
        draw(st.sampled_from((1, -1))),
    )
    return [
        (legs((carrier, zone, draw(SLOTS), sign * SCALE)), draw(FEW_UNITS), sign * draw(FEW_PRICES))
    ]


@st.composite
def lines(draw):
    """A lossless line of limit 0, both directions."""
    carrier, slot, units = draw(st.integers(0, 1)), draw(SLOTS), draw(FEW_UNITS)
    both = ((0, SCALE), (1, -SCALE)), ((0, -SCALE), (1, SCALE))
    return [(legs(*((carrier, z, slot, k) for z, k in way)), units, 0) for way in both]


@st.composite
def converters(draw):
    """One to three identical converters; some lossless, some that give more than they take."""
    zone, slot, units = draw(st.integers(0, 1)), draw(SLOTS), draw(FEW_UNITS)
    made = draw(st.sampled_from((500_000, SCALE, 1_100_000)))
    source = draw(st.integers(0, 1))
    order = (legs((source, zone, slot, SCALE), (1 - source, zone, slot, -made)), units, 0)
    return [order] * draw(st.integers(1, 3))


@st.composite
def stores(draw):
    """Bought in the first slot, given back in the second."""
    carrier, zone = draw(st.integers(0, 1)), draw(st.integers(0, 1))
    parts = (carrier, zone, 0, SCALE), (carrier, zone, 1, -draw(st.sampled_from((SCALE, 902_500))))
    return [(legs(*parts), draw(FEW_UNITS), 0)]


DEGENERATE = st.lists(
    st.one_of(quotes(), quotes(), quotes(), lines(), converters(), stores()),
    min_size=2,
    max_size=16,
).map(lambda groups: [order for group in groups for order in group])


def signed(drawn):
    return [
        SignedOrder(
            Order(1, 1, parts, units, limit, TRADERS[salt % 4], 0, salt),
            UNSIGNED,
            (salt * 2_654_435_761 % (1 << 32)).to_bytes(32, "big"),
        )
        for salt, (parts, units, limit) in enumerate(drawn)
    ]


def cleared(orders, counted):
    """Prices, and fills by hash, of a round in which the orders of those hashes count."""
    book = Book.build(1, 1, GRID, orders)
    maxima = tuple(s.order.max_units if s.digest in counted else 0 for s in book.orders)
    clearing = clear(book, maxima, rules_for(GRID))
    check(book, maxima, clearing, rules_for(GRID))
    return clearing.prices, {
        s.digest: u for s, u in zip(book.orders, clearing.fills, strict=True) if u > 0
    }


@settings(deadline=None, max_examples=60)
@given(DEGENERATE, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing_in_degenerate_books(drawn, random):
    orders = signed(drawn)
    counted = {s.digest for s in orders}
    shuffled = random.sample(orders, len(orders))
    assert cleared(shuffled, counted) == cleared(orders, counted)


@settings(deadline=None, max_examples=60)
@given(DEGENERATE, DEGENERATE)
def test_orders_that_do_not_count_have_no_say(drawn, idle):
    orders = signed(drawn)
    counted = {s.digest for s in orders}
    more = [s for s in signed(drawn + idle + drawn) if s.digest not in counted]
    assert cleared(orders + more, counted) == cleared(orders, counted)


@settings(deadline=None, max_examples=60)
@given(DEGENERATE)
def test_degenerate_books_clear_within_the_floor_and_tied_orders_share(drawn):
    orders = signed(drawn)
    _, fills = cleared(orders, {s.digest for s in orders})
    sides: dict[tuple[tuple[Leg, ...], int], list[SignedOrder]] = {}
    for s in orders:
        if not s.order.multi_leg:
            sides.setdefault((s.order.legs, s.order.limit), []).append(s)
    for tied in sides.values():
        offered = sum(s.order.max_units for s in tied)
        filled = sum(fills.get(s.digest, 0) for s in tied)
        for s in tied:
            apart = fills.get(s.digest, 0) * offered - s.order.max_units * filled
            assert abs(apart) < offered


@settings(deadline=None, max_examples=40)
@given(DEGENERATE, st.integers(1, 1_000))
def test_welfare_does_not_depend_on_hashes(drawn, other):
    """Other salts put tied multi-leg orders in another order: who is filled may differ, what the
    round is worth may not, beyond what the certificate leaves open."""
    rules = dataclasses.replace(rules_for(GRID), gap_floor_micro=1_000)
    found = []
    for shift in (0, other):
        orders = [
            dataclasses.replace(
                s, digest=(int.from_bytes(s.digest, "big") ^ shift).to_bytes(32, "big")
            )
            for s in signed(drawn)
        ]
        book = Book.build(1, 1, GRID, orders)
        maxima = tuple(s.order.max_units for s in book.orders)
        found.append(check(book, maxima, clear(book, maxima, rules), rules))
    first, second = found
    assert first.welfare_micro <= second.welfare_micro + second.gap_micro + 1
    assert second.welfare_micro <= first.welfare_micro + first.gap_micro + 1
