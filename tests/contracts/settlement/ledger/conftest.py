from __future__ import annotations

import pytest

MONEY = 1_000_000


@pytest.fixture
def funded(world, alice):
    """Alice has 50 units of tokens in her wallet, and has approved the ledger."""
    world.token.mint(alice, 50 * MONEY, sender=world.admin)
    world.token.approve(world.ledger, 50 * MONEY, sender=alice)
    return alice


@pytest.fixture
def rich(world, alice):
    """Alice has 50 units in her free balance."""
    world.fund(alice, 50 * MONEY)
    return alice


@pytest.fixture
def hostile(world, deploy, alice):
    """A token of alice's making, of which the ledger holds 1,000 of bob's."""
    token = deploy("test/HostileToken")
    bob = world.traders[1]
    for holder in (alice, bob):
        token.mint(holder, 1_000, sender=world.admin)
        token.approve(world.ledger, 2**255, sender=holder)
    world.ledger.deposit(token, 1_000, bob, sender=bob)
    return token
