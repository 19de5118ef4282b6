from __future__ import annotations

import ape


def fields(world, market, who):
    view = world.ledger.account(market, who)
    return view.epoch, view.prevEpoch, view.epochRound


def test_before_the_gate_the_bump_holds_for_this_round(world, market, round, alice):
    world.ledger.bumpEpoch(market, sender=alice)
    assert fields(world, market, alice) == (1, 0, round.number)


def test_after_the_gate_the_bump_holds_for_the_next_round(world, market, round, alice, clock):
    clock.move_to(round.gate_at)
    world.ledger.bumpEpoch(market, sender=alice)
    assert fields(world, market, alice) == (1, 0, round.number + 1)


def test_two_bumps_in_one_window_keep_the_epoch_before_them(world, market, round, alice, clock):
    world.ledger.bumpEpoch(market, sender=alice)
    clock.move_to(round.gate_at)
    world.ledger.bumpEpoch(market, sender=alice)
    receipt = world.ledger.bumpEpoch(market, sender=alice)
    assert fields(world, market, alice) == (3, 1, round.number + 1)
    (event,) = receipt.events
    assert (event.epoch, event.epochRound) == (3, round.number + 1)


def test_a_bump_leaves_the_rest_of_the_account_alone(world, market, alice):
    before = world.ledger.account(market, alice)
    world.ledger.bumpEpoch(market, sender=alice)
    after = world.ledger.account(market, alice)
    assert (after.margin, after.locked, after.exitRound, after.capacity) == (
        before.margin,
        before.locked,
        before.exitRound,
        before.capacity,
    )


def test_a_market_that_is_not_there_has_no_epochs(world, alice):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.ledger.UnknownMarket, market=unknown):
        world.ledger.bumpEpoch(unknown, sender=alice)
