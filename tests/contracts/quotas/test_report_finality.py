"""When a reading may be reported: strictly after nothing can change it any more."""

from __future__ import annotations

import ape
import pytest

DAY = 86_400
VOID, REPLACE = 2, 1


@pytest.fixture
def meter(world, quota, first, plant, clock, kit):
    clock.move_to((first + 1) * DAY)
    meter = world.meter_of[plant.address]
    meter.post(first, kit.plant_day(0))
    return meter


def test_a_reading_that_can_still_be_disputed_is_not_reported(
    world, quotas, quota, first, plant, meter, report, clock
):
    final_after = clock.now + world.meters.DISPUTE_WINDOW()
    clock.next_at(final_after)
    with ape.reverts(quotas.ReadingNotFinal, device=meter.device, period=first):
        report(quota, plant, first)
    clock.next_at(final_after + 1)
    report(quota, plant, first)


def test_a_reading_in_dispute_is_not_reported(
    world, quotas, quota, first, plant, meter, report, clock
):
    world.meters.dispute(meter.device, first, sender=plant)
    kept_after = clock.now + world.meters.RESOLVE_WINDOW()
    clock.next_at(kept_after)
    with ape.reverts(quotas.ReadingNotFinal, period=first):
        report(quota, plant, first)
    clock.next_at(kept_after + 1)
    report(quota, plant, first)


def test_a_corrected_reading_counts_as_corrected(
    world, quotas, quota, first, plant, meter, report, kit
):
    corrected = kit.packed([-1_000] * 24)
    world.meters.dispute(meter.device, first, sender=world.authority)
    world.meters.resolve(meter.device, first, REPLACE, corrected, sender=world.authority)
    with ape.reverts(quotas.WrongReading, period=first):
        report(quota, plant, first)
    quotas.report(quota, plant, first, corrected, sender=plant)
    assert quotas.obligationOf(quota, plant).energyWh == 24_000


def test_a_reading_declared_void_counts_as_the_full_capacity(
    world, quotas, quota, first, plant, meter, report, kit
):
    world.meters.dispute(meter.device, first, sender=plant)
    world.meters.resolve(meter.device, first, VOID, b"", sender=world.authority)
    with ape.reverts(quotas.WrongReading, period=first):
        report(quota, plant, first)
    quotas.report(quota, plant, first, b"", sender=plant)
    assert quotas.obligationOf(quota, plant).energyWh == 24 * kit.CAPACITY_W


def test_a_reading_that_may_still_come_is_waited_for(
    world, quotas, quota, first, works, meter, report, clock, kit
):
    last_post = (first + 1) * DAY + world.meters.POST_WINDOW()
    clock.next_at(last_post)
    with ape.reverts(quotas.ReadingNotFinal, period=first):
        report(quota, works, first)
    clock.next_at(last_post + 1)
    report(quota, works, first)
    assert quotas.obligationOf(quota, works).energyWh == 24 * kit.CAPACITY_W


def test_a_day_that_has_not_begun_is_not_reported(quotas, quota, first, plant, report):
    with ape.reverts(quotas.ReadingNotFinal, period=first + 1):
        report(quota, plant, first + 1)


def test_a_ratio_of_nothing_owes_nothing(
    quotas, quota, first, government, plant, world, clock, kit
):
    quotas.oblige(quota, plant, kit.GENERATION, 0, sender=government)
    clock.move_to((first + 1) * DAY + world.meters.POST_WINDOW() + 1)
    quotas.report(quota, plant, first, b"", sender=plant)
    assert quotas.owedWh(quota, plant) == 0


def test_the_longest_way_to_a_final_reading_leaves_a_day_to_surrender(
    world, quotas, quota, first, plant, report, due, clock, kit
):
    """Posted and disputed in the last second, and never ruled on."""
    last = first + kit.PERIODS - 1
    meter = world.meter_of[plant.address]
    clock.next_at((last + 1) * DAY + world.meters.POST_WINDOW())
    meter.post(last, kit.plant_day(0))
    clock.next_at(clock.now + world.meters.DISPUTE_WINDOW())
    world.meters.dispute(meter.device, last, sender=plant)
    clock.next_at(clock.now + world.meters.RESOLVE_WINDOW() + 1)
    report(quota, plant, last)
    assert quotas.isReported(quota, plant, last)
    assert due - clock.now == quotas.SURRENDER_WINDOW() - 1
