"""A book that no transaction can carry."""

from __future__ import annotations

import ape
import pytest
from ape.exceptions import ContractLogicError, TransactionError

CENT = 10_000_000
GAS_LIMIT = 16_777_216
PAIRS = 1_200
CHUNK = 800


@pytest.fixture(scope="module")
def huge(world, market, alice, bob):
    round = world.open_round(market)
    orders = []
    for i in range(PAIRS):
        orders.append((round.order(alice, 100, 30 * CENT, index=i % 2), 100))
        orders.append((round.order(bob, -100, 20 * CENT, index=i % 2), 100))
    batch = round.batch(orders, {0: 25 * CENT, 1: 25 * CENT})
    round.close_gate(batch)
    return round, batch


def test_it_is_too_large_for_one_transaction(huge):
    round, batch = huge
    with pytest.raises((ContractLogicError, TransactionError)):
        round.settle(batch)
    assert round.status == "Gated"


def test_chunks_carry_it_and_anybody_finishes(world, huge, carol):
    round, batch = huge
    state, used = b"", []
    for start in range(0, 2 * PAIRS, CHUNK):
        receipt, state = round.verify(batch, start, start + CHUNK, state)
        used.append(receipt.gas_used)
    assert round.status == "Verified"
    assert max(used) < GAS_LIMIT
    traders = list(batch.effects())
    ended = ([], traders[:1], traders[1:])
    for chunk, names in enumerate(ended):
        effects = batch.encoded_effects(names)
        world.exchange.applyChunk(round.market, round.number, chunk, effects, sender=carol)
    assert round.status == "Settled"
    for trader, (_, lock) in batch.effects().items():
        assert world.ledger.account(round.market, trader).locked == lock


def test_abandoned_halfway_it_is_void_and_margins_are_free(world, huge, clock, alice, bob):
    round, batch = huge
    _, state = round.verify(batch, 0, CHUNK, b"")
    clock.move_to(round.gate_at + 3_600)
    with ape.reverts(world.exchange.WrongStatus, status=5):
        round.verify(batch, CHUNK, 2 * CHUNK, state)
    later = world.open_round(round.market)
    bid, ask = later.order(alice, 1_000, 30 * CENT), later.order(bob, -1_000, 20 * CENT)
    later.gate_and_settle(later.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))
    assert later.status == "Settled"
