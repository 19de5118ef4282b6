from __future__ import annotations

import ape
import pytest

DAY = 86_400


@pytest.fixture
def unbound(world, credits, kit):
    return world.create_market(kit.CREDIT_MARKET, capacitySource=credits.address)


def test_a_market_trades_one_issuers_credits(world, credits, unbound, issuer):
    receipt = credits.bindMarket(unbound, issuer, sender=world.admin)
    assert credits.MarketBound(market=unbound, issuer=issuer.address) in receipt.events
    assert credits.issuerOf(unbound) == issuer.address


def test_a_market_is_bound_once(world, credits, unbound, issuer, stranger):
    """Or its credits would become another issuer's overnight."""
    credits.bindMarket(unbound, issuer, sender=world.admin)
    with ape.reverts(credits.BoundBefore, issuer=issuer.address):
        credits.bindMarket(unbound, stranger, sender=world.admin)


def test_only_the_market_administrator_binds(credits, unbound, issuer):
    with ape.reverts(credits.AccessManagedUnauthorized, caller=issuer.address):
        credits.bindMarket(unbound, issuer, sender=issuer)


def test_a_market_is_bound_to_somebody(world, credits, unbound):
    with ape.reverts(credits.ZeroAddress):
        credits.bindMarket(unbound, "0x" + "00" * 20, sender=world.admin)


def test_an_energy_market_trades_no_credits(world, credits, market, issuer):
    with ape.reverts(credits.NotTradable, market=market):
        credits.bindMarket(market, issuer, sender=world.admin)


def test_an_unknown_market_is_not_bound(world, credits, market, issuer):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(credits.UnknownMarket, market=unknown):
        credits.bindMarket(unknown, issuer, sender=world.admin)


def test_credits_outlive_the_settlement_of_the_round_that_sells_them(world, credits, kit, issuer):
    """A slot as short as the settlement window could expire in between."""
    for seconds, tradable in ((600, False), (601, True)):
        market = world.create_market(
            kit.CREDIT_MARKET, capacitySource=credits.address, slotSeconds=seconds
        )
        if tradable:
            credits.bindMarket(market, issuer, sender=world.admin)
            continue
        with ape.reverts(credits.NotTradable, market=market):
            credits.bindMarket(market, issuer, sender=world.admin)
