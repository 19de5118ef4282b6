from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from market.product import ProductGrid
from market.reference import errors
from market.reference.token import ZERO_ADDRESS
from market.rules import MarketRules
from market.synthetic import rules_for
from tests.market.reference.sandbox import Sandbox, address

GRID = ProductGrid(carriers=1, zones=1, first_slot=10, slots=1)
TOKENS = {"imbalance_cap": 0, "gap_floor_micro": 0, "gap_cap_micro": 0, "tokenised": True}
ON_CHAIN = {"imbalance_cap": 0, "gap_floor": 0, "gap_cap": 0}


def rules(**changes: Any) -> MarketRules:
    return dataclasses.replace(rules_for(GRID), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"carriers": 2}, "one carrier"),
        ({"zones": 2}, "one carrier and one zone"),
        ({"imbalance_cap": 1}, "imbalance_cap"),
        ({"gap_floor_micro": 1}, "gap_floor_micro"),
        ({"gap_cap_micro": 1}, "gap_cap_micro"),
        ({"capacity_unit_wh": 1}, "capacity_unit_wh 0"),
    ],
)
def test_rules_of_a_token_market_that_cannot_be_say_what_to_set(changes, message):
    with pytest.raises(ValueError, match=message):
        rules(**(TOKENS | changes))


@pytest.mark.parametrize(
    "changes",
    [{"zones": 2}, {"carriers": 2}, {"imbalance_cap": 1}, {"gap_floor": 1}, {"gap_cap": 1}],
)
def test_the_reference_model_refuses_the_same_markets(changes):
    source = {"capacity_source": address("tokens"), "capacity_unit_wh": 0}
    with pytest.raises(errors.InvalidParams):
        Sandbox().create_market(**(ON_CHAIN | source | changes))


def test_a_source_without_a_unit_makes_a_token_market():
    sandbox = Sandbox()
    market = sandbox.create_market(**ON_CHAIN, capacity_source=address("tokens"))
    assert sandbox.exchange.market(market).rules.tokenised
    ordinary = sandbox.create_market(capacity_source=address("batteries"), capacity_unit_wh=100)
    assert not sandbox.exchange.market(ordinary).rules.tokenised
    assert not sandbox.exchange.market(sandbox.create_market()).rules.tokenised


def test_a_token_market_names_the_contract_that_keeps_them():
    rules(**TOKENS).check_source(named=True)
    with pytest.raises(ValueError, match="names the contract"):
        rules(**TOKENS).check_source(named=False)


def test_a_source_of_capacity_counts_in_units():
    rules().check_source(named=False)
    rules(capacity_unit_wh=100).check_source(named=True)
    with pytest.raises(ValueError, match="needs capacity_unit_wh"):
        rules().check_source(named=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slot_seconds": 0}, "slot length"),
        ({"period_slots": 257}, "at most 256 slots"),
        ({"price_cap": 0}, "price_cap"),
        ({"settle_window": 300}, "gate_grace < settle_window"),
        ({"settle_window": 86_401, "exit_delay": 90_000}, "at most a day"),
    ],
)
def test_rules_that_no_market_can_have_say_why(changes, message):
    with pytest.raises(ValueError, match=message):
        rules(**changes)


NETWORK = {"network": address("network"), "open_carriers": 1, "network_hash": b"\1" * 32}


@pytest.mark.parametrize(
    "changes",
    [
        {"open_carriers": 0},
        {"open_carriers": 3},
        {"network_hash": bytes(32)},
        {"network": ZERO_ADDRESS},
        {"gap_floor": 0, "gap_cap": 0},
    ],
)
def test_the_reference_model_refuses_a_network_that_lacks_something(changes):
    sandbox = Sandbox()
    with pytest.raises(errors.InvalidParams):
        sandbox.create_market(**({"carriers": 2} | NETWORK | changes))
    market = sandbox.create_market(carriers=2, **NETWORK)
    assert sandbox.exchange.market(market).rules.open_carriers == 1
    with pytest.raises(errors.NetworkNotPublished):
        sandbox.open_round(market)


def test_open_carriers_and_a_network_account_go_together():
    rules().check_network(named=False)
    rules(open_carriers=1).check_network(named=True)
    with pytest.raises(ValueError, match="what everybody trades"):
        rules().check_network(named=True)
    with pytest.raises(ValueError, match="set open_carriers 0"):
        rules(open_carriers=1).check_network(named=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"open_carriers": 2}, "0 .. 1"),
        ({"open_carriers": -1}, "0 .. 1"),
        ({"open_carriers": 1, "gap_floor_micro": 0, "gap_cap_micro": 0}, "several legs"),
    ],
)
def test_rules_of_a_network_that_cannot_be_say_what_to_set(changes, message):
    with pytest.raises(ValueError, match=message):
        rules(**changes)
