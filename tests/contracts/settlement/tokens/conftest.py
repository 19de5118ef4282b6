from __future__ import annotations

from types import SimpleNamespace

import pytest

MONEY = 1_000_000


@pytest.fixture(scope="session")
def tokens(world, deploy):
    """Tokens that everybody may mint; a class is a slot."""
    return deploy("test/OpenTokens", world.exchange)


@pytest.fixture(scope="session")
def token_market(world, tokens):
    """A market of those tokens in which alice, bob and carol have 1,000 units of margin each."""
    market = world.create_market(
        capacitySource=tokens.address, capacityUnitWh=0, imbalanceCap=0, gapFloor=0, gapCap=0
    )
    for trader in world.traders[:3]:
        world.back(market, trader, 1_000 * MONEY)
    return market


@pytest.fixture
def sale(world, tokens, token_market, bob):
    """An open round, and of its class 1,000 tokens that bob holds and 600 more that he offers."""
    round = world.open_round(token_market, slots=1)
    slot = round.grid.first_slot
    tokens.mint(slot, bob, 1_600, sender=world.admin)
    tokens.offer(token_market, slot, 600, sender=bob)
    return SimpleNamespace(round=round, market=token_market, slot=slot, seller=bob)
