from __future__ import annotations

import ape
import pytest

REPORTED = 3
WINDOW = range(14, 18)
DAY = 86_400
CLAIM_DAYS = 7
VOID = 2


def baseline(kit, hour, of_day):
    """Ten of ten days with the hours from 10 to 12 of `of_day` as the same-day adjustment."""
    days = [kit.usual_day(number) for number in range(10)]
    before = range(10, 13)
    numerator = 10 * sum(of_day[h] for h in before)
    denominator = sum(day[h] for day in days for h in before)
    bounded = min(max(numerator * 10_000, denominator * 8_000), denominator * 12_000)
    return sum(day[hour] for day in days) * bounded // (10 * denominator * 10_000)


def test_what_the_meter_shows_is_what_counts(
    world, response, kit, instructed, alice, measured, claim, today, stranger
):
    day = kit.less(kit.usual_day(12), 1_500)
    measured(alice, day)
    receipt = response.report(instructed, alice, claim(alice, today), sender=stranger)
    performance = sum(baseline(kit, hour, day) - day[hour] for hour in WINDOW)
    assert 0 < performance < kit.TARGET_WH
    incentive = performance * kit.INCENTIVE // 10**6
    penalty = -(-(kit.TARGET_WH * 9 // 10 - performance) * kit.PENALTY // 10**6)
    part = response.participationOf(instructed, alice)
    assert (part.status, part.performanceWh) == (REPORTED, performance)
    assert (part.incentive, part.penalty) == (incentive, penalty)
    assert part.changedAt == receipt.timestamp
    assert response.Reported(
        eventId=instructed,
        account=alice.address,
        performanceWh=performance,
        incentive=incentive,
        penalty=penalty,
    ) in (receipt.events)


def test_what_counted_is_used_of_the_deviations(
    world, response, kit, market, instructed, alice, measured, claim, today
):
    day = kit.less(kit.usual_day(5), 9_000)
    measured(alice, day)
    response.report(instructed, alice, claim(alice, today), sender=alice)
    open_, used = world.deviations.usedOf(market, alice, 0, today)
    assert not open_
    assert used == [3_000 if hour in WINDOW else 0 for hour in range(24)]
    part = response.participationOf(instructed, alice)
    assert (part.performanceWh, part.penalty) == (kit.TARGET_WH, 0)
    assert part.incentive == part.incentiveSetAside


def test_an_hour_without_a_value_counts_nothing(
    response, kit, instructed, alice, measured, claim, today
):
    day = kit.less(kit.usual_day(5), 9_000)
    day[15] = None
    measured(alice, day)
    response.report(instructed, alice, claim(alice, today), sender=alice)
    assert response.participationOf(instructed, alice).performanceWh == kit.TARGET_WH - 3_000


def test_a_reading_that_never_came_counts_nothing(
    world, response, instructed, alice, claim, today, clock
):
    clock.move_to((today + 1) * DAY + world.meters.POST_WINDOW() + 1)
    response.report(instructed, alice, claim(alice, today), sender=alice)
    part = response.participationOf(instructed, alice)
    assert (part.performanceWh, part.incentive) == (0, 0)
    assert part.penalty == part.penaltySetAside


def test_a_reading_declared_void_counts_nothing(
    world, response, kit, instructed, alice, claim, today, clock, authority
):
    clock.move_to((today + 1) * DAY + 60)
    meter = world.meter_of[alice.address]
    meter.post(today, kit.less(kit.usual_day(5), 9_000))
    world.meters.dispute(meter.device, today, sender=authority)
    world.meters.resolve(meter.device, today, VOID, b"", sender=authority)
    with ape.reverts(response.WrongReading, period=today):
        response.report(instructed, alice, claim(alice, today), sender=alice)
    response.report(instructed, alice, claim(alice, today, reading=b""), sender=alice)
    assert response.participationOf(instructed, alice).performanceWh == 0


def test_a_reading_that_may_still_change_is_not_reported(
    world, response, kit, instructed, alice, claim, today, clock
):
    clock.move_to((today + 1) * DAY)
    world.meter_of[alice.address].post(today, kit.usual_day(5))
    with ape.reverts(response.ReadingNotFinal, period=today):
        response.report(instructed, alice, claim(alice, today), sender=alice)


@pytest.mark.parametrize("part", ["day", "baseline day", "order", "number"])
def test_other_readings_than_the_final_ones_are_refused(
    response, kit, instructed, alice, measured, claim, today, part
):
    measured(alice, kit.usual_day(5))
    reading, days, _ = claim(alice, today)
    false = {
        "day": (kit.packed(kit.less(kit.usual_day(5), 9_000)), days, b""),
        "baseline day": (reading, [kit.packed([20_000] * 24), *days[1:]], b""),
        "order": (reading, days[::-1], b""),
        "number": (reading, days[:9], b""),
    }[part]
    with ape.reverts(response.WrongReading):
        response.report(instructed, alice, false, sender=alice)


def test_the_published_baseline_is_what_counts(
    response, kit, published, owner, alice, measured, claim, today
):
    values = kit.packed(kit.usual_day(0))
    response.publishBaseline(published, alice, values, sender=owner)
    measured(alice, kit.less(kit.usual_day(0), 2_000))
    proof = claim(alice, today, days=[], published=kit.packed([20_000] * 24))
    with ape.reverts(response.WrongBaseline):
        response.report(published, alice, proof, sender=alice)
    response.report(published, alice, claim(alice, today, days=[], published=values), sender=alice)
    assert response.participationOf(published, alice).performanceWh == 8_000


def test_without_a_published_baseline_there_is_no_report(
    response, kit, published, alice, measured, claim, today
):
    measured(alice, kit.usual_day(0))
    with ape.reverts(response.BaselineNotPublished, account=alice.address):
        response.report(published, alice, claim(alice, today, days=[]), sender=alice)


def test_a_part_is_reported_once(response, reported, alice, claim, today):
    with ape.reverts(response.WrongStatus, status=REPORTED):
        response.report(reported, alice, claim(alice, today), sender=alice)


def test_a_report_comes_in_time(
    world, response, kit, market, instructed, alice, measured, claim, today, clock
):
    measured(alice, kit.usual_day(5))
    deadline = world.deviations.claimBy(market, today)
    assert deadline == (today + 1 + CLAIM_DAYS) * DAY
    clock.next_at(deadline + 1)
    with ape.reverts(response.ReportedTooLate, claimBy=deadline):
        response.report(instructed, alice, claim(alice, today), sender=alice)


def test_the_last_second_is_in_time(
    world, response, kit, market, instructed, alice, measured, claim, today, clock
):
    measured(alice, kit.usual_day(5))
    clock.next_at(world.deviations.claimBy(market, today))
    response.report(instructed, alice, claim(alice, today), sender=alice)


def test_more_consumption_counts_where_the_programme_asks_for_it(
    world, response, kit, terms, market, owner, alice, today, measured, claim
):
    response.createProgramme(terms(direction=1), sender=owner)
    programme = response.programmeCount()
    world.give(owner, 10 * kit.MONEY)
    response.fund(programme, 10 * kit.MONEY, sender=owner)
    world.give(alice, response.bondFor(programme, 5_000))
    response.enrol(programme, 5_000, 0, sender=alice)
    response.callEvent(programme, today, 14, 4, sender=owner)
    event = response.eventCount()
    response.instruct(event, alice, 3_000, sender=owner)
    measured(alice, kit.less(kit.usual_day(5), -9_000))
    response.report(event, alice, claim(alice, today), sender=alice)
    assert response.participationOf(event, alice).performanceWh == kit.TARGET_WH
    _, used = world.deviations.usedOf(market, alice, 0, today)
    assert [used[hour] for hour in WINDOW] == [-3_000] * 4
