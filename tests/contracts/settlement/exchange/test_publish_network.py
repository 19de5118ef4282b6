from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

DESCRIPTION = b"zones, lines, limits, losses"


@pytest.fixture
def unpublished(world):
    network = {"network": world.traders[3].address, "openCarriers": 1}
    return world.create_market(**network, networkHash=keccak(DESCRIPTION))


def test_anybody_publishes_what_the_market_was_created_with(world, unpublished):
    assert not world.exchange.isNetworkPublished(unpublished)
    receipt = world.exchange.publishNetwork(unpublished, DESCRIPTION, sender=world.traders[5])
    (event,) = receipt.events
    assert (event.event_name, event.market) == ("NetworkPublished", unpublished)
    assert bytes(event.description) == DESCRIPTION
    assert world.exchange.isNetworkPublished(unpublished)


@pytest.mark.parametrize("other", [b"", DESCRIPTION + b" ", DESCRIPTION[:-1]])
def test_another_description_is_refused(world, unpublished, other):
    with ape.reverts(world.exchange.NetworkMismatch):
        world.exchange.publishNetwork(unpublished, other, sender=world.operator)
    assert not world.exchange.isNetworkPublished(unpublished)


def test_nobody_can_make_a_publication_fail_by_publishing_first(world, unpublished):
    world.exchange.publishNetwork(unpublished, DESCRIPTION, sender=world.traders[5])
    world.exchange.publishNetwork(unpublished, DESCRIPTION, sender=world.operator)
    with ape.reverts(world.exchange.NetworkMismatch):
        world.exchange.publishNetwork(unpublished, b"wider lines", sender=world.operator)


def test_a_market_without_a_network_has_nothing_to_publish(world, market):
    for description in (b"", DESCRIPTION):
        with ape.reverts(world.exchange.NetworkMismatch):
            world.exchange.publishNetwork(market, description, sender=world.operator)
    unknown = world.exchange.marketCount() + 1
    for nothing in (0, unknown):
        with ape.reverts(world.exchange.UnknownMarket, market=nothing):
            world.exchange.publishNetwork(nothing, b"", sender=world.operator)


def test_a_description_of_a_big_network_fits_a_transaction(world):
    """400,000 bytes, at the gas limit of a transaction that section 4 counts with."""
    description = bytes(range(1, 251)) * 1_600
    network = {"network": world.traders[3].address, "openCarriers": 1}
    market = world.create_market(**network, networkHash=keccak(description))
    receipt = world.exchange.publishNetwork(market, description, sender=world.operator)
    assert receipt.gas_used < 16_777_216
