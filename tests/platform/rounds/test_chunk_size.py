"""How many orders a chunk holds, against what was measured (tests/contracts/gas-snapshot.json)."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from market.book import Book
from market.order import Leg, Order, SignedOrder, order_hash
from market.product import ProductGrid
from market.synthetic import DOMAIN, UNSIGNED
from wattproof.rounds.settlement import chunk_size

GAS = 16_777_216
GRID = ProductGrid(1, 1, 0, 1)
SNAPSHOT = json.loads(
    (Path(__file__).parents[2] / "contracts" / "gas-snapshot.json").read_text(encoding="utf-8")
)


def address(number: int) -> str:
    return str(to_checksum_address(number.to_bytes(20, "big")))


def book(traders: int, orders_each: int) -> Book:
    orders = [
        Order(1, 1, (Leg(0, 1_000_000),), 1, 0, address(trader), 0, salt)
        for trader in range(1, traders + 1)
        for salt in range(orders_each)
    ]
    signed = [SignedOrder(order, UNSIGNED, order_hash(DOMAIN, order)) for order in orders]
    return Book.build(1, 1, GRID, signed)


def most_traders(book: Book, size: int) -> int:
    """Of all chunks, how many traders end at most in one."""
    places = [signed.order.trader for signed in book.orders]
    chunks = [places[start : start + size] for start in range(0, len(places), size)]
    return max(len(list(groupby(chunk))) for chunk in chunks)


@pytest.mark.parametrize(("tokenised", "allowed"), [(False, 512), (True, 256)])
@pytest.mark.parametrize(("traders", "orders_each"), [(1, 700), (300, 2), (900, 1)])
def test_no_more_traders_end_in_a_chunk_than_can_be_applied(
    tokenised, allowed, traders, orders_each
):
    made = book(traders, orders_each)
    size = chunk_size(made, 1_200, GAS, tokenised=tokenised)
    assert 1 <= size <= made.count
    assert most_traders(made, size) <= allowed


@pytest.mark.parametrize(("tokenised", "name"), [(False, "cold"), (True, "tokens")])
def test_what_goes_into_one_transaction_fits_it_by_what_was_measured(tokenised, name):
    made = book(2_000, 1)
    size = chunk_size(made, 1_200, GAS, tokenised=tokenised)
    assert size * SNAPSHOT[f"{name}_100_orders"]["per_order"] < GAS


def test_few_orders_go_into_one_chunk():
    assert chunk_size(book(40, 2), 1_200, GAS, tokenised=True) == 80
