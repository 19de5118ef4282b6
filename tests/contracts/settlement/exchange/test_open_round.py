from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

DAY = 96


def slot_now(world):
    return world.clock.now // 900


def test_rounds_are_numbered_from_one(world):
    market = world.create_market()
    assert world.exchange.effectiveRound(market) == 1
    round = world.open_round(market, slots=96)
    assert (round.number, round.status) == (1, "Open")
    view = round.view
    assert (view.gateAt, view.firstSlot, view.slots) == (round.gate_at, round.grid.first_slot, 96)
    assert world.exchange.periodRounds(market, view.firstSlot // 96) == [1]


def test_only_the_operator_opens_rounds(world, market, alice):
    with ape.reverts(world.exchange.NotOperator, caller=alice.address):
        world.open_round(market, sender=alice)


def test_the_gate_lies_ahead_and_before_delivery(world, market):
    first = (slot_now(world) // DAY + 2) * DAY
    for gate in (world.clock.now - 1, first * 900 + 1):
        with ape.reverts(world.exchange.InvalidGate):
            world.exchange.openRound(market, gate, first, 1, sender=world.operator)


@pytest.mark.parametrize(("offset", "slots"), [(0, 0), (0, 97), (95, 2), (1, 96)])
def test_the_slots_of_a_round_lie_in_one_period(world, market, offset, slots):
    first = (slot_now(world) // DAY + 2) * DAY + offset
    with ape.reverts(world.exchange.InvalidSlots):
        world.exchange.openRound(market, world.clock.now + 60, first, slots, sender=world.operator)


def test_a_round_of_tokens_trades_one_class(world):
    tokens = {"capacitySource": "0x" + "11" * 20, "capacityUnitWh": 0}
    market = world.create_market(**tokens, imbalanceCap=0, gapFloor=0, gapCap=0)
    with ape.reverts(world.exchange.InvalidSlots):
        world.open_round(market, slots=2)
    world.open_round(market, slots=1)


def test_a_round_opens_once_the_network_is_published(world):
    account, description = world.traders[3].address, b"lines and their limits"
    network = {"network": account, "openCarriers": 1, "networkHash": keccak(description)}
    market = world.create_market(**network)
    with ape.reverts(world.exchange.NetworkNotPublished, market=market):
        world.open_round(market)
    world.exchange.publishNetwork(market, description, sender=world.traders[5])
    assert world.open_round(market).number == 1


def test_one_round_is_open_at_a_time(world, market):
    round = world.open_round(market)
    with ape.reverts(world.exchange.RoundNotClosed, round=round.number):
        world.open_round(market, gate_in=50_000)


def test_the_next_round_opens_during_settlement_if_its_gate_is_after_the_deadline(world, market):
    round = world.open_round(market)
    round.close_gate(round.batch([]))
    first = (slot_now(world) // DAY + 2) * DAY
    deadline = round.gate_at + 3_600
    with ape.reverts(world.exchange.RoundNotClosed, round=round.number):
        world.exchange.openRound(market, deadline - 1, first, 1, sender=world.operator)
    world.exchange.openRound(market, deadline, first, 1, sender=world.operator)
    # The round between gate and end still freezes the market.
    assert world.exchange.isFrozen(market)
    assert world.exchange.effectiveRound(market) == round.number + 1


def test_rounds_of_a_period_are_bounded(world, chain):
    market = world.create_market(gateGrace=1, settleWindow=2)
    first = (slot_now(world) // DAY + 2) * DAY
    for _ in range(128):
        gate = world.clock.now + 2
        world.clock.next_at(gate - 1)
        world.exchange.openRound(market, gate, first, 1, sender=world.operator)
        world.clock.move_to(gate + 2)
    gate = world.clock.now + 60
    with ape.reverts(world.exchange.TooManyRounds):
        world.exchange.openRound(market, gate, first, 1, sender=world.operator)
    world.exchange.openRound(market, gate, first + DAY, 1, sender=world.operator)
