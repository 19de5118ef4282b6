"""Days of random trades and readings: each charge by the formula, no micro-unit lost."""

from __future__ import annotations

import random

import pytest

CENT = 10_000_000
SHORTFALL_BP, SURPLUS_BP, CAP = 2_000, 1_000, 100 * CENT
SLOTS = 4


def expected_cost(price: int, deviation_wh: int) -> int:
    """Nano per kWh times Wh: short is bought, long is sold, each within the cap."""
    if deviation_wh > 0:
        return deviation_wh * max(-CAP, min(CAP, price + abs(price) * SHORTFALL_BP // 10_000))
    return deviation_wh * max(-CAP, min(CAP, price - abs(price) * SURPLUS_BP // 10_000))


def random_round(market, draw, traders, make_trade):
    """One trade or more in some slots of a part of the period, at one price a slot."""
    first = draw.randrange(SLOTS)
    slots = draw.randint(1, SLOTS - first)
    trades = []
    for slot in range(first, first + slots):
        price = draw.choice([draw.randint(-150, 150) * CENT, draw.randint(-9, 9), 0])
        for _ in range(draw.randrange(3)):
            seller, buyer = draw.sample(traders, 2)
            wh = draw.choice([1, 3, draw.randint(1, 5_000)])
            trades.append(make_trade(seller, buyer, wh, price, slot=slot))
    market.settle(*trades, first_slot=first, slots=slots)
    return trades, dict.fromkeys(range(first, first + slots), 0) | {
        trade.slot: trade.price for trade in trades
    }


@pytest.mark.parametrize("seed", range(6))
def test_charges_follow_the_formula_and_nothing_is_lost(market, traders, make_trade, pack, seed):
    draw = random.Random(seed)
    traders = list(traders)[1:5]
    positions = {trader.address: [0] * SLOTS for trader in traders}
    prices = {}
    for _ in range(draw.randint(1, 3)):
        trades, of_slot = random_round(market, draw, traders, make_trade)
        prices |= of_slot
        for trade in trades:
            positions[trade.seller.address][trade.slot] -= trade.energy_wh
            positions[trade.buyer.address][trade.slot] += trade.energy_wh

    silent = draw.choice(traders)
    meters = {trader.address: market.meter(trader) for trader in traders}
    market.after_period()
    readings, covered = {}, [False] * SLOTS
    for trader in traders:
        if trader is silent:
            continue
        values = [
            draw.choice([None, position, position + draw.randint(-2_000, 2_000)])
            for position in positions[trader.address]
        ]
        readings[trader.address] = values
        meters[trader.address].post(pack(*values))
        covered = [known or value is not None for known, value in zip(covered, values, strict=True)]
    market.after_posting()

    def money():
        return market.bond() + sum(market.free(t) + market.locked(t) for t in traders)

    total = money()
    for trader in traders:
        holdings = [settled.positions.get(trader.address) for settled in market.rounds]
        if not any(holdings):
            continue
        values = readings.get(trader.address, [None] * SLOTS)
        cost = 0
        for slot, position in enumerate(positions[trader.address]):
            metered = values[slot]
            if metered is None:
                metered = 0 if position < 0 and covered[slot] else position
            if slot in prices:
                cost += expected_cost(prices[slot], metered - position)
        lock = sum(holding[0] for holding in holdings if holding)
        charge = max(-market.bond(), min(lock, -(-cost // 10**6)))
        bond, free, locked = market.bond(), market.free(trader), market.locked(trader)
        receipt = market.close(trader, {0: pack(*values)} if trader.address in readings else None)
        assert market.charge_of(receipt) == charge
        assert locked - market.locked(trader) == lock
        assert market.free(trader) - free == lock - charge
        assert market.bond() - bond == charge
        assert money() == total
    assert all(market.locked(trader) == 0 for trader in traders)
