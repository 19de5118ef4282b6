from __future__ import annotations

import ape

RELEASED, USED = 2, 3


def test_before_they_begin_released_slots_are_free_again(deviations, metered, buyer):
    number = metered.reserve(buyer, 0b0110)
    kept = metered.reserve(buyer, 0b1000)
    receipt = metered.release(number)
    assert [log.id for log in receipt.events if log.event_name == "Released"] == [number]
    assert deviations.reservationOf(number).status == RELEASED
    assert metered.taken(buyer) == 0b1000
    metered.reserve(buyer, 0b0110)
    assert deviations.reservationOf(kept).status == 1


def test_once_they_began_they_stay_out_of_baselines_but_imbalance_waits_no_more(
    metered, buyer, clock
):
    """Otherwise the choice of baseline days could be changed after the fact."""
    number = metered.reserve(buyer, 0b0110)
    clock.move_to(metered.ends_at)
    metered.release(number)
    assert metered.taken(buyer) == 0b0110
    assert metered.used_of(buyer) == (False, [])


def test_even_a_dead_reservation_can_be_released(metered, buyer, clock):
    """So that nobody's bookkeeping hangs on a deadline."""
    number = metered.reserve(buyer, 0b0001)
    clock.move_to(metered.claim_by + 1_000)
    metered.release(number)
    assert metered.used_of(buyer) == (False, [])


def test_a_reservation_ends_once(deviations, metered, buyer):
    number = metered.reserve(buyer, 0b0001)
    metered.release(number)
    with ape.reverts(deviations.NotOpen, status=RELEASED):
        metered.release(number)
    with ape.reverts(deviations.NotOpen, status=RELEASED):
        metered.use(number, 1, 0, 0, 0)
    used = metered.reserve(buyer, 0b0001)
    metered.use(used, 1, 0, 0, 0)
    with ape.reverts(deviations.NotOpen, status=USED):
        metered.release(used)


def test_only_its_claimant_ends_it(deviations, world, metered, buyer):
    number = metered.reserve(buyer, 0b0001)
    for sender in (world.other_claimant, world.admin, buyer):
        with ape.reverts(deviations.NotClaimant, caller=sender.address):
            metered.release(number, sender=sender)
        with ape.reverts(deviations.NotClaimant, caller=sender.address):
            metered.use(number, 1, 0, 0, 0, sender=sender)
    with ape.reverts(deviations.NotClaimant, caller=world.claimant.address):
        metered.release(number + 1)
