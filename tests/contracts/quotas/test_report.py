from __future__ import annotations

import ape
import pytest

MISSING_HOUR = 7


def fed_in(values_wh, capacity_wh):
    """Energy of a generator's day, as the protocol counts it."""
    return sum(capacity_wh if wh is None else max(0, -wh) for wh in values_wh)


def test_what_was_fed_in_counts_for_generation(world, quotas, lived, first, plant, stranger, kit):
    values = world.meter_of[plant.address].posted[first]
    receipt = quotas.report(lived, plant, first, values, sender=stranger)
    energy = fed_in(kit.plant_day(0), kit.CAPACITY_W)
    assert energy == sum(5_000 + 10 * hour for hour in range(24) if hour not in (3, 4))
    told = {"quota": lived, "account": plant.address, "period": first, "energyWh": energy}
    assert quotas.EnergyReported(**told) in receipt.events
    obligation = quotas.obligationOf(lived, plant)
    assert (obligation.energyWh, obligation.reportedPeriods) == (energy, 1)


def test_what_was_taken_counts_for_consumption(quotas, lived, first, works, report, kit):
    report(lived, works, first)
    energy = sum(2_000 + 31 * hour for hour in range(24) if hour not in (12, 13))
    assert quotas.obligationOf(lived, works).energyWh == energy


def test_what_is_owed_is_rounded_up_and_grows_with_every_report(
    quotas, lived, first, works, report, kit
):
    energy, owed = 0, 0
    for number in range(kit.PERIODS - 1):
        report(lived, works, first + number)
        energy += sum(wh for wh in kit.works_day(number) if wh > 0)
        assert energy * kit.WORKS_RATIO % 10**6 != 0
        assert quotas.owedWh(lived, works) == energy * kit.WORKS_RATIO // 10**6 + 1 > owed
        owed = quotas.owedWh(lived, works)


def test_an_hour_without_a_value_counts_as_the_full_capacity(
    quotas, lived, first, plant, report, kit
):
    report(lived, plant, first + 1)
    day = kit.plant_day(1)
    assert day[MISSING_HOUR] is None
    energy = sum(-wh for wh in day if wh is not None and wh < 0) + kit.CAPACITY_W
    assert quotas.obligationOf(lived, plant).energyWh == energy


def test_a_day_finally_without_a_reading_counts_as_the_full_capacity(
    quotas, lived, first, works, report, kit
):
    report(lived, works, first + 2)
    assert quotas.obligationOf(lived, works).energyWh == 24 * kit.CAPACITY_W


def test_a_day_without_a_reading_cannot_be_made_up(quotas, lived, first, works, kit):
    invented = kit.packed([0] * 24)
    with ape.reverts(quotas.WrongReading, period=first + 2):
        quotas.report(lived, works, first + 2, invented, sender=works)


@pytest.mark.parametrize("instead", ["nothing", "another day", "less", "a part"])
def test_other_values_than_the_final_ones_are_refused(
    world, quotas, lived, first, plant, kit, instead
):
    posted = world.meter_of[plant.address].posted
    values = {
        "nothing": b"",
        "another day": posted[first + 2],
        "less": kit.packed([0, *kit.plant_day(0)[1:]]),
        "a part": posted[first][:-4],
    }[instead]
    device = world.meter_of[plant.address].device
    with ape.reverts(quotas.WrongReading, device=device, period=first):
        quotas.report(lived, plant, first, values, sender=plant)


def test_a_period_is_reported_once(quotas, lived, first, plant, report):
    report(lived, plant, first)
    with ape.reverts(quotas.ReportedBefore, account=plant.address, period=first):
        report(lived, plant, first)


def test_only_periods_of_the_quota_are_reported(quotas, lived, first, plant, report, kit):
    for period in (first - 1, first + kit.PERIODS):
        with ape.reverts(quotas.OutsideQuota, period=period):
            report(lived, plant, period)
        assert not quotas.isReported(lived, plant, period)


def test_it_is_known_what_was_reported(quotas, lived, first, plant, works, report):
    report(lived, plant, first + 1)
    assert [quotas.isReported(lived, plant, first + n) for n in range(3)] == [False, True, False]
    assert not quotas.isReported(lived, works, first + 1)


def test_whoever_is_not_obliged_is_not_reported(quotas, lived, first, wind, report):
    with ape.reverts(quotas.NotObliged, account=wind.address):
        report(lived, wind, first)
    with ape.reverts(quotas.NotObliged, account=wind.address):
        quotas.owedWh(lived, wind)


def test_an_unknown_quota_takes_no_report(quotas, lived, first, plant, report):
    with ape.reverts(quotas.UnknownQuota, quota=99):
        report(99, plant, first)


def test_nothing_is_reported_after_the_settlement(quotas, lived, first, plant, report, due, clock):
    clock.next_at(due + 1)
    quotas.settle(lived, plant, sender=plant)
    with ape.reverts(quotas.SettledBefore, account=plant.address):
        report(lived, plant, first)


def test_a_report_between_the_last_surrender_and_the_settlement_counts(
    quotas, lived, first, plant, report, due, clock, kit
):
    clock.move_to(due + 1)
    report(lived, plant, *range(first, first + kit.PERIODS))
    quotas.settle(lived, plant, sender=plant)
    energy = sum(fed_in(kit.plant_day(n), kit.CAPACITY_W) for n in range(kit.PERIODS))
    assert quotas.obligationOf(lived, plant).energyWh == energy
