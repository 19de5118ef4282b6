"""What a settlement costs, against the committed snapshot.

`WATTPROOF_WRITE_GAS=1` writes the snapshot anew. Measured: 100 orders of 100 traders in 96
products (50 trades), a market that asks for a credential, gas limit of a transaction 16,777,216;
and 100 orders of 100 traders (50 trades) that move tokens, in a market open to everybody.
Gas an order counts every transaction of the round from the gate on: closeGate and settle, or
closeGate, verifyChunk and applyChunk.

By legs: what an order more costs `settle` in a coupled round of 288 products (3 carriers), in a
market open to everybody: the difference between 42 and 22 orders of as many traders, all of which
have traded before. Each pair of traders takes each other's energy, every leg filled.

Of delegates: likewise what an order more of another trader costs `settle`, and another order of the
same trader, in a market open to everybody.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import keccak

SNAPSHOT = Path(__file__).parent.parent / "gas-snapshot.json"
TOLERANCE = 0.01
CENT = 10_000_000
MONEY = 1_000_000
SCALE = 1_000_000
TRADERS = 100
LEGS = (1, 2, 3, 4, 8, 16, 64, 255)
FEW, MANY = 22, 42
ROLE = keccak(text="wattproof.role.prosumer")


class Trader:
    def __init__(self, number: int) -> None:
        account = Account.from_key(keccak(text=f"gas trader {number}"))
        self.address, self.private_key = account.address, account.key


@pytest.fixture(scope="module")
def traders():
    return [Trader(number) for number in range(TRADERS)]


@pytest.fixture(scope="module")
def licensed_market(world, traders):
    """A market with a role, and 100 traders with margin and a standing credential."""
    issuer = world.admin
    world.credentials.accredit(issuer, ROLE, sender=world.admin)
    market = world.create_market(role=ROLE)
    expires = world.clock.now + 30 * 86_400
    for number, trader in enumerate(traders):
        world.credentials.grant(
            keccak(text=f"credential {number}"), trader.address, ROLE, expires, sender=issuer
        )
        world.back(market, world.impersonate(trader.address), 1_000 * MONEY)
    return market


def trades(round, traders):
    """Trader 2i buys what trader 2i + 1 sells, in slot i."""
    orders, prices = [], {}
    for i in range(len(traders) // 2):
        energy = 5_000 + 37 * i
        orders.append((round.order(traders[2 * i], energy, 30 * CENT + i, index=i), energy))
        orders.append((round.order(traders[2 * i + 1], -energy, 20 * CENT, index=i), energy))
        prices[i] = (50 * CENT + i) // 2
    return round.batch(orders, prices)


class Delegate(Trader):
    """Who signs for the trader of that number."""

    def __init__(self, number: int) -> None:
        account = Account.from_key(keccak(text=f"gas delegate {number}"))
        self.address, self.private_key = account.address, account.key


@pytest.fixture(scope="module")
def delegated(world, traders):
    """What a round costs in a market open to everybody, by how many of the pairs' orders (one or
    two a trader) their traders signed themselves, and how many their delegates."""
    market = world.create_market()
    delegates = [Delegate(number) for number in range(MANY)]
    for trader, delegate in zip(traders, delegates, strict=False):
        principal = world.impersonate(trader.address)
        world.back(market, principal, 1_000 * MONEY)
        world.name(market, principal, delegate)

    def settle(orders, *signers):
        """`signers`: of every trader's orders, True where the delegate signs."""
        round = world.open_round(market, slots=96)
        made = []
        for i in range(orders):
            for is_delegate in signers:
                energy, price = (5_000, 30 * CENT) if i % 2 == 0 else (-5_000, 20 * CENT)
                signer = delegates[i] if is_delegate else None
                made.append((round.order(traders[i], energy, price, signer=signer), 5_000))
        return round.gate_and_settle(round.batch(made, 25 * CENT)).gas_used

    settle(MANY, False)
    gas = {
        signers: [settle(orders, *signers) for orders in (FEW, MANY)]
        for signers in ((False,), (True,), (False, False), (True, True))
    }
    each = {signers: (many - few) // (MANY - FEW) for signers, (few, many) in gas.items()}
    first = each[True,] - each[False,]
    return {
        "own_order": {"settle": gas[False,], "per_order": each[False,]},
        "delegated_order": {"settle": gas[True,], "per_order": each[True,]},
        "delegated_order_more": {
            "settle": gas[True, True],
            "per_order": each[True, True] - each[True,],
        },
    }, (first, each[True, True] - each[False, False] - first)


@pytest.fixture(scope="module")
def token_round(world, deploy, traders):
    """`token_round()` is an open round in which every other trader has offered 10,000 tokens."""
    tokens = deploy("test/OpenTokens", world.exchange)
    market = world.create_market(
        capacitySource=tokens.address, capacityUnitWh=0, imbalanceCap=0, gapFloor=0, gapCap=0
    )
    for trader in traders:
        world.back(market, world.impersonate(trader.address), 1_000 * MONEY)

    def opened():
        round = world.open_round(market, slots=1)
        for trader in traders[1::2]:
            tokens.mint(round.grid.first_slot, trader.address, 10_000, sender=world.admin)
            seller = world.impersonate(trader.address)
            tokens.offer(market, round.grid.first_slot, 10_000, sender=seller)
        return round

    return opened


def token_trades(round, traders):
    """Trader 2i buys what trader 2i + 1 sells."""
    orders = []
    for i in range(len(traders) // 2):
        energy = 5_000 + 37 * i
        orders.append((round.order(traders[2 * i], energy, 30 * CENT), energy))
        orders.append((round.order(traders[2 * i + 1], -energy, 20 * CENT), energy))
    return round.batch(orders, 25 * CENT)


def pairs(round, traders, legs):
    """Trader 2i takes what trader 2i + 1 gives; the first pair always in two legs, so that every
    round is a coupled one."""
    orders = []
    for i in range(0, len(traders), 2):
        buys = {k: 700_000 + 1_000 * k for k in range(legs if i else 2)}
        if legs == 1 and i:
            buys = {0: SCALE}
        value = sum(buys.values()) * 25 * CENT // SCALE
        taken = round.coupled_order(traders[i], buys, 1_000, value + CENT)
        given = {k: -c for k, c in buys.items()}
        orders += [taken, round.coupled_order(traders[i + 1], given, 1_000, CENT - value)]
    prices = dict.fromkeys(range(len(round.grid)), 25 * CENT)
    return round.batch([(order, 1_000) for order in orders], prices)


@pytest.fixture(scope="module")
def by_legs(world, traders):
    """Figures by number of legs."""
    market = world.create_market(carriers=3)
    for trader in traders[:MANY]:
        world.back(market, world.impersonate(trader.address), 1_000 * MONEY)

    def settle(legs, orders):
        round = world.open_round(market, slots=96)
        return round.gate_and_settle(pairs(round, traders[:orders], legs)).gas_used

    settle(2, MANY)
    measured = {}
    for legs in LEGS:
        few, many = settle(legs, FEW), settle(legs, MANY)
        measured[f"coupled_{legs}_legs"] = {
            "settle": [few, many],
            "per_order": (many - few) // (MANY - FEW),
        }
    return measured


@pytest.fixture(scope="module")
def figures(world, licensed_market, token_round, traders, by_legs, delegated):
    measured = {}

    def whole(name, opened=lambda: world.open_round(licensed_market, slots=96), made=trades):
        round = opened()
        batch = made(round, traders)
        gate = round.close_gate(batch).gas_used
        settle = round.settle(batch).gas_used
        assert round.status == "Settled"
        measured[name] = {
            "closeGate": gate,
            "settle": settle,
            "per_order": (gate + settle) // TRADERS,
        }

    whole("cold_100_orders")
    whole("warm_100_orders")
    # Everybody's first trade: its first proceeds, its first tokens.
    whole("tokens_100_orders", token_round, token_trades)

    round = world.open_round(licensed_market, slots=96)
    batch = trades(round, traders)
    gate = round.close_gate(batch).gas_used
    first, state = round.verify(batch, 0, 50, b"")
    second, _ = round.verify(batch, 50, 100, state)
    names = list(batch.effects())
    applied = [
        world.exchange.applyChunk(
            round.market, round.number, chunk, batch.encoded_effects(part), sender=world.admin
        ).gas_used
        for chunk, part in enumerate((names[:50], names[50:]))
    ]
    assert round.status == "Settled"
    chunks = [first.gas_used, second.gas_used]
    measured["warm_100_orders_in_two_chunks"] = {
        "closeGate": gate,
        "verifyChunk": chunks,
        "applyChunk": applied,
        "per_order": (gate + sum(chunks) + sum(applied)) // TRADERS,
    }
    return measured | by_legs | delegated[0]


def test_gas_is_what_the_snapshot_says(figures):
    if os.environ.get("WATTPROOF_WRITE_GAS"):
        SNAPSHOT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    expected = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert figures.keys() == expected.keys()
    for name, figure in figures.items():
        assert figure["per_order"] == pytest.approx(expected[name]["per_order"], rel=TOLERANCE), (
            f"{name} changed: run with WATTPROOF_WRITE_GAS=1 if that is meant"
        )


def test_a_leg_more_costs_at_most_1_200_gas(figures):
    """From two legs on: the form of one leg has neither a count nor a coefficient."""
    cost = {legs: figures[f"coupled_{legs}_legs"]["per_order"] for legs in LEGS[1:]}
    for fewer, more in pairwise(LEGS[1:]):
        assert cost[more] - cost[fewer] <= 1_200 * (more - fewer)


def test_an_order_on_warm_storage_costs_at_most_25_000_gas(figures):
    assert figures["warm_100_orders"]["per_order"] <= 25_000


def test_the_first_order_that_a_delegate_signs_costs_at_most_12_000_gas_more(delegated):
    """The session is read once a trader; its further orders cost little more than its own."""
    first, further = delegated[1]
    assert 2_100 * 3 <= first <= 12_000
    assert further <= 1_000
