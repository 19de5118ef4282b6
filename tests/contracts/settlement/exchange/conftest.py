from __future__ import annotations

from types import SimpleNamespace

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from eth_utils import keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
CENT = 10_000_000
MONEY = 1_000_000
SCALE = 1_000_000


@pytest.fixture(scope="session")
def dora(world):
    """A key that holds nothing and has no margin anywhere."""
    return world.traders[6]


@pytest.fixture(scope="session")
def erik(world):
    """Another."""
    return world.traders[7]


@pytest.fixture(scope="session")
def with_s():
    """`with_s(digest)`: a key, its signature of the digest with the highest low `s`, and the same
    with the lowest high one. A compact signature has room for that and hardly any other."""

    def made(digest: bytes):
        half, once = CURVE_ORDER // 2, 7
        point = PrivateKey(once.to_bytes(32, "big")).public_key.to_bytes()
        r, parity = int.from_bytes(point[:32], "big"), point[-1] & 1
        # s = (digest + r key) / once, solved for the key
        key = (half * once - int.from_bytes(digest, "big")) * pow(r, -1, CURVE_ORDER) % CURVE_ORDER
        private_key = key.to_bytes(32, "big")
        low, high = (
            r.to_bytes(32, "big") + (s | of << 255).to_bytes(32, "big")
            for s, of in ((half, parity), (CURVE_ORDER - half, 1 - parity))
        )
        address = Account.from_key(private_key).address
        return SimpleNamespace(address=address, private_key=private_key), low, high

    return made


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


@pytest.fixture(scope="session")
def linked(world):
    """A published market of two zones; carrier 0 is everybody's, 1 the network's (flowgates).

    The fourth trader is the network account; it and the first three have 1,000 units of margin.
    """
    network = world.traders[3]
    description = b"a line of 5 kW from zone 0 to zone 1"
    market = world.create_market(
        carriers=2,
        zones=2,
        network=network.address,
        openCarriers=1,
        networkHash=keccak(description),
    )
    world.exchange.publishNetwork(market, description, sender=world.admin)
    for trader in world.traders[:4]:
        world.back(market, trader, 1_000 * MONEY)
    return SimpleNamespace(market=market, network=network, description=description)


@pytest.fixture
def line(world, linked, alice, bob):
    """A round of one slot: bob sells in zone 0 what alice buys in zone 1; the line loses 10 %.

    Product 0 is electricity in zone 0, 1 in zone 1, 2 the flowgate (carrier 1 in zone 0).
    """
    round = world.open_round(linked.market, slots=1)
    ask = round.order(bob, -10_000, 20 * CENT)
    bid = round.order(alice, 9_000, 40 * CENT, index=1)
    carried = round.coupled_order(linked.network, {0: SCALE, 1: -900_000, 2: SCALE}, 10_000, 0)
    limit = round.order(linked.network, -10_000, 0, index=2)
    batch = round.batch(
        [(ask, 10_000), (bid, 9_000), (carried, 10_000), (limit, 10_000)],
        {0: 27 * CENT, 1: 40 * CENT, 2: 9 * CENT},
    )
    return SimpleNamespace(round=round, batch=batch, carried=carried, limit=limit)
