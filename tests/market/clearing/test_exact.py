"""Arrays of exact integers against Python's own, up to the ends of the types."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Book
from market.clearing.component import build_component, connected_products
from market.clearing.counted import CountedOrders
from market.clearing.exact import dot, narrowed, quotients, rounded
from market.order import Leg, Order, SignedOrder
from market.product import ProductGrid
from market.synthetic import UNSIGNED
from market.units import SCALE

GRID = ProductGrid(carriers=2, zones=1, first_slot=0, slots=3)
INT32 = st.integers(-(1 << 31), (1 << 31) - 1).filter(bool)
INT64 = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
WHOLE = st.one_of(st.integers(-9, 9), INT64, st.integers(-(1 << 80), 1 << 80))


@given(st.lists(WHOLE, max_size=8))
def test_sums_and_products_are_exact(values):
    array = narrowed(np.array(values, dtype=object))
    assert [int(v) for v in array] == values
    assert dot(array, array) == sum(v * v for v in values)


@given(
    st.lists(st.tuples(WHOLE, st.one_of(st.integers(1, 9), st.integers(1, 1 << 80))), max_size=8)
)
def test_quotients_are_the_nearest_floats(pairs):
    above = narrowed(np.array([a for a, _ in pairs], dtype=object))
    below = narrowed(np.array([b for _, b in pairs], dtype=object))
    assert quotients(above, below).tolist() == [float(Fraction(a, b)) for a, b in pairs]


@given(st.lists(st.floats(-1e25, 1e25), max_size=8))
def test_rounding_is_to_the_nearest_even_whole(values):
    assert [int(v) for v in rounded(np.array(values, dtype=np.float64))] == [
        round(v) for v in values
    ]


@st.composite
def multi_leg_orders(draw):
    places = draw(st.lists(st.integers(0, len(GRID) - 1), min_size=2, max_size=6, unique=True))
    legs = tuple(Leg(GRID.product_id(k), draw(INT32)) for k in sorted(places))
    units = draw(st.one_of(st.integers(1, 9), st.integers(1, (1 << 64) - 1)))
    return legs, units, draw(st.one_of(st.integers(-9, 9), INT64))


@st.composite
def single_leg_orders(draw):
    k, sells = draw(st.integers(0, len(GRID) - 1)), draw(st.booleans())
    units = draw(st.one_of(st.integers(1, 9), st.integers(1, (1 << 64) - 1)))
    return (Leg(GRID.product_id(k), -SCALE if sells else SCALE),), units, draw(st.integers(-3, 3))


def a_book(drawn):
    orders = [
        SignedOrder(
            Order(1, 1, legs, units, limit, "0x" + "11" * 20, 0, salt),
            UNSIGNED,
            salt.to_bytes(32, "big"),
        )
        for salt, (legs, units, limit) in enumerate(drawn)
    ]
    return Book.build(1, 1, GRID, orders)


@settings(deadline=None)
@given(
    st.lists(multi_leg_orders(), min_size=1, max_size=5),
    st.lists(single_leg_orders(), max_size=12),
    st.lists(INT64, min_size=len(GRID), max_size=len(GRID)),
    st.data(),
)
def test_a_component_computes_what_the_orders_say(multis, singles, prices, data):
    book = a_book(singles + multis)
    orders = CountedOrders.of(book, [s.order.max_units for s in book.orders])
    component_of = connected_products(orders, len(GRID))
    for number in range(component_of.max() + 1):
        products = np.flatnonzero(component_of == number)
        own = orders.products[orders.starts[:-1]]
        chosen = np.flatnonzero(component_of[own] == number)
        component = build_component(orders, products, chosen)
        by_place = tuple(prices[k] for k in products.tolist())
        share = data.draw(st.integers(0, 8))
        units = narrowed(np.array([int(m) * share // 8 for m in component.maxima], dtype=object))
        surplus, gains = component.surpluses(by_place), component.realised(by_place, units)
        left = [0] * len(GRID)
        for j in range(component.count):
            members = component.members[component.member_starts[j] : component.member_starts[j + 1]]
            signed = [book.orders[i].order for i in members.tolist()]
            first, filled = signed[0], int(units[j])
            indices = book.leg_indices[int(members[0])]
            assert sum(order.max_units for order in signed) == int(component.maxima[j])
            assert {(order.legs, order.limit) for order in signed} == {(first.legs, first.limit)}
            cost = sum(
                leg.coefficient * prices[k] for leg, k in zip(first.legs, indices, strict=True)
            )
            assert int(surplus[j]) == first.limit * SCALE - cost
            moved = [leg.coefficient * filled // SCALE for leg in first.legs]
            paid = sum(prices[k] * q for k, q in zip(indices, moved, strict=True))
            assert int(gains[j]) == first.limit * filled - paid
            for k, q in zip(indices, moved, strict=True):
                left[k] += q
        assert component.imbalance_wh(units) == [left[k] for k in products.tolist()]
