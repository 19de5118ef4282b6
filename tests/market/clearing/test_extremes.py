"""Books at the ends of the types and books without sense: cleared, or refused with a reason."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Book
from market.certificate import CertificateError, check
from market.clearing import ClearingError, clear
from market.order import Leg, Order, SignedOrder
from market.product import ProductGrid
from market.synthetic import UNSIGNED, rules_for
from market.units import SCALE

TRADER = "0x" + "1" * 40
LEAST, MOST = -(1 << 31), (1 << 31) - 1
MAX_UNITS = (1 << 64) - 1
GREATEST_CAP = 1 << 62
ANY_GAP = 10**70


def a_book(grid, drawn):
    """drawn: legs as (index, coefficient), units, limit."""
    orders = [
        SignedOrder(
            Order(
                1,
                1,
                tuple(Leg(grid.product_id(k), c) for k, c in sorted(parts)),
                units,
                limit,
                TRADER,
                0,
                salt,
            ),
            UNSIGNED,
            salt.to_bytes(32, "big"),
        )
        for salt, (parts, units, limit) in enumerate(drawn)
    ]
    return Book.build(1, 1, grid, orders)


def certified(book, gap_floor_micro=1_000):
    maxima = tuple(s.order.max_units for s in book.orders)
    rules = dataclasses.replace(rules_for(book.grid), gap_floor_micro=gap_floor_micro)
    clearing = clear(book, maxima, rules)
    return clearing, check(book, maxima, clearing, rules)


GRID = ProductGrid(carriers=2, zones=2, first_slot=0, slots=1)
POWER, FAR_POWER, HEAT, FAR_HEAT = range(4)


@pytest.mark.parametrize("made", [SCALE, 1_050_000])
def test_converters_in_a_circle_clear_and_cannot_trade_beyond_what_they_signed(made):
    """Power to heat and back, together without loss or with a gain: unlimited in theory."""
    book = a_book(
        GRID,
        [
            ([(POWER, SCALE), (HEAT, -made)], 50_000, 0),
            ([(POWER, -made), (HEAT, SCALE)], 50_000, 0),
            ([(POWER, -SCALE)], 10_000, -80_000_000),
            ([(HEAT, SCALE)], 4_000, 120_000_000),
        ],
    )
    clearing, certificate = certified(book)
    assert clearing.fills[3] == 4_000
    assert certificate.welfare_micro >= (120 - 80) * 4_000


def test_a_product_that_nobody_can_deliver_stays_untraded():
    book = a_book(
        GRID,
        [
            ([(HEAT, SCALE)], 1_000, 500_000_000),
            ([(POWER, SCALE), (HEAT, 250_000)], 1_000, 900_000_000),
            ([(POWER, -SCALE)], 5_000, -100_000_000),
        ],
    )
    clearing, certificate = certified(book)
    assert clearing.fills == (0, 0, 0)
    assert clearing.indicative == (True,) * 4
    assert certificate.gap_micro == 0


def test_a_zone_without_a_line_clears_on_its_own():
    near = [
        ([(POWER, SCALE)], 1_000, 300_000_000),
        ([(POWER, -SCALE)], 800, -100_000_000),
        ([(POWER, SCALE), (HEAT, -3_000_000)], 500, 0),
        ([(HEAT, SCALE)], 600, 90_000_000),
    ]
    far = [([(FAR_POWER, SCALE)], 700, 200_000_000), ([(FAR_POWER, -SCALE)], 700, -150_000_000)]
    alone, _ = certified(a_book(GRID, near))
    together, _ = certified(a_book(GRID, near + far))
    assert together.prices == (alone.prices[0], 175_000_000, *alone.prices[2:])
    assert together.fills == (*alone.fills, 700, 700)


def test_orders_of_255_legs_with_coefficients_at_their_ends_balance():
    grid = ProductGrid(carriers=1, zones=1, first_slot=0, slots=255)
    parts = [(k, MOST if k % 2 else LEAST) for k in range(255)]
    mirrored = [(k, -c if c > LEAST else MOST) for k, c in parts]
    energy = sum(abs(c) for _, c in parts)
    limit = min((1 << 63) - 1, GREATEST_CAP * energy // SCALE)
    drawn = [(parts, MAX_UNITS, limit), (mirrored, MAX_UNITS, limit)]
    drawn += [([(k, sign * SCALE)], MAX_UNITS, 0) for k in range(255) for sign in (1, -1)]
    clearing, _ = certified(a_book(grid, drawn), ANY_GAP)
    assert len(clearing.prices) == 255


def test_prices_at_the_greatest_cap_are_met_in_the_middle():
    book = a_book(
        GRID,
        [
            ([(POWER, SCALE)], MAX_UNITS, GREATEST_CAP),
            ([(POWER, -SCALE)], MAX_UNITS, -GREATEST_CAP),
        ],
    )
    clearing, _ = certified(book)
    assert clearing.prices[POWER] == GREATEST_CAP
    assert clearing.fills == (MAX_UNITS, MAX_UNITS)


@st.composite
def wild_books(draw):
    grid = ProductGrid(
        draw(st.integers(1, 3)), draw(st.integers(1, 2)), 0, draw(st.sampled_from((1, 2, 20)))
    )
    random = draw(st.randoms(use_true_random=False))
    cap = draw(st.sampled_from((1, 10**9, GREATEST_CAP)))
    return a_book(grid, [_wild_order(random, grid, cap) for _ in range(draw(st.integers(2, 24)))])


def _wild_order(random: Random, grid: ProductGrid, cap: int):
    if len(grid) == 1 or random.random() < 0.5:
        parts = [(random.randrange(len(grid)), random.choice((SCALE, -SCALE)))]
    else:
        places = random.sample(range(len(grid)), min(len(grid), random.choice((2, 2, 3, 255))))
        ends = (SCALE, -SCALE, MOST, LEAST, 1, -1)
        parts = [
            (k, random.choice((*ends, random.randint(1, MOST), -random.randint(1, MOST))))
            for k in places
        ]
    limit = min((1 << 63) - 1, cap * sum(abs(c) for _, c in parts) // SCALE)
    units = random.choice(
        (1, 10, random.randint(1, 10**6), random.randint(1, MAX_UNITS), MAX_UNITS)
    )
    return parts, units, random.choice((limit, -limit, 0, random.randint(-limit, limit)))


@settings(deadline=None, max_examples=60)
@given(wild_books())
def test_whatever_is_signed_balances_exactly_and_nobody_loses(book):
    """All that must hold except the gap: numbers so far apart leave a solver's floats behind."""
    certified(book, ANY_GAP)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([], "1 to 255 legs"),
        ([(POWER, 999_999)], "not \\+-1000000"),
        ([(POWER, SCALE), (POWER, -SCALE)], "strictly ascending"),
        ([(POWER, SCALE), (HEAT, 0)], "coefficient 0"),
    ],
)
def test_an_order_that_is_not_well_formed_is_refused_unless_it_does_not_count(parts, why):
    book = a_book(GRID, [([(POWER, SCALE)], 5, 1), (parts, 5, 1)])
    with pytest.raises(ClearingError, match=f"order 1 counts.*{why}"):
        clear(book, (5, 5), rules_for(GRID))
    assert clear(book, (5, 0), rules_for(GRID)).fills == (0, 0)


@pytest.mark.parametrize("maximum", [-1, 6])
def test_a_maximum_that_was_not_signed_is_refused(maximum):
    book = a_book(GRID, [([(POWER, SCALE)], 5, 1)])
    with pytest.raises(ClearingError, match="signed are 0 to 5"):
        clear(book, (maximum,), rules_for(GRID))


def test_a_gap_beyond_the_tolerance_is_named_and_not_hidden():
    """Mirrored odd orders alone can never balance: nothing trades, and the gap says so."""
    odd = [(POWER, SCALE), (HEAT, -731_313)]
    mirrored = [(k, -c) for k, c in odd]
    book = a_book(GRID, [(odd, 19_997, 60_000_000), (mirrored, 19_997, -40_000_000)])
    with pytest.raises(CertificateError, match="gap"):
        certified(book, 1)
