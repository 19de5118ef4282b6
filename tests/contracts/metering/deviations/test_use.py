from __future__ import annotations

import ape
import pytest

USED = 3
LARGEST = 2**31 - 1


def test_what_was_used_stands_by_slot_with_its_sign(deviations, metered, buyer):
    number = metered.reserve(buyer, 0b1101)
    receipt = metered.use(number, 700, 0, -300, 0)
    (event,) = [log for log in receipt.events if log.event_name == "Used"]
    assert (event.id, list(event["values"])) == (number, [700, 0, -300, 0])
    assert deviations.reservationOf(number).status == USED
    assert metered.used_of(buyer) == (False, [700, 0, -300, 0])
    assert metered.taken(buyer) == 0b1101


def test_two_claimants_share_a_day_and_never_a_slot(world, metered, buyer):
    first = metered.reserve(buyer, 0b0011)
    second = metered.reserve(buyer, 0b1100, sender=world.other_claimant)
    metered.use(first, 5, -6, 0, 0)
    assert metered.used_of(buyer) == (True, [5, -6, 0, 0])
    metered.use(second, 0, 0, LARGEST, -LARGEST - 1, sender=world.other_claimant)
    assert metered.used_of(buyer) == (False, [5, -6, LARGEST, -LARGEST - 1])


def test_every_slot_of_a_long_period_keeps_its_own_value(world, buyer):
    market = world.create_market(periodSlots=256, slotSeconds=300)
    market.meter(buyer)
    number = market.reserve(buyer, 2**256 - 1)
    values = [(-1) ** slot * (slot + 1) for slot in range(256)]
    market.use(number, *values)
    assert market.used_of(buyer) == (False, values)


def test_nothing_used_is_remembered_as_nothing(metered, buyer):
    metered.use(metered.reserve(buyer, 0b1111), 0, 0, 0, 0)
    assert metered.used_of(buyer) == (False, [])


@pytest.mark.parametrize("slot", range(4))
def test_a_slot_that_is_not_reserved_cannot_be_used(deviations, metered, buyer, slot):
    number = metered.reserve(buyer, 0b1111 & ~(1 << slot))
    values = [1] * 4
    with ape.reverts(deviations.NotReserved, slot=slot):
        metered.use(number, *values)
    values[slot] = 0
    metered.use(number, *values)


@pytest.mark.parametrize("count", [0, 3, 5])
def test_other_than_a_value_a_slot_is_refused(deviations, metered, buyer, count):
    number = metered.reserve(buyer, 0b1111)
    with ape.reverts(deviations.BadLength, length=count):
        metered.use(number, *[0] * count)


def test_a_reservation_is_used_once(deviations, metered, buyer):
    number = metered.reserve(buyer, 0b0001)
    metered.use(number, 10, 0, 0, 0)
    with ape.reverts(deviations.NotOpen, status=USED):
        metered.use(number, 10, 0, 0, 0)
    with ape.reverts(deviations.SlotsTaken, slots=1):
        metered.reserve(buyer, 0b0001)


def test_the_deadline_leaves_a_reading_all_its_time_and_a_day(world, metered):
    meters = world.meters
    windows = meters.POST_WINDOW() + meters.DISPUTE_WINDOW() + meters.RESOLVE_WINDOW()
    assert metered.claim_by == metered.ends_at + windows + 86_400


def test_the_deadlines_own_second_is_in_time_and_the_next_is_not(deviations, metered, buyer, clock):
    early, late = metered.reserve(buyer, 0b0001), metered.reserve(buyer, 0b0010)
    deadline = metered.claim_by
    clock.move_to(deadline - 1)
    assert metered.used_of(buyer)[0]
    clock.next_at(deadline)
    metered.use(early, 1, 0, 0, 0)
    clock.next_at(deadline + 1)
    with ape.reverts(deviations.UsedTooLate, deadline=deadline):
        metered.use(late, 0, 1, 0, 0)
    clock.move_to(deadline + 2)
    assert metered.used_of(buyer) == (False, [1, 0, 0, 0])
