from __future__ import annotations

import ape

MONEY = 1_000_000
CAP = 2**63 - 1


def test_tokens_become_free_balance(world, funded, bob):
    held, free = world.ledger.totalDeposited(world.token), world.free(bob)
    world.ledger.deposit(world.token, 20 * MONEY, bob, sender=funded)
    assert world.free(bob) == free + 20 * MONEY
    assert world.token.balanceOf(funded) == 30 * MONEY
    assert world.ledger.totalDeposited(world.token) == held + 20 * MONEY
    assert world.token.balanceOf(world.ledger) == held + 20 * MONEY


def test_nothing_and_nobody_are_refused(world, funded):
    with ape.reverts(world.ledger.ZeroAmount):
        world.ledger.deposit(world.token, 0, funded, sender=funded)
    with ape.reverts(world.ledger.ZeroAddress):
        world.ledger.deposit(world.token, 1, "0x" + "00" * 20, sender=funded)


def test_what_is_deposited_fits_63_bits(world, funded):
    world.token.mint(funded, 2**64, sender=world.admin)
    world.token.approve(world.ledger, 2**65, sender=funded)
    room = CAP - world.ledger.totalDeposited(world.token)
    for amount in (room + 1, 2**64, 2**255):
        with ape.reverts(world.ledger.DepositCapExceeded):
            world.ledger.deposit(world.token, amount, funded, sender=funded)
    world.ledger.deposit(world.token, room, funded, sender=funded)
    with ape.reverts(world.ledger.DepositCapExceeded):
        world.ledger.deposit(world.token, 1, funded, sender=funded)


def test_a_token_that_takes_a_fee_is_refused(world, hostile, alice):
    hostile.takeFee(100, sender=alice)
    with ape.reverts(world.ledger.WrongAmountReceived, expected=1_000, received=990):
        world.ledger.deposit(hostile, 1_000, alice, sender=alice)
    assert world.ledger.free(hostile, alice) == 0


def test_a_token_that_calls_back_deposits_once(world, hostile, alice):
    again = world.ledger.deposit.encode_input(hostile, 1, alice)
    hostile.callBack(world.ledger, again, sender=alice)
    world.ledger.deposit(hostile, 500, alice, sender=alice)
    assert not hostile.succeeded()
    assert world.ledger.free(hostile, alice) == 500
