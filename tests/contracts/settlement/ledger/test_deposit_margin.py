from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000


def test_tokens_become_the_margin_of_another_account(world, funded, bob, market):
    before = world.ledger.account(market, bob).margin
    free, deposited = world.free(bob), world.ledger.totalDeposited(world.token)
    wallet = world.token.balanceOf(funded)
    world.ledger.depositMargin(market, 20 * MONEY, bob, sender=funded)
    assert world.ledger.account(market, bob).margin == before + 20 * MONEY
    assert world.free(bob) == free
    assert world.token.balanceOf(funded) == wallet - 20 * MONEY
    assert world.ledger.totalDeposited(world.token) == deposited + 20 * MONEY


def test_the_events_are_those_of_a_deposit_that_its_owner_made_margin(world, funded, bob, market):
    receipt = world.ledger.depositMargin(market, 5, bob, sender=funded)
    deposited, added = (
        next(e for e in receipt.events if e.event_name == name)
        for name in ("Deposited", "MarginAdded")
    )
    assert (deposited["from"], deposited.to, deposited.amount) == (funded.address, bob.address, 5)
    assert (added.market, added.account, added.amount) == (market, bob.address, 5)


def test_nothing_is_deposited_between_gate_and_settlement(world, funded, market, round, clock):
    clock.move_to(round.gate_at)
    with ape.reverts(world.ledger.MarketFrozen, market=market):
        world.ledger.depositMargin(market, 1, funded, sender=funded)


def test_a_market_that_is_not_there_takes_no_margin(world, funded):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.ledger.UnknownMarket, market=unknown):
        world.ledger.depositMargin(unknown, 1, funded, sender=funded)


@pytest.mark.parametrize(("amount", "error"), [(0, "ZeroAmount"), (2**63, "DepositCapExceeded")])
def test_an_amount_that_cannot_be_is_refused(world, funded, market, amount, error):
    with ape.reverts(getattr(world.ledger, error)):
        world.ledger.depositMargin(market, amount, funded, sender=funded)


def test_margin_of_nobody_is_refused(world, funded, market):
    with ape.reverts(world.ledger.ZeroAddress):
        world.ledger.depositMargin(market, 1, "0x" + "00" * 20, sender=funded)


def test_a_token_that_calls_back_deposits_once(world, hostile, alice):
    market = world.create_market(asset=hostile.address)
    again = world.ledger.depositMargin.encode_input(market, 1, alice)
    hostile.callBack(world.ledger, again, sender=alice)
    world.ledger.depositMargin(market, 500, alice, sender=alice)
    assert not hostile.succeeded()
    assert world.ledger.account(market, alice).margin == 500


def test_a_token_that_takes_a_fee_is_refused(world, hostile, alice):
    market = world.create_market(asset=hostile.address)
    hostile.takeFee(100, sender=alice)
    with ape.reverts(world.ledger.WrongAmountReceived, expected=500, received=495):
        world.ledger.depositMargin(market, 500, alice, sender=alice)
