from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from market.delegation import Session, SessionBreach
from market.eligibility import (
    GateRule,
    TraderFacts,
    effective_maxima,
    judge,
    margin_need_micro,
    sold_energy_wh,
)
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


# -- session delegates -----------------------------------------------------------------------------

DELEGATE = BOB
GATE = 1_760_000_000
SESSION = Session(DELEGATE, GATE + 60, 1_500, 1_500, 200_000_000, 200_000_000)


def judged(*orders, delegate=DELEGATE, own=(), **facts):
    """How the gate judges Alice's orders: those in `own` she signed, the others her delegate."""
    given = {"margin_micro": 10**9, "epoch": 0, "eligible": True, "session": SESSION}
    alice = TraderFacts(**{**given, "gate_at": GATE, **facts})
    plain = unsigned_book(GRID, [(o, b"") for o in (*orders, *own)])
    signed = tuple(
        s if s.order in own else dataclasses.replace(s, delegate=delegate) for s in plain.orders
    )
    book = dataclasses.replace(plain, orders=signed)
    assert book.delegating == ({ALICE} if orders else set())
    found = judge(book, {ALICE: alice}, RULES)
    return dict(zip([s.order for s in book.orders], found, strict=True))


def test_a_delegates_order_within_its_session_counts_in_full():
    assert judged(order())[order()].broken is None
    assert judged(order(legs=SELL, limit=-200_000_000)).popitem()[1].broken is None


@pytest.mark.parametrize(
    ("one", "facts", "breach"),
    [
        (order(), {"session": None}, SessionBreach.DELEGATE),
        (order(), {"session": dataclasses.replace(SESSION, delegate=ALICE)}, "delegate"),
        (order(), {"gate_at": SESSION.until}, SessionBreach.ENDED),
        (order(limit=200_000_001), {}, SessionBreach.PRICE),
        (order(max_units=1_501), {}, SessionBreach.BUY),
        (order(legs=SELL, max_units=1_501, limit=-(10**9)), {}, SessionBreach.SELL),
    ],
)
def test_a_delegates_order_outside_its_session_counts_with_nothing_and_says_how(one, facts, breach):
    found = judged(one, **facts)[one]
    assert (found.broken, found.breach) == (GateRule.DELEGATION, breach)


def test_facts_without_the_second_of_the_gate_open_no_session():
    facts = {"session": dataclasses.replace(SESSION, until=2**40 - 1)}
    default = TraderFacts(1, 0, True).gate_at
    assert judged(order(), gate_at=default, **facts)[order()].breach is SessionBreach.ENDED


def test_the_session_is_judged_last():
    for change, facts, rule in (
        ({"limit": RULES.price_cap + 1}, {}, GateRule.PRICE_CAP),
        ({"epoch": 3}, {}, GateRule.EPOCH),
        ({}, {"eligible": False}, GateRule.CREDENTIAL),
        ({}, {"margin_micro": 0}, GateRule.MARGIN),
        ({"legs": SELL, "limit": 0}, {"capacity_wh": 0}, GateRule.CAPACITY),
    ):
        one = order(**change)
        found = judged(one, session=None, **facts)[one]
        assert (found.broken, found.breach) == (rule, None)


def test_delegated_orders_share_the_energy_of_the_round_and_what_does_not_count_takes_nothing():
    big = [order(salt=n) for n in range(3)]
    small = order(salt=9, max_units=500)
    found = judged(*big, small)
    left = 1_500
    for one, judgement in found.items():
        counts = one.max_units <= left
        assert (judgement.broken is None) == counts
        left -= one.max_units if counts else 0
        if not counts:
            assert judgement.breach is SessionBreach.BUY
    assert sum(o.max_units for o, j in found.items() if j.broken is None) in (1_000, 1_500)


def test_an_order_outside_its_session_uses_up_neither_margin_nor_capacity():
    outside = order(legs=SELL, limit=-100_000_000, max_units=1_000)
    inside = [order(legs=SELL, limit=-200_000_000, max_units=500, salt=n) for n in range(2)]
    found = judged(outside, *inside, capacity_wh=1_000, margin_micro=500_000)
    assert found[outside].broken is not None
    assert [found[each].broken for each in inside] == [None, None]


def test_what_the_trader_signs_itself_needs_no_session_and_takes_nothing_from_it():
    own = [order(limit=10**9, salt=n) for n in range(4)]
    theirs = [order(salt=7), order(salt=8, max_units=500)]
    found = judged(*theirs, own=own)
    assert all(judgement.broken is None for judgement in found.values())
    assert all(
        j.breach is None for j in judged(*theirs, own=own, session=None).values() if not j.broken
    )
    assert [judged(own=own, session=None)[each].broken for each in own] == [None] * 4


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 1_000), st.integers(150, 250), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(0, 2_000_000),
)
def test_no_book_lets_a_delegate_beyond_its_energy_or_its_prices(drawn, buy_wh, sell_wh, margin):
    session = dataclasses.replace(SESSION, buy_wh=buy_wh, sell_wh=sell_wh)
    orders: list[Order] = []
    own: list[Order] = []
    for salt, (sells, units, price, signs_itself) in enumerate(drawn):
        limit = price * 1_000_000
        one = order(
            legs=SELL if sells else BUY,
            max_units=units,
            limit=-limit if sells else limit,
            salt=salt,
        )
        (own if signs_itself else orders).append(one)
    found = judged(*orders, own=own, session=session, margin_micro=margin)
    counted = [one for one in orders if found[one].broken is None]
    assert sum(one.max_units for one in counted if not one.sells) <= buy_wh
    assert sum(one.max_units for one in counted if one.sells) <= sell_wh
    for one in counted:
        within = one.limit <= (-session.min_price if one.sells else session.max_price)
        assert within
    assert all(found[one].breach is None for one in own)
