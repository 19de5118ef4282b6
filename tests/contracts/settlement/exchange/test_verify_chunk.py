from __future__ import annotations

import pytest
from eth_account import Account
from eth_utils import keccak

from market.merkle import root

CENT = 10_000_000
MONEY = 1_000_000


@pytest.fixture
def big(round, alice, bob, carol):
    """Seven orders of three traders; two bids share a tie."""
    orders = [
        (round.order(alice, 1_000, 40 * CENT), 1_000),
        (round.order(alice, 2_000, 30 * CENT), 2_000),
        (round.order(carol, 500, 27 * CENT), 500),
        (round.order(bob, -3_000, 20 * CENT), 3_000),
        (round.order(bob, -500, 23 * CENT), 500),
        (round.order(alice, -700, 10 * CENT, index=1), 700),
        (round.order(carol, 700, 20 * CENT, index=1), 700),
    ]
    return round.batch(orders, {0: 25 * CENT, 1: 15 * CENT})


def chunked(round, batch, cuts):
    """Verifies in chunks that end after those numbers of orders; the effects of each."""
    state, start, names = b"", 0, list(batch.effects())
    effects = []
    for stop in cuts:
        receipt, state = round.verify(batch, start, stop, state)
        ended = [
            trader
            for trader, places in batch.book.traders()
            if start < places.stop <= stop and trader in names
        ]
        effects.append(batch.encoded_effects(ended))
        (event,) = [log for log in receipt.events if log.event_name == "ChunkVerified"]
        assert bytes(event.effectsHash) == keccak(effects[-1])
        assert event.chunk == len(effects) - 1
        start = stop
    return effects


@pytest.mark.parametrize("cuts", [(7,), (3, 7), (1, 2, 3, 4, 5, 6, 7), (5, 6, 7)])
def test_chunks_come_to_the_same_as_one_transaction(world, round, big, cuts):
    round.close_gate(big)
    effects = chunked(round, big, cuts)
    assert round.status == "Verified"
    assert round.view.positionsRoot == root(big.position_leaves)
    assert round.view.pricesHash == keccak(big.packed_prices)
    for chunk in reversed(range(len(cuts))):
        world.exchange.applyChunk(
            round.market, round.number, chunk, effects[chunk], sender=world.traders[5]
        )
    assert round.status == "Settled"
    for trader in world.traders[:3]:
        account = world.ledger.account(round.market, trader)
        debit, lock = big.effects()[trader.address]
        assert (account.margin, account.locked) == (1_000 * MONEY - debit, lock)


def test_a_state_that_the_contract_did_not_give_is_refused(round, big, refused):
    round.close_gate(big)
    with refused("StateMismatch", market=round.market):
        round.verify(big, 0, 3, b"\1")
    _, state = round.verify(big, 0, 3, b"")
    for false in (b"", state[:-1] + bytes([state[-1] ^ 1]), state + b"\0"):
        with refused("StateMismatch", market=round.market):
            round.verify(big, 3, 7, false)


def test_prices_cannot_change_between_chunks(round, big, refused):
    round.close_gate(big)
    _, state = round.verify(big, 0, 3, b"")
    with refused("MalformedResults", market=round.market):
        round.verify(big.changed(prices=(25 * CENT, 15 * CENT + 1)), 3, 7, state)


def test_an_order_skipped_between_chunks_is_missed(round, big, alice, refused):
    round.close_gate(big)
    hers = dict(big.book.traders())[alice.address]
    _, state = round.verify(big, 0, hers.start + 1, b"")
    with refused("MalformedBatch", market=round.market, order=hers.start + 1):
        round.verify(big, hers.start + 2, 7, state)


def test_an_order_read_twice_is_refused(round, big, refused):
    round.close_gate(big)
    first = next(iter(dict(big.book.traders()).values()))
    _, state = round.verify(big, 0, first.stop, b"")
    with refused("OrdersNotSorted", market=round.market):
        round.verify(big, 0, 7, state)


def test_a_rule_broken_in_one_chunk_shows_at_the_end(round, big, refused):
    """A round may still turn out to be coupled; at the end of a one-product book it did not."""
    round.close_gate(big)
    empty = big.changed(fills=(0,) * 7)
    _, state = round.verify(empty, 0, 6, b"")
    with refused("NotOptimal", market=round.market):
        round.verify(empty, 6, 7, state)


