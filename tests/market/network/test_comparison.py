from __future__ import annotations

from dataclasses import replace

import pytest

from market.network import Network, network_orders
from market.network.comparison import differences
from market.product import ProductGrid
from market.synthetic import unsigned_book
from tests.market.network.books import ADDRESSES, NETWORK, SLOT
from tests.market.network.test_elements import NETWORK as TOWN

GRID = ProductGrid(TOWN.carriers, TOWN.zones, SLOT, 2)
DERIVED = network_orders(TOWN, 1, 1, GRID, 900, NETWORK, 3)


def found(orders, network: Network = TOWN, without_effect=(), epoch=3):
    book = unsigned_book(GRID, [(order, b"") for order in orders])
    maxima = [
        0 if signed.order.salt in without_effect else signed.order.max_units
        for signed in book.orders
    ]
    return [
        (difference.order, difference.what, difference.detail)
        for difference in differences(network, book, maxima, 900, NETWORK, epoch)
    ]


def test_the_derived_orders_differ_in_nothing_whoever_else_is_in_the_book():
    other = replace(DERIVED[-1], trader=ADDRESSES[0])
    assert found([*DERIVED, other]) == []


def test_a_megawatt_more_is_named_with_its_link_and_slot():
    wider = replace(DERIVED[0], max_units=DERIVED[0].max_units + 250_000)
    assert found([wider, *DERIVED[1:]]) == [
        (
            f"link pipe forward, slot {SLOT}",
            "altered",
            "max_units is 1500000, derived is 1250000",
        )
    ]


@pytest.mark.parametrize("change", [{"limit": -7}, {"epoch": 4}, {"legs": DERIVED[1].legs}])
def test_whatever_else_is_altered_is_named(change):
    ((order, what, detail),) = found([replace(DERIVED[0], **change), *DERIVED[1:]])
    assert (order, what) == (f"link pipe forward, slot {SLOT}", "altered")
    assert detail.startswith(next(iter(change)))


def test_a_missing_order_is_named():
    missing = DERIVED[-1]
    assert found(DERIVED[:-1]) == [
        (
            f"line b backward unused, slot {SLOT + 1}",
            "missing",
            f"its salt {missing.salt} is not in the book",
        )
    ]


def test_an_order_that_nothing_derives_is_named_even_under_a_salt_that_is_taken():
    added = replace(DERIVED[0], salt=len(DERIVED))
    ((order, what, _),) = found([*DERIVED, added])
    assert (order, what) == (f"salt {len(DERIVED)}", "added")
    twice = replace(DERIVED[0], max_units=1)
    assert "added" in {what for _, what, _ in found([*DERIVED, twice])}


def test_an_order_that_counts_with_nothing_is_named():
    ((order, what, _),) = found(DERIVED, without_effect=(2,))
    assert (order, what) == (f"node 0 of town feed-in, slot {SLOT}", "without effect")


def test_the_epoch_that_counts_is_the_one_of_the_round():
    assert {(what, detail) for _, what, detail in found(DERIVED, epoch=4)} == {
        ("altered", "epoch is 3, derived is 4")
    }
