from __future__ import annotations

import ape

MONEY = 1_000_000


def test_the_owner_takes_free_balance_out_to_anybody(world, rich, carol):
    before, free = world.token.balanceOf(carol), world.free(rich)
    held = world.ledger.totalDeposited(world.token)
    world.ledger.withdraw(world.token, 7 * MONEY, carol, sender=rich)
    assert world.token.balanceOf(carol) == before + 7 * MONEY
    assert world.free(rich) == free - 7 * MONEY
    assert world.ledger.totalDeposited(world.token) == held - 7 * MONEY


def test_nobody_withdraws_more_than_is_free(world, rich):
    free = world.free(rich)
    with ape.reverts(world.ledger.InsufficientFree, free=free, needed=free + 1):
        world.ledger.withdraw(world.token, free + 1, rich, sender=rich)


def test_nothing_and_nobody_are_refused(world, rich):
    with ape.reverts(world.ledger.ZeroAmount):
        world.ledger.withdraw(world.token, 0, rich, sender=rich)
    with ape.reverts(world.ledger.ZeroAddress):
        world.ledger.withdraw(world.token, 1, "0x" + "00" * 20, sender=rich)


def test_a_token_that_calls_back_pays_once(world, hostile, alice, bob):
    """The token withdraws its own balance meanwhile: the ledger is not re-entered."""
    world.ledger.deposit(hostile, 100, hostile, sender=alice)
    again = world.ledger.withdraw.encode_input(hostile, 100, alice)
    hostile.callBack(world.ledger, again, sender=alice)
    world.ledger.withdraw(hostile, 400, bob, sender=bob)
    assert not hostile.succeeded()
    assert world.ledger.free(hostile, bob) == 600
    assert world.ledger.free(hostile, hostile) == 100
    assert hostile.balanceOf(world.ledger) == world.ledger.totalDeposited(hostile) == 700


def test_a_hostile_token_is_worth_nothing_elsewhere(world, hostile, bob, market):
    free = world.free(bob)
    with ape.reverts(world.ledger.InsufficientFree, free=free, needed=free + 1_000):
        world.ledger.addMargin(market, free + 1_000, sender=bob)
