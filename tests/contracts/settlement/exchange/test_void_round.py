from __future__ import annotations

import ape

CENT = 10_000_000


def void(world, round, sender):
    return world.exchange.voidRound(round.market, round.number, sender=sender)


def test_a_gate_that_nobody_closed_voids_the_round(world, round, clock, alice):
    clock.move_to(round.gate_at + 301)
    assert round.status == "Void"
    receipt = void(world, round, alice)
    assert [log.event_name for log in receipt.events] == ["RoundVoided"]
    assert round.status == "Void"


def test_every_rule_treats_an_overdue_round_as_void_without_the_call(world, round, clock, market):
    clock.move_to(round.gate_at + 301)
    assert world.exchange.isTerminal(market, round.number)
    assert not world.exchange.isFrozen(market)
    assert world.open_round(market).number == round.number + 1


def test_a_round_that_is_not_overdue_cannot_be_voided(world, round, alice, clock):
    with ape.reverts(world.exchange.WrongStatus, status=1):
        void(world, round, alice)
    round.close_gate(round.batch([]))
    clock.next_at(round.gate_at + 3_599)
    with ape.reverts(world.exchange.WrongStatus, status=2):
        void(world, round, alice)


def test_a_settled_round_is_never_void(world, round, alice, clock):
    round.gate_and_settle(round.batch([]))
    clock.move_to(round.gate_at + 100_000)
    with ape.reverts(world.exchange.WrongStatus, status=4):
        void(world, round, alice)


def test_a_round_is_voided_once(world, round, alice, clock):
    clock.move_to(round.gate_at + 301)
    void(world, round, alice)
    with ape.reverts(world.exchange.WrongStatus, status=5):
        void(world, round, alice)


def test_a_void_round_frees_margins_for_the_next(world, round, market, alice, bob, clock):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    round.close_gate(round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))
    clock.move_to(round.gate_at + 3_600)
    world.back(market, alice, 5)
    later = world.open_round(market)
    bid, ask = later.order(alice, 1_000, 30 * CENT), later.order(bob, -1_000, 20 * CENT)
    later.gate_and_settle(later.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))
    assert later.status == "Settled"
