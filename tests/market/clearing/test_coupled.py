from __future__ import annotations

import dataclasses
from random import Random

import pytest

from market.book import Book
from market.certificate import CertificateError, check
from market.clearing import ClearingError, clear
from market.order import Leg
from market.product import ProductGrid
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book
from market.units import SCALE

KEYS = trader_keys(20)
DAY = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=96)


def a_book(seed, grid=DAY, count=460, share=0.3, step=1, max_units=20_000, dearer=0):
    """A random book whose prices are all raised by `dearer` nano per kWh."""
    drawn = random_orders(
        Random(seed),
        grid,
        count,
        keys=KEYS,
        multi_leg_share=share,
        price_step=step,
        max_units=max_units,
    )
    drawn = [(raised(order, dearer), key) for order, key in drawn]
    book = unsigned_book(grid, drawn)
    return book, tuple(signed.order.max_units for signed in book.orders)


def raised(order, dearer):
    net = sum(leg.coefficient for leg in order.legs)
    return dataclasses.replace(order, limit=order.limit + dearer * net // SCALE)


@pytest.mark.parametrize("step", [1, 10_000_000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_460_orders_in_96_products_clear_within_a_millionth_of_welfare(share, step):
    book, maxima = a_book(11, share=share, step=step)
    rules = dataclasses.replace(rules_for(DAY), gap_floor_micro=0, gap_cap_micro=10**15)
    certificate = check(book, maxima, clear(book, maxima, rules), rules)
    assert certificate.welfare_micro > 10**7


@pytest.mark.parametrize("seed", range(8))
def test_no_book_of_mostly_multi_leg_orders_falls_behind(seed):
    book, maxima = a_book(seed, share=0.6)
    rules = dataclasses.replace(rules_for(DAY), gap_floor_micro=0, gap_cap_micro=10**15)
    certificate = check(book, maxima, clear(book, maxima, rules), rules)
    assert certificate.welfare_micro > 10**7


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_small_odd_books_clear_within_the_floor(first):
    for seed in range(first, first + 20):
        random = Random(seed)
        grid = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=random.choice((2, 3, 5, 9)))
        book, maxima = a_book(
            seed,
            grid,
            count=random.randint(3, 40),
            share=random.choice((0.2, 0.5, 0.8)),
            step=random.choice((1, 10_000_000)),
            max_units=random.choice((20, 500, 20_000, 1_000_000)),
        )
        check(book, maxima, clear(book, maxima, rules_for(grid)), rules_for(grid))


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_negative_prices_cost_at_most_what_rounding_takes(share):
    book, maxima = a_book(1, share=share, dearer=-400_000_000)
    legs = sum(len(indices) for indices in book.leg_indices if len(indices) > 1)
    clearing = clear(book, maxima, rules_for(DAY))
    a_wh_micro = -min(clearing.prices) // SCALE
    rules = dataclasses.replace(rules_for(DAY), gap_floor_micro=legs * a_wh_micro)
    certificate = check(book, maxima, clearing, rules)
    assert certificate.welfare_micro > 10**7


def a_book_with_a_mirrored_pair(quoted):
    """Single-leg orders of the first product; in the two others mirrored orders, whose second legs
    together round to -1 Wh whatever is filled, and crossing quotes if `quoted`."""
    grid = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=3)
    first = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=1)
    drawn = random_orders(Random(2), first, 60, keys=KEYS)
    like, key = drawn[0]
    made: list[tuple[tuple[Leg, ...], int]] = [
        ((Leg(grid.product_id(1), sign * SCALE), Leg(grid.product_id(2), -sign * 731_313)), 19_997)
        for sign in (1, -1)
    ]
    limits = [60_000_000, -40_000_000]
    for product in (1, 2) if quoted else ():
        made += [((Leg(grid.product_id(product), sign * SCALE),), 10) for sign in (1, -1)]
        limits += [210_000_000, -190_000_000]
    for salt, ((legs, units), limit) in enumerate(zip(made, limits, strict=True), 1_000):
        order = dataclasses.replace(like, legs=legs, max_units=units, limit=limit, salt=salt)
        drawn.append((order, key))
    book = unsigned_book(grid, drawn)
    return book, tuple(signed.order.max_units for signed in book.orders)


def pair_fills(book, clearing):
    return [u for indices, u in zip(book.leg_indices, clearing.fills, strict=True) if indices[1:]]


def test_orders_that_can_never_balance_are_left_out_and_others_trade_as_if_alone():
    book, maxima = a_book_with_a_mirrored_pair(quoted=False)
    rules = rules_for(book.grid)
    clearing = clear(book, maxima, rules)
    without = tuple(
        0 if len(indices) > 1 else m for indices, m in zip(book.leg_indices, maxima, strict=True)
    )
    assert pair_fills(book, clearing) == [0, 0]
    assert clearing.fills == clear(book, without, rules).fills
    assert sum(clearing.fills) > 0
    with pytest.raises(CertificateError, match="gap"):
        check(book, maxima, clearing, rules)


def test_crossing_quotes_let_orders_balance_that_could_not_alone():
    book, maxima = a_book_with_a_mirrored_pair(quoted=True)
    clearing = clear(book, maxima, rules_for(book.grid))
    check(book, maxima, clearing, rules_for(book.grid))
    assert min(pair_fills(book, clearing)) > 19_000


def test_the_order_of_arrival_changes_nothing():
    book, maxima = a_book(3, count=120)
    shuffled = Book.build(1, 1, DAY, Random(1).sample(book.orders, book.count))
    rules = rules_for(DAY)
    assert clear(shuffled, maxima, rules) == clear(book, maxima, rules)


def test_products_that_nothing_connects_clear_as_if_alone():
    book, maxima = a_book(5, count=200, share=0.02)
    rules = rules_for(DAY)
    touched = {k for i in book.leg_indices if len(i) > 1 for k in i}
    clearing = clear(book, maxima, rules)
    single = tuple(
        0 if len(indices) > 1 else m for indices, m in zip(book.leg_indices, maxima, strict=True)
    )
    alone = clear(book, single, rules)
    free = [k for k in range(96) if k not in touched]
    assert free
    assert [clearing.prices[k] for k in free] == [alone.prices[k] for k in free]


def test_a_book_of_other_products_or_maxima_is_refused():
    book, maxima = a_book(5, count=5)
    with pytest.raises(ClearingError):
        clear(book, maxima[1:], rules_for(DAY))
    with pytest.raises(ClearingError):
        clear(book, maxima, dataclasses.replace(rules_for(DAY), zones=2))
