"""applyEffects, payFromBond and closePosition: only the two contracts named at construction."""

from __future__ import annotations

import ape
import pytest

CENT = 10_000_000
MONEY = 1_000_000


def test_only_the_exchange_applies_effects_and_pays_from_bonds(world, market, alice, bob):
    for caller in (alice, world.operator, world.imbalance, world.admin):
        with ape.reverts(world.ledger.NotExchange, caller=caller.address):
            world.ledger.applyEffects(market, b"", 0, sender=caller)
        with ape.reverts(world.ledger.NotExchange, caller=caller.address):
            world.ledger.payFromBond(market, world.operator, bob, 1, sender=caller)


def test_only_the_imbalance_contract_closes_positions(world, market, alice):
    for caller in (alice, world.operator, world.admin):
        with ape.reverts(world.ledger.NotImbalance, caller=caller.address):
            world.ledger.closePosition(market, alice, 0, 0, world.balancing, sender=caller)


def test_the_exchange_itself_cannot_debit_more_than_the_margin(world, market, alice):
    as_exchange = world.impersonate(world.exchange.address)
    effect = bytes.fromhex(alice.address[2:]) + (1_000 * MONEY + 1).to_bytes(8, "big") + bytes(8)
    with ape.reverts(world.ledger.InsufficientMargin, account=alice.address):
        world.ledger.applyEffects(market, effect, 0, sender=as_exchange)
    with ape.reverts(world.ledger.MalformedEffects):
        world.ledger.applyEffects(market, effect[:-1], 0, sender=as_exchange)


@pytest.fixture
def locked(world, market, alice, bob):
    """Bob sold 1 kWh at 0.25, so 0.45 are locked. The balancing bond is 1 unit."""
    world.post_bond(market, world.balancing, MONEY)
    round = world.open_round(market)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    round.gate_and_settle(round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))
    assert world.ledger.account(market, bob).locked == 450_000
    return market


def close(world, market, account, lock, charge):
    return world.ledger.closePosition(
        market, account, lock, charge, world.balancing, sender=world.imbalance
    )


@pytest.mark.parametrize("charge", [0, 100_000, 450_000, -1, -1_000_000])
def test_a_closed_position_is_zero_sum_with_the_balancing_bond(world, locked, bob, charge):
    free, bond = world.free(bob), world.ledger.bondOf(locked, world.balancing)
    close(world, locked, bob, 450_000, charge)
    assert world.free(bob) == free + 450_000 - charge
    assert world.ledger.bondOf(locked, world.balancing) == bond + charge
    assert world.ledger.account(locked, bob).locked == 0


def test_a_charge_is_bounded_by_the_lock_and_by_the_bond(world, locked, bob):
    with ape.reverts(world.ledger.InsufficientLocked):
        close(world, locked, bob, 450_000, 450_001)
    with ape.reverts(world.ledger.InsufficientBond):
        close(world, locked, bob, 450_000, -MONEY - 1)


def test_no_more_is_unlocked_than_is_locked(world, locked, bob):
    with ape.reverts(world.ledger.InsufficientLocked):
        close(world, locked, bob, 450_001, 0)
    close(world, locked, bob, 450_000, 0)
    with ape.reverts(world.ledger.InsufficientLocked):
        close(world, locked, bob, 1, 0)


def test_closing_a_position_does_not_disturb_a_frozen_round(world, locked, alice, bob):
    round = world.open_round(locked)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    close(world, locked, bob, 450_000, 10)
    round.settle(batch)
    assert world.ledger.account(locked, bob).locked == 450_000
