from __future__ import annotations

import ape

MONEY = 1_000_000


def test_free_balance_becomes_margin(world, rich, market):
    free = world.free(rich)
    world.ledger.addMargin(market, 3 * MONEY, sender=rich)
    assert world.ledger.account(market, rich).margin == 1_003 * MONEY
    assert world.free(rich) == free - 3 * MONEY


def test_margin_needs_free_balance(world, rich, market):
    with ape.reverts(world.ledger.InsufficientFree):
        world.ledger.addMargin(market, world.free(rich) + 1, sender=rich)
    with ape.reverts(world.ledger.ZeroAmount):
        world.ledger.addMargin(market, 0, sender=rich)


def test_a_market_that_is_not_there_takes_no_margin(world, rich):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.ledger.UnknownMarket, market=unknown):
        world.ledger.addMargin(unknown, 1, sender=rich)


def test_between_gate_and_end_no_margin_is_added(world, rich, market, round, clock):
    clock.move_to(round.gate_at)
    with ape.reverts(world.ledger.MarketFrozen, market=market):
        world.ledger.addMargin(market, 1, sender=rich)
    round.close_gate(round.batch([]))
    with ape.reverts(world.ledger.MarketFrozen, market=market):
        world.ledger.addMargin(market, 1, sender=rich)
    round.settle(round.batch([]))
    world.ledger.addMargin(market, 1, sender=rich)


def test_a_round_opened_during_settlement_does_not_thaw_the_market(world, rich, market, round):
    round.close_gate(round.batch([]))
    world.open_round(market, gate_in=10_000)
    with ape.reverts(world.ledger.MarketFrozen, market=market):
        world.ledger.addMargin(market, 1, sender=rich)
