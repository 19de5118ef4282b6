from __future__ import annotations

import dataclasses
from random import Random

import pytest

from market import merkle
from market.book import Book, BookError, book_leaf
from market.order import SignedOrder
from market.product import ProductGrid
from market.synthetic import random_orders, trader_keys, unsigned_book

GRID = ProductGrid(carriers=1, zones=2, first_slot=5, slots=3)


def a_book(count=30, share=0.2) -> Book:
    return unsigned_book(
        GRID, random_orders(Random(4), GRID, count, keys=trader_keys(5), multi_leg_share=share)
    )


def test_the_book_is_the_same_whatever_the_order_of_arrival():
    book = a_book()
    shuffled = Random(1).sample(book.orders, book.count)
    assert Book.build(1, 1, GRID, shuffled) == book


def test_orders_stand_by_trader_as_a_number_then_by_hash():
    book = a_book()
    places = [(int(s.order.trader, 16), s.digest) for s in book.orders]
    assert places == sorted(places)
    groups = list(book.traders())
    assert [i for _, group in groups for i in group] == list(range(book.count))
    assert len({trader for trader, _ in groups}) == len(groups)


def test_the_root_commits_to_every_leaf():
    book = a_book()
    leaves = [book_leaf(s.order.trader, s.digest) for s in book.orders]
    assert book.root == merkle.root(leaves)
    assert a_book(0).root == bytes(32)


def test_a_book_knows_whether_it_is_coupled():
    assert a_book().coupled
    assert not a_book(share=0.0).coupled


def test_orders_of_another_round_market_or_grid_are_refused():
    book = a_book(3)
    with pytest.raises(BookError, match="round 2"):
        Book(1, 2, GRID, book.orders)
    with pytest.raises(BookError, match="market 7"):
        Book(7, 1, GRID, book.orders)
    with pytest.raises(BookError, match="not in this round"):
        Book(1, 1, ProductGrid(1, 1, 99, 1), book.orders)


def test_duplicates_and_disorder_are_refused():
    book = a_book(5)
    with pytest.raises(BookError, match="duplicate"):
        Book.build(1, 1, GRID, [*book.orders, book.orders[2]])
    with pytest.raises(BookError, match="out of place"):
        dataclasses.replace(book, orders=book.orders[::-1])


def test_the_same_terms_under_another_salt_are_another_order():
    book = a_book(2, share=0.0)
    signed = book.orders[0]
    other = unsigned_book(GRID, [(dataclasses.replace(signed.order, salt=999), b"")]).orders[0]
    assert isinstance(other, SignedOrder)
    assert other.digest != signed.digest


def test_a_book_knows_for_whom_others_signed():
    book = a_book(12)
    first = book.orders[0]
    assert book.delegating == frozenset()
    signed = dataclasses.replace(first, delegate=book.orders[-1].order.trader)
    changed = dataclasses.replace(book, orders=(signed, *book.orders[1:]))
    assert changed.delegating == {first.order.trader}
    assert (changed.root, changed.leaves) == (book.root, book.leaves)
