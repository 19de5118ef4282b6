from __future__ import annotations

import pytest

CENT = 10_000_000
MONEY = 1_000_000


@pytest.fixture
def verified(world, round, alice, bob):
    """A verified round of two chunks, one trader each; the effects of both."""
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    _, state = round.verify(batch, 0, 1, b"")
    round.verify(batch, 1, 2, state)
    return batch, [batch.encoded_effects([name]) for name in batch.effects()]


def apply(world, round, chunk, effects, sender):
    return world.exchange.applyChunk(round.market, round.number, chunk, effects, sender=sender)


def test_anybody_finishes_a_verified_round_even_after_the_deadline(
    world, round, verified, clock, carol
):
    _, effects = verified
    apply(world, round, 0, effects[0], carol)
    clock.move_to(round.gate_at + 100_000)
    assert round.status == "Verified"
    assert world.exchange.isFrozen(round.market)
    receipt = apply(world, round, 1, effects[1], carol)
    assert round.status == "Settled"
    assert not world.exchange.isFrozen(round.market)
    assert [log.event_name for log in receipt.events if log.event_name == "RoundSettled"]


def test_a_chunk_is_applied_once(world, round, verified, carol, refused):
    _, effects = verified
    apply(world, round, 0, effects[0], carol)
    with refused("EffectsMismatch", market=round.market):
        apply(world, round, 0, effects[0], carol)


def test_other_effects_than_the_verified_are_refused(world, round, verified, carol, refused):
    _, effects = verified
    for wrong in (effects[1], b"", effects[0] + effects[1], effects[0][:-1] + b"\xff"):
        with refused("EffectsMismatch", market=round.market):
            apply(world, round, 0, wrong, carol)
    with refused("EffectsMismatch", market=round.market):
        apply(world, round, 2, b"", carol)


def test_nothing_is_applied_before_the_round_is_verified(world, market, alice, bob, refused):
    round = world.open_round(market)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    round.verify(batch, 0, 1, b"")
    first = next(iter(batch.effects()))
    with refused("WrongStatus", market=market, status=2):
        apply(world, round, 0, batch.encoded_effects([first]), alice)


def test_a_verified_round_is_not_void_and_cannot_be_voided(world, round, verified, clock, refused):
    clock.move_to(round.gate_at + 100_000)
    with refused("WrongStatus", market=round.market, status=3):
        world.exchange.voidRound(round.market, round.number, sender=world.admin)


def test_margin_of_an_unapplied_round_cannot_leave_behind_a_void_one(
    world, round, verified, clock, alice, bob, refused
):
    """The round after a verified one voids; an exit from the round after that must still wait."""
    _, effects = verified
    later = world.open_round(round.market, gate_in=10_000)
    clock.move_to(later.gate_at + 301)
    assert later.status == "Void"
    world.ledger.requestExit(round.market, 1_000 * MONEY, sender=alice)
    clock.move_to(clock.now + 90_000)
    with refused("ExitNotDue", market=round.market, contract=world.ledger):
        world.ledger.completeExit(round.market, sender=alice)
    with refused("RoundNotClosed", market=round.market):
        world.open_round(round.market)
    for chunk, part in enumerate(effects):
        apply(world, round, chunk, part, bob)
    world.ledger.completeExit(round.market, sender=alice)
    assert world.ledger.account(round.market, alice).margin == 0


def test_the_next_gate_waits_until_all_is_applied(world, round, verified, clock, alice, refused):
    _, effects = verified
    later = world.open_round(round.market, gate_in=10_000)
    empty = later.batch([])
    with refused("RoundNotClosed", market=round.market, round=round.number):
        later.close_gate(empty)
    for chunk, part in enumerate(effects):
        apply(world, round, chunk, part, alice)
    later.close_gate(empty)
