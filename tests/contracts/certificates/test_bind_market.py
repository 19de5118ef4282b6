from __future__ import annotations

import ape
import pytest


@pytest.fixture
def unbound(world, certificates, market, kit):
    return world.create_market(kit.CERTIFICATE_MARKET, capacitySource=certificates.address)


def test_a_market_trades_one_class(world, certificates, unbound, kit):
    assert certificates.classOf(unbound) == (0, 0)
    receipt = certificates.bindMarket(unbound, kit.SOLAR, kit.SOUTH, sender=world.admin)
    told = certificates.MarketBound(market=unbound, technology=kit.SOLAR, zone=kit.SOUTH)
    assert told in receipt.events
    assert certificates.classOf(unbound) == (kit.SOLAR, kit.SOUTH)


def test_a_market_is_bound_once(world, certificates, wind_market, kit):
    with ape.reverts(certificates.BoundBefore, market=wind_market):
        certificates.bindMarket(wind_market, kit.SOLAR, kit.NORTH, sender=world.admin)


def test_a_market_is_bound_to_a_technology(world, certificates, unbound, kit):
    with ape.reverts(certificates.BadDevice):
        certificates.bindMarket(unbound, 0, kit.NORTH, sender=world.admin)


def test_an_energy_market_trades_no_certificates(world, certificates, market, kit):
    with ape.reverts(certificates.NotTradable, market=market):
        certificates.bindMarket(market, kit.WIND, kit.NORTH, sender=world.admin)


def test_a_market_whose_slots_are_no_vintages_trades_no_certificates(
    world, certificates, market, kit
):
    for seconds in (kit.VINTAGE - 1, kit.VINTAGE + 1, 86_400):
        other = world.create_market(
            kit.CERTIFICATE_MARKET, capacitySource=certificates.address, slotSeconds=seconds
        )
        with ape.reverts(certificates.NotTradable, market=other):
            certificates.bindMarket(other, kit.WIND, kit.NORTH, sender=world.admin)


def test_a_market_of_another_source_trades_no_certificates(
    world, certificates, market, deploy, kit
):
    other_tokens = deploy("test/OpenTokens", world.exchange)
    other = world.create_market(kit.CERTIFICATE_MARKET, capacitySource=other_tokens.address)
    with ape.reverts(certificates.NotTradable, market=other):
        certificates.bindMarket(other, kit.WIND, kit.NORTH, sender=world.admin)


def test_a_market_that_takes_this_source_for_capacities_trades_no_certificates(
    world, certificates, market, kit
):
    other = world.create_market(
        kit.CERTIFICATE_MARKET, capacitySource=certificates.address, capacityUnitWh=1
    )
    with ape.reverts(certificates.NotTradable, market=other):
        certificates.bindMarket(other, kit.WIND, kit.NORTH, sender=world.admin)


def test_an_unknown_market_is_not_bound(world, certificates, market, kit):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.exchange.UnknownMarket, market=unknown):
        certificates.bindMarket(unknown, kit.WIND, kit.NORTH, sender=world.admin)


def test_only_the_market_administrator_binds(certificates, unbound, registrar, kit):
    with ape.reverts(certificates.AccessManagedUnauthorized, caller=registrar.address):
        certificates.bindMarket(unbound, kit.WIND, kit.NORTH, sender=registrar)
