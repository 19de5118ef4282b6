"""Nobody pays more than was locked, nobody gets more than is bonded."""

from __future__ import annotations

import pytest

CENT = 10_000_000
PRICE = 30 * CENT
MONEY = 1_000_000


def test_a_charge_ends_at_what_was_locked(market, seller, buyer, make_trade, pack):
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meter = market.meter(buyer)
    market.after_period()
    values = pack(25_000, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    lock, free, bond = market.locked(buyer), market.free(buyer), market.bond()
    assert market.charge_of(market.close(buyer, {0: values})) == lock
    assert market.free(buyer) == free
    assert market.bond() == bond + lock
    assert market.locked(buyer) == 0


@pytest.fixture
def poor_market(world, seller, buyer):
    """A balancing bond of a hundredth of a unit."""
    market = world.create_market()
    for account in (seller, buyer):
        market.back(account, 100 * MONEY)
    market.post_bond(10_000)
    return market


def test_a_credit_ends_at_the_bond(poor_market, seller, buyer, make_trade, pack):
    market = poor_market
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meter = market.meter(seller)
    market.after_period()
    values = pack(-1_100, 0, 0, 0)
    meter.post(values)
    market.after_disputes()
    lock, free = market.locked(seller), market.free(seller)
    assert market.charge_of(market.close(seller, {0: values})) == -10_000
    assert market.free(seller) == free + lock + 10_000
    assert market.bond() == 0


def test_an_empty_bond_still_lets_positions_close(poor_market, seller, buyer, make_trade, pack):
    market = poor_market
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    meters = market.meter(seller), market.meter(buyer)
    market.after_period()
    more, less = pack(-2_000, 0, 0, 0), pack(0, 0, 0, 0)
    meters[0].post(more)
    meters[1].post(less)
    market.after_disputes()
    market.close(seller, {0: more})
    assert market.bond() == 0
    assert market.charge_of(market.close(buyer, {0: less})) == 0
    assert market.locked(buyer) == 0
