from __future__ import annotations

import ape
import pytest

OPEN = 1


def test_a_reservation_says_whose_slots_it_holds(deviations, world, metered, buyer):
    number = metered.reserve(buyer, 0b0110)
    found = deviations.reservationOf(number)
    assert found.status == OPEN
    assert found.claimant == world.claimant
    assert (found.market, found.account, found.carrier) == (metered.id, buyer.address, 0)
    assert (found.period, found.slots) == (metered.period, 0b0110)
    assert metered.taken(buyer) == 0b0110
    assert metered.used_of(buyer) == (True, [])


def test_its_event_carries_everything(deviations, world, metered, buyer):
    receipt = deviations.reserve(
        metered.id, buyer, 0, metered.period, 0b1000, sender=world.claimant
    )
    (event,) = [log for log in receipt.events if log.event_name == "Reserved"]
    assert event.id == deviations.reservationCount()
    assert (event.market, event.account, event.carrier) == (metered.id, buyer.address, 0)
    assert (event.period, event.slots) == (metered.period, 0b1000)
    assert event.claimant == world.claimant


def test_a_slot_is_reserved_once_whoever_asks(deviations, world, metered, buyer):
    metered.reserve(buyer, 0b0110)
    for sender in (world.claimant, world.other_claimant):
        with ape.reverts(deviations.SlotsTaken, slots=0b0100):
            metered.reserve(buyer, 0b1100, sender=sender)
    metered.reserve(buyer, 0b1001, sender=world.other_claimant)
    assert metered.taken(buyer) == 0b1111


def test_other_days_and_other_accounts_are_free(metered, buyer, seller):
    metered.meter(seller)
    metered.reserve(buyer, 0b1111)
    metered.reserve(seller, 0b1111)
    metered.reserve(buyer, 0b1111, period=metered.period + 1)


def test_carriers_are_reserved_apart(world, buyer):
    market = world.create_market(carriers=2)
    for carrier in (0, 1):
        market.meter(buyer, carrier)
        market.reserve(buyer, 0b0001, carrier=carrier)
    assert market.taken(buyer, 0) == market.taken(buyer, 1) == 0b0001


@pytest.mark.parametrize("slots", [0, 0b10000, 1 << 255])
def test_no_slot_and_slots_beyond_the_period_are_refused(deviations, metered, buyer, slots):
    with ape.reverts(deviations.BadSlots, slots=slots):
        metered.reserve(buyer, slots)


def test_the_last_slot_of_the_longest_period_can_be_reserved(world, buyer):
    market = world.create_market(periodSlots=256, slotSeconds=300)
    market.meter(buyer)
    market.reserve(buyer, 1 << 255)
    assert market.taken(buyer) == 1 << 255


def test_without_a_meter_nothing_can_be_reserved(deviations, metered, seller):
    with ape.reverts(deviations.NoDevice, account=seller.address):
        metered.reserve(seller, 0b0001)


def test_a_slot_is_reserved_before_its_first_second(deviations, metered, buyer, clock):
    first = metered.period * metered.slots * metered.rules["slotSeconds"]
    starts_at = first + 2 * metered.rules["slotSeconds"]
    clock.next_at(starts_at - 1)
    metered.reserve(buyer, 0b0100)
    clock.next_at(starts_at)
    with ape.reverts(deviations.SlotsBegan, startsAt=starts_at):
        deviations.reserve(
            metered.id, buyer, 0, metered.period, 0b0100, sender=metered.world.other_claimant
        )
    metered.reserve(buyer, 0b1000)  # the next one has not begun


def test_the_first_slot_of_several_decides(deviations, metered, buyer, clock):
    starts_at = metered.period * metered.slots * metered.rules["slotSeconds"]
    clock.move_to(starts_at)
    with ape.reverts(deviations.SlotsBegan, startsAt=starts_at):
        metered.reserve(buyer, 0b1001)


def test_claims_of_ones_own_making_are_refused(deviations, metered, buyer, world):
    """Neither the account itself nor anybody else holds the role."""
    for sender in (buyer, world.stranger, world.operator, world.authority):
        with ape.reverts(deviations.AccessManagedUnauthorized, caller=sender.address):
            metered.reserve(buyer, 0b0001, sender=sender)
    assert metered.taken(buyer) == 0
