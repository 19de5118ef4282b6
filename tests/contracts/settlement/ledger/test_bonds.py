"""postBond, requestBondExit, completeBondExit."""

from __future__ import annotations

import ape

MONEY = 1_000_000
WEEK = 604_800


def test_free_balance_becomes_a_bond(world, market, rich):
    free, bond = world.free(rich), world.ledger.bondOf(market, rich)
    world.ledger.postBond(market, 20 * MONEY, sender=rich)
    assert world.ledger.bondOf(market, rich) == bond + 20 * MONEY
    assert world.free(rich) == free - 20 * MONEY


def test_a_bond_needs_free_balance(world, market, rich):
    with ape.reverts(world.ledger.InsufficientFree):
        world.ledger.postBond(market, world.free(rich) + 1, sender=rich)
    with ape.reverts(world.ledger.ZeroAmount):
        world.ledger.postBond(market, 0, sender=rich)


def test_a_bond_comes_back_after_its_delay(world, market, rich, clock):
    world.ledger.postBond(market, 20 * MONEY, sender=rich)
    requested = world.ledger.requestBondExit(market, 30 * MONEY, sender=rich)
    assert tuple(world.ledger.bondExitOf(market, rich)) == (30 * MONEY, requested.timestamp)
    clock.next_at(requested.timestamp + WEEK - 1)
    with ape.reverts(world.ledger.ExitNotDue):
        world.ledger.completeBondExit(market, sender=rich)
    free = world.free(rich)
    clock.next_at(requested.timestamp + WEEK)
    world.ledger.completeBondExit(market, sender=rich)
    assert world.free(rich) == free + 20 * MONEY
    assert world.ledger.bondOf(market, rich) == 0


def test_one_bond_exit_is_pending_at_a_time(world, market, rich):
    with ape.reverts(world.ledger.NoExitPending):
        world.ledger.completeBondExit(market, sender=rich)
    world.ledger.requestBondExit(market, 1, sender=rich)
    with ape.reverts(world.ledger.ExitPending):
        world.ledger.requestBondExit(market, 1, sender=rich)


def test_a_bond_in_one_market_is_none_in_another(world, market, rich):
    other = world.create_market()
    world.ledger.postBond(market, 20 * MONEY, sender=rich)
    assert world.ledger.bondOf(other, rich) == 0
