from __future__ import annotations

from types import SimpleNamespace

import pytest

CENT = 10_000_000
MONEY = 1_000_000


@pytest.fixture(scope="session")
def bonded(world, market):
    """The operator has posted a bond of 100 units."""
    world.post_bond(market, world.operator, 100 * MONEY)
    return market


@pytest.fixture
def omitted(world, bonded, alice, bob, carol):
    """A settled round without carol's bid of 1 kWh at 0.40, for which it gave a receipt."""
    round = world.open_round(bonded)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    missing = round.order(carol, 1_000, 40 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.gate_and_settle(batch)
    return SimpleNamespace(
        round=round, batch=batch, order=missing, receipt=round.receipt(missing), trader=carol
    )


@pytest.fixture
def claim(world, kit, bob):
    """`claim(omitted)` as anybody may; every part can be replaced."""

    def make(case, order=None, signature=None, receipt=None, neighbours=None):
        order = order or case.order
        left, right = neighbours or case.round.neighbours(case.batch, order)
        return world.exchange.claimOmission(
            kit.as_tuple(order.order),
            signature or order.signature,
            receipt or case.receipt,
            left,
            right,
            sender=bob,
        )

    return make
