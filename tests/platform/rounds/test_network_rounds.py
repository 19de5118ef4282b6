"""A market whose network account alone trades the carriers of its lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from market.order import Leg, Order, sign_order
from market.product import Product
from wattproof.accounts import service as ledger
from wattproof.errors import InvalidError, RefusedError
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_market, rules_of
from wattproof.tasks.flow import run_until_idle

DESCRIPTION = b"a line of 5 kW from zone 0 to zone 1"
ONE = 1_000_000
FLOWGATE = 1
"""The carrier that stands for the line's capacity."""


def create(desk: Any) -> int:
    """A market with a line, as yet unpublished; the first trader's account is the network's."""
    platform = desk.platform
    with platform.transaction() as session:
        rules = replace(
            rules_of(get_market(session, desk.market)), carriers=2, zones=2, open_carriers=1
        )
        rounds.create_market(
            platform,
            session,
            "linked",
            rules,
            network=str(desk.traders[0].address),
            network_hash=keccak(DESCRIPTION),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        found = rounds.market_named(session, "linked")
        assert found is not None
        assert rules_of(found) == rules
        return found.market


def open_round(desk: Any, market: int) -> int:
    """Open the first round; returns its first slot."""
    first_slot = int(desk.now() // 7_200 + 2) * 8
    with desk.platform.transaction() as session:
        rounds.open_round(
            desk.platform,
            session,
            market,
            gate_at=desk.now() + 3_000,
            first_slot=first_slot,
            slots=1,
        )
    run_until_idle(desk.platform)
    return first_slot


def publish(desk: Any, market: int, description: bytes = DESCRIPTION) -> None:
    with desk.platform.transaction() as session:
        rounds.publish_network(desk.platform, session, market, description)


def test_a_round_opens_once_the_network_is_published(desk: Any) -> None:
    market = create(desk)
    with pytest.raises(RefusedError) as refused:
        open_round(desk, market)
    assert refused.value.code == "network_not_published"
    with pytest.raises(InvalidError) as invalid:
        publish(desk, market, b"a line of 50 kW")
    assert invalid.value.code == "other_network"
    publish(desk, market)
    open_round(desk, market)
    assert desk.platform.chain.call("Exchange", "isNetworkPublished", market)
    with desk.platform.transaction() as session:
        (opened,) = rounds.list_rounds(session, market)
    assert opened.state == "open"


def test_a_flowgate_is_taken_in_from_the_network_account_alone(desk: Any) -> None:
    market = create(desk)
    publish(desk, market)
    slot = open_round(desk, market)
    with desk.platform.transaction() as session:
        for trader in desk.traders[:2]:
            address = str(trader.address)
            ledger.ledger_call(
                desk.platform, session, address, "addMargin", market, 10**8, key=address
            )
    run_until_idle(desk.platform)
    legs = (
        Leg(Product(0, 0, slot).id, ONE),
        Leg(Product(0, 1, slot).id, -900_000),
        Leg(Product(FLOWGATE, 0, slot).id, ONE),
    )

    def signed(trader: int, legs: tuple[Leg, ...]) -> tuple[Order, bytes]:
        account = desk.traders[trader]
        order = Order(market, 1, legs, 1_000, 0, str(account.address), 0, 1)
        return order, sign_order(desk.platform.domain, order, bytes(account.key))

    with pytest.raises(InvalidError, match="network account's alone") as refused:
        desk.submit(signed(1, legs))
    assert refused.value.code == "malformed_order"
    desk.submit(signed(1, legs[:2]), signed(0, legs))


def test_a_network_is_given_whole_or_not_at_all(desk: Any) -> None:
    address, digest = str(desk.traders[0].address), keccak(DESCRIPTION)
    with desk.platform.transaction() as session:
        plain = rules_of(get_market(session, desk.market))
        linked = replace(plain, open_carriers=1)
        for rules, network in (
            (plain, {"network": address, "network_hash": digest}),
            (linked, {}),
            (linked, {"network": address}),
            (linked, {"network_hash": digest}),
        ):
            with pytest.raises(ValueError, match="network"):
                rounds.create_market(desk.platform, session, "half", rules, **network)
