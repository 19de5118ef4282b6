from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account

from market.eligibility import TraderFacts, effective_maxima, margin_need_micro, sold_energy_wh
from market.order import Leg, Order
from market.product import ProductGrid
from market.synthetic import rules_for, trader_keys, unsigned_book

GRID = ProductGrid(carriers=1, zones=1, first_slot=10, slots=2)
RULES = rules_for(GRID)
KEYS = trader_keys(2)
ALICE, BOB = sorted((Account.from_key(key).address for key in KEYS), key=lambda a: int(a, 16))
BUY, SELL = (Leg(10, 1_000_000),), (Leg(10, -1_000_000),)


def order(trader=ALICE, legs=BUY, max_units=1_000, limit=200_000_000, epoch=0, salt=0) -> Order:
    return Order(1, 1, legs, max_units, limit, trader, epoch, salt)


def maxima(orders, **facts):
    book = unsigned_book(GRID, [(o, b"") for o in orders])
    alice = TraderFacts(**{"margin_micro": 10**9, "epoch": 0, "eligible": True, **facts})
    result = effective_maxima(book, {ALICE: alice, BOB: TraderFacts(10**9, 0, True)}, RULES)
    return {s.order: m for s, m in zip(book.orders, result, strict=True)}


def test_a_buyer_needs_its_cost_and_its_collateral():
    assert margin_need_micro(order(), RULES) == 200_000 + 500_000


def test_a_seller_needs_collateral_alone():
    assert margin_need_micro(order(legs=SELL, limit=-200_000_000), RULES) == 500_000


def test_a_seller_who_pays_to_deliver_needs_that_too():
    assert margin_need_micro(order(legs=SELL, limit=200_000_000), RULES) == 700_000


def test_needs_are_rounded_up():
    small = order(legs=(Leg(10, 1), Leg(11, -1)), max_units=1, limit=1)
    assert margin_need_micro(small, RULES) == 1 + 1_000
    assert sold_energy_wh(small) == 1


def test_orders_of_one_seller_share_what_it_offered():
    first, second = (
        order(legs=SELL, max_units=600, limit=-200_000_000, salt=salt) for salt in range(2)
    )
    assert sorted(maxima([first, second], capacity_wh=1_199).values()) == [0, 600]
    assert sorted(maxima([first, second], capacity_wh=1_200).values()) == [600, 600]
    assert maxima([order()], capacity_wh=0) == {order(): 1_000}


def test_an_order_counts_in_full_or_not_at_all():
    one = order()
    assert maxima([one]) == {one: 1_000}
    assert maxima([one], margin_micro=700_000) == {one: 1_000}
    assert maxima([one], margin_micro=699_999) == {one: 0}


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"epoch": 1}, {}),
        ({}, {"epoch": 1}),
        ({}, {"eligible": False}),
        ({"limit": RULES.price_cap + 1}, {}),
        ({"limit": -RULES.price_cap - 1}, {}),
        ({"legs": SELL, "limit": 0}, {"capacity_wh": 999}),
    ],
)
def test_an_order_that_fails_a_condition_counts_with_nothing(change, facts):
    one = order(**change)
    assert maxima([one], **facts) == {one: 0}


def test_margin_is_used_up_in_book_order_and_a_later_smaller_order_may_still_fit():
    orders = [order(salt=n) for n in range(3)] + [order(salt=9, max_units=10)]
    book = unsigned_book(GRID, [(o, b"") for o in orders])
    got = maxima(orders, margin_micro=1_400_000 + 7_000)
    left = 1_407_000
    for signed in book.orders:
        need = margin_need_micro(signed.order, RULES)
        expected = signed.order.max_units if need <= left else 0
        left -= need if expected else 0
        assert got[signed.order] == expected
    assert sorted(got.values()) == [0, 10, 1_000, 1_000]


def test_attested_capacity_bounds_what_is_sold_and_not_what_is_bought():
    orders = [order(legs=SELL, limit=0, salt=n) for n in range(3)] + [order(salt=7)]
    got = maxima(orders, capacity_wh=2_500)
    assert sum(m for o, m in got.items() if o.sells) == 2_000
    assert got[orders[3]] == 1_000


def test_one_traders_orders_do_not_touch_anothers_margin():
    orders = [order(), order(trader=BOB)]
    assert maxima(orders, margin_micro=0) == {orders[0]: 0, orders[1]: 1_000}


def test_a_trader_without_facts_is_named():
    book = unsigned_book(GRID, [(order(), b"")])
    with pytest.raises(KeyError, match=ALICE):
        effective_maxima(book, {}, RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"carriers": 0},
        {"period_slots": 257},
        {"price_cap": 0},
        {"price_cap": 2**62 + 1},
        {"imbalance_cap": -1},
        {"gate_grace": 3_600},
        {"settle_window": 86_401, "exit_delay": 10**6},
    ],
)
def test_rules_that_the_exchange_would_refuse_are_refused(change):
    with pytest.raises(ValueError):
        dataclasses.replace(RULES, **change)
