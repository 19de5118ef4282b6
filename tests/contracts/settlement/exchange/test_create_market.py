from __future__ import annotations

import ape
import pytest

# A source without a unit keeps the tokens that the market trades.
TOKENS = {
    "capacitySource": "0x" + "11" * 20,
    "capacityUnitWh": 0,
    "imbalanceCap": 0,
    "gapFloor": 0,
    "gapCap": 0,
}
NETWORK = {
    "carriers": 3,
    "zones": 2,
    "network": "0x" + "22" * 20,
    "openCarriers": 2,
    "networkHash": b"\1" * 32,
}


def test_a_market_keeps_the_rules_it_was_created_with(world):
    market = world.create_market(zones=3, priceCap=123_456)
    params = world.exchange.market(market)
    assert tuple(params) == tuple(world.params_of_last.values())
    assert world.exchange.assetOf(market) == world.token.address


def test_a_market_of_tokens_is_created_where_nothing_else_is_asked_of_it(world):
    market = world.create_market(**TOKENS)
    assert world.exchange.market(market).capacitySource == TOKENS["capacitySource"]


@pytest.mark.parametrize("open_carriers", [1, 3])
def test_a_market_with_a_network_names_its_account_and_what_everybody_trades(world, open_carriers):
    market = world.create_market(**NETWORK | {"openCarriers": open_carriers})
    params = world.exchange.market(market)
    assert (params.network, params.openCarriers) == (NETWORK["network"], open_carriers)
    assert bytes(params.networkHash) == NETWORK["networkHash"]


def test_the_event_says_all_rules(world):
    market = world.create_market(**NETWORK)
    rules = tuple(world.params_of_last.values())
    (event,) = world.exchange.createMarket(rules, sender=world.admin).events
    assert (event.event_name, event.market) == ("MarketCreated", market + 1)
    stored = world.exchange.market(event.market)
    assert [str(value).lower() for value in event.params] == [str(v).lower() for v in stored]


def test_markets_are_numbered_in_order(world):
    assert world.create_market() + 1 == world.create_market()


def test_only_the_market_admin_creates_markets(world, kit, alice):
    with ape.reverts(world.exchange.AccessManagedUnauthorized, caller=alice.address):
        world.exchange.createMarket(tuple(kit.params.values()), sender=alice)


@pytest.mark.parametrize(
    "wrong",
    [
        {"operator": "0x" + "00" * 20},
        {"balancing": "0x" + "00" * 20},
        {"asset": "0x" + "00" * 20},
        {"gateGrace": 3_600},
        {"exitDelay": 3_600},
        {"settleWindow": 86_401, "exitDelay": 90_000},
        {"slotSeconds": 0},
        {"periodSlots": 0},
        {"periodSlots": 257},
        {"carriers": 0},
        {"zones": 0},
        {"carriers": 10, "zones": 70},
        {"carriers": 17, "periodSlots": 256},
        {"priceCap": 0},
        {"priceCap": 2**62 + 1},
        {"imbalanceCap": 2**62 + 1},
        TOKENS | {"imbalanceCap": 1},
        TOKENS | {"gapFloor": 1},
        TOKENS | {"gapCap": 1},
        TOKENS | {"carriers": 2},
        TOKENS | {"zones": 2},
        NETWORK | {"network": "0x" + "00" * 20},
        NETWORK | {"openCarriers": 0},
        NETWORK | {"openCarriers": 4},
        NETWORK | {"networkHash": bytes(32)},
        NETWORK | {"gapFloor": 0, "gapCap": 0},
        NETWORK | TOKENS | {"carriers": 1, "zones": 1, "openCarriers": 1},
        {"openCarriers": 1},
        {"networkHash": b"\1" * 32},
    ],
    ids=lambda wrong: ", ".join(f"{k}={v}"[:24] for k, v in wrong.items()),
)
def test_rules_that_cannot_work_are_refused(world, wrong):
    with ape.reverts(world.exchange.InvalidParams):
        world.create_market(**wrong)


def test_an_unknown_market_has_no_rules(world):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.exchange.UnknownMarket, market=unknown):
        world.exchange.market(unknown)