def test_a_chunk_of_nothing_is_refused(round, big, refused):
    """It would only be one more to apply."""
    round.close_gate(big)
    with refused("MalformedBatch", market=round.market, order=0):
        round.verify(big, 0, 0, b"")
    _, state = round.verify(big, 0, 3, b"")
    with refused("MalformedBatch", market=round.market, order=3):
        round.verify(big, 3, 3, state)


def test_an_empty_book_is_verified_by_one_empty_chunk(world, round, alice):
    nothing = round.batch([])
    round.close_gate(nothing)
    round.verify(nothing, 0, 0, b"")
    assert round.status == "Verified"
    world.exchange.applyChunk(round.market, round.number, 0, b"", sender=alice)
    assert round.status == "Settled"


def test_a_chunk_ends_few_enough_traders_to_be_applied(world, market, refused):
    """513 traders: verified together they would have to be applied together."""

    class Trader:
        def __init__(self, number):
            account = Account.from_key(keccak(text=f"chunk trader {number}"))
            self.address, self.private_key = account.address, account.key

    round = world.open_round(market)
    orders = [round.order(Trader(number), 1_000, CENT) for number in range(513)]
    batch = round.batch([(signed, 0) for signed in orders])
    round.close_gate(batch)
    with refused("ChunkTooLarge", market=market):
        round.verify(batch, 0, 513, b"")
    _, state = round.verify(batch, 0, 512, b"")
    round.verify(batch, 512, 513, state)
    assert round.status == "Verified"


def test_only_the_operator_verifies(round, big, bob, refused):
    round.close_gate(big)
    with refused("NotOperator", market=round.market, caller=bob.address):
        round.verify(big, 0, 3, b"", sender=bob)


def test_a_round_abandoned_halfway_is_void(world, round, big, clock, alice, refused):
    round.close_gate(big)
    _, state = round.verify(big, 0, 3, b"")
    clock.move_to(round.gate_at + 3_600)
    assert round.status == "Void"
    with refused("WrongStatus", market=round.market, status=5):
        round.verify(big, 3, 7, state)
    with refused("WrongStatus", market=round.market, status=5):
        world.exchange.applyChunk(round.market, round.number, 0, b"", sender=alice)
    assert not world.exchange.isFrozen(round.market)


def test_a_round_begun_in_chunks_cannot_be_settled_at_once(round, big, refused):
    round.close_gate(big)
    round.verify(big, 0, 3, b"")
    with refused("ChunksStarted", market=round.market):
        round.settle(big)


def test_forced_orders_are_counted_across_chunks(world, market, alice, bob, kit, refused):
    round = world.open_round(market)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    world.exchange.submitOrder(kit.as_tuple(bid.order), bid.signature, sender=alice)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT, forced=[bid])
    round.close_gate(batch)
    _, state = round.verify(batch, 0, 1, b"")
    round.verify(batch, 1, 2, state)
    assert round.status == "Verified"


@pytest.mark.parametrize("cuts", [(1, 2, 3, 4), (3, 4), (2, 4)])
def test_the_network_account_is_known_in_a_chunk_that_continues_it(world, line, cuts):
    round, batch = line.round, line.batch
    round.close_gate(batch)
    effects = chunked(round, batch, cuts)
    assert round.status == "Verified"
    for chunk, part in enumerate(effects):
        world.exchange.applyChunk(round.market, round.number, chunk, part, sender=world.admin)
    assert round.status == "Settled"


def test_a_stranger_trades_no_flowgate_in_a_chunk_that_continues_it(line, linked, alice, refused):
    round = line.round
    strange = round.order(alice, -10, 0, index=2)
    own = [round.order(alice, 10, CENT, index=i) for i in (0, 1)]
    batch = round.batch([(order, 0) for order in (*own, strange)])
    round.close_gate(batch)
    place = batch.book.orders.index(strange)
    state = b""
    for order in range(place):
        _, state = round.verify(batch, order, order + 1, state)
    with refused("MalformedBatch", market=linked.market, order=place):
        round.verify(batch, place, place + 1, state)
