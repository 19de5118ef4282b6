from __future__ import annotations

import ape

DISPUTED = 2


def test_the_account_disputes_its_own_reading(meters, posted, buyer):
    receipt = meters.dispute(posted.meter.device, posted.period, sender=buyer)
    assert (
        meters.ReadingDisputed(device=posted.meter.device, period=posted.period, by=buyer)
        in receipt.events
    )
    reading = meters.reading(posted.meter.device, posted.period)
    assert (reading.status, reading.disputedAt) == (DISPUTED, receipt.timestamp)


def test_the_meter_authority_disputes(world, meters, posted):
    meters.dispute(posted.meter.device, posted.period, sender=world.authority)
    assert meters.reading(posted.meter.device, posted.period).status == DISPUTED


def test_nobody_else_disputes(world, meters, posted, seller):
    for caller in (seller, world.operator, world.balancing, world.stranger):
        with ape.reverts(meters.AccessManagedUnauthorized, caller=caller.address):
            meters.dispute(posted.meter.device, posted.period, sender=caller)


def test_the_last_second_of_the_window_is_in_time(meters, posted, buyer, clock):
    """Until then nobody can treat the reading as final."""
    deadline = posted.at + meters.DISPUTE_WINDOW()
    clock.move_to(deadline)
    assert meters.finalReading(posted.meter.device, posted.period) == (
        False,
        meters.reading(posted.meter.device, posted.period).valuesHash,
    )
    clock.next_at(deadline)
    meters.dispute(posted.meter.device, posted.period, sender=buyer)
    assert not meters.finalReading(posted.meter.device, posted.period).isFinal


def test_after_the_window_it_is_too_late(meters, posted, buyer, clock):
    deadline = posted.at + meters.DISPUTE_WINDOW()
    clock.next_at(deadline + 1)
    with ape.reverts(meters.DisputedTooLate, deadline=deadline):
        meters.dispute(posted.meter.device, posted.period, sender=buyer)


def test_a_reading_is_disputed_once(world, meters, disputed, buyer):
    for caller in (buyer, world.authority):
        with ape.reverts(meters.NotDisputable, status=DISPUTED):
            meters.dispute(disputed.meter.device, disputed.period, sender=caller)


def test_what_was_not_posted_is_not_disputed(meters, posted, buyer):
    with ape.reverts(meters.NotDisputable, status=0):
        meters.dispute(posted.meter.device, posted.period - 1, sender=buyer)


def test_a_resolved_reading_is_not_disputed_again(world, meters, disputed, buyer):
    meters.resolve(disputed.meter.device, disputed.period, 0, b"", sender=world.authority)
    with ape.reverts(meters.NotDisputable, status=3):
        meters.dispute(disputed.meter.device, disputed.period, sender=buyer)
