"""requestExit and completeExit: margin comes back in bounded time, whatever others do."""

from __future__ import annotations

import ape

MONEY = 1_000_000
DAY = 86_400


def test_an_exit_counts_from_the_effective_round_on(world, market, round, alice, clock):
    world.ledger.requestExit(market, 400 * MONEY, sender=alice)
    assert world.ledger.account(market, alice).exitRound == round.number
    assert world.ledger.available(market, round.number - 1, alice) == 1_000 * MONEY
    assert world.ledger.available(market, round.number, alice) == 600 * MONEY
    amount, requested = world.ledger.exitOf(market, alice)
    assert (amount, requested) == (400 * MONEY, clock.now)


def test_after_the_gate_an_exit_affects_the_next_round(world, market, round, alice, clock):
    clock.move_to(round.gate_at)
    world.ledger.requestExit(market, 400 * MONEY, sender=alice)
    assert world.ledger.account(market, alice).exitRound == round.number + 1
    assert world.ledger.available(market, round.number, alice) == 1_000 * MONEY


def test_an_exit_takes_at_most_what_is_there(world, market, alice, clock):
    world.ledger.requestExit(market, 5_000 * MONEY, sender=alice)
    assert world.ledger.available(market, 10**6, alice) == 0
    clock.next_at(clock.now + DAY)
    free = world.free(alice)
    world.ledger.completeExit(market, sender=alice)
    assert world.free(alice) == free + 1_000 * MONEY
    account = world.ledger.account(market, alice)
    assert (account.margin, account.exitRound) == (0, 0)
    assert tuple(world.ledger.exitOf(market, alice)) == (0, 0)


def test_an_exit_waits_for_its_delay(world, market, alice, clock):
    requested = world.ledger.requestExit(market, MONEY, sender=alice)
    clock.next_at(requested.timestamp + DAY - 1)
    with ape.reverts(world.ledger.ExitNotDue):
        world.ledger.completeExit(market, sender=alice)
    clock.next_at(requested.timestamp + DAY)
    world.ledger.completeExit(market, sender=alice)


def test_one_exit_is_pending_at_a_time(world, market, alice):
    with ape.reverts(world.ledger.NoExitPending):
        world.ledger.completeExit(market, sender=alice)
    with ape.reverts(world.ledger.ZeroAmount):
        world.ledger.requestExit(market, 0, sender=alice)
    world.ledger.requestExit(market, MONEY, sender=alice)
    with ape.reverts(world.ledger.ExitPending):
        world.ledger.requestExit(market, MONEY, sender=alice)


def test_margin_leaves_though_the_operator_has_disappeared(world, market, round, alice, clock):
    """The gate is never closed; the round voids itself and holds nobody."""
    clock.move_to(round.gate_at)
    world.ledger.requestExit(market, 1_000 * MONEY, sender=alice)
    clock.next_at(clock.now + DAY)
    world.ledger.completeExit(market, sender=alice)
    assert world.ledger.account(market, alice).margin == 0


def test_margin_leaves_though_the_operator_never_settles(world, market, round, alice, clock):
    round.close_gate(round.batch([]))
    world.ledger.requestExit(market, 1_000 * MONEY, sender=alice)
    clock.next_at(clock.now + DAY)
    world.ledger.completeExit(market, sender=alice)
    assert world.ledger.account(market, alice).margin == 0


def test_a_completed_exit_leaves_room_for_the_next(world, market, alice, clock):
    for left in (900, 800):
        world.ledger.requestExit(market, 100 * MONEY, sender=alice)
        clock.next_at(clock.now + DAY)
        world.ledger.completeExit(market, sender=alice)
        assert world.ledger.account(market, alice).margin == left * MONEY
