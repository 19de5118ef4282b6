"""Creating a market with a network, and handing in what its description derives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from identity.signer import LocalSigner
from market.network import describe, network_hash
from tests.platform.networks.conftest import NETWORK, linked_rules
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.networks import service as networks
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle


def create(desk: Any, **changes: Any) -> None:
    with desk.platform.transaction() as session:
        rules = linked_rules(session, desk.market)
        given = {
            "network": str(desk.traders[0].address),
            "network_description": describe(NETWORK),
        } | changes
        rounds.create_market(desk.platform, session, "another", rules, **given)


def test_the_platform_publishes_the_description_once_the_market_is_there(linked: Any) -> None:
    platform = linked.desk.platform
    assert platform.chain.call("Exchange", "isNetworkPublished", linked.market)
    with platform.transaction() as session:
        found = networks.get_network(session, linked.market)
    assert (found.network, found.published) == (NETWORK, True)
    assert found.hash == network_hash(describe(NETWORK))
    assert found.account == linked.owner.address
    # 5,000 Wh enter and 4,750 leave, at a tenth of a token a kWh.
    assert found.margin_micro_a_slot == 975_000


def test_before_that_the_description_is_known_but_not_published(desk: Any) -> None:
    create(desk)
    platform = desk.platform
    while not platform.indexer.catch_up().changed:
        platform.writer.pump()
    with platform.transaction() as session:
        rounds.name_markets(session)
        row = rounds.market_named(session, "another")
        assert row is not None
        found = networks.get_network(session, row.market)
    assert (found.network, found.published) == (NETWORK, False)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (b"a cable", "not JSON"),
        (describe(replace(NETWORK, zones=3)), "1 open.* and 3 zones, the market has 1"),
        (describe(NETWORK) + b" ", "not in canonical form"),
    ],
)
def test_a_description_of_no_network_of_the_market_is_refused(
    desk: Any, description: bytes, message: str
) -> None:
    with pytest.raises(InvalidError, match=message) as refused:
        create(desk, network_description=description)
    assert refused.value.code == "unusable_network"


def test_a_description_with_another_hash_is_refused(desk: Any) -> None:
    with pytest.raises(ValueError, match="another hash"):
        create(desk, network_hash=bytes(32))


def test_orders_are_handed_in_once_however_often(linked: Any) -> None:
    number = linked.open_round(slots=3)
    first = linked.hand_in(number)
    assert len(first) == 3
    assert linked.hand_in(number) == first
    linked.settle(number)
    with pytest.raises(RefusedError, match="gate is closed"):
        linked.submit([replace(linked.derived(number)[0], salt=99)])


def test_another_key_signs_nothing_for_the_network(linked: Any) -> None:
    number = linked.open_round()
    stranger = LocalSigner(linked.desk.traders[0].key)
    with (
        linked.desk.platform.transaction() as session,
        pytest.raises(InvalidError, match="not by the trader"),
    ):
        networks.hand_in(linked.desk.platform, session, linked.market, number, stranger)


def test_a_market_without_a_network_has_none(linked: Any) -> None:
    run_until_idle(linked.desk.platform)
    with (
        linked.desk.platform.transaction() as session,
        pytest.raises(NotFoundError, match="has no network"),
    ):
        networks.get_network(session, linked.desk.market)
