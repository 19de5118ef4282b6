from __future__ import annotations

import dataclasses
from random import Random

import pytest

from market.book import Book
from market.certificate import check
from market.clearing import ClearingError, clear
from market.product import ProductGrid
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book

KEYS = trader_keys(20)
DAY = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=96)


def a_book(seed, grid=DAY, count=460, share=0.3, step=1):
    drawn = random_orders(
        Random(seed), grid, count, keys=KEYS, multi_leg_share=share, price_step=step
    )
    book = unsigned_book(grid, drawn)
    return book, tuple(signed.order.max_units for signed in book.orders)


@pytest.mark.parametrize("step", [1, 10_000_000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_460_orders_in_96_products_clear_within_a_millionth_of_welfare(share, step):
    book, maxima = a_book(11, share=share, step=step)
    rules = dataclasses.replace(rules_for(DAY), gap_floor_micro=0, gap_cap_micro=10**15)
    certificate = check(book, maxima, clear(book, maxima, rules), rules)
    assert certificate.welfare_micro > 10**7


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
