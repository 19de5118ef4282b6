from __future__ import annotations

import ape
import pytest

HOUR = 3_600
DAY = 86_400
WINDOW = range(14, 18)
KEEP, REPLACE, VOID = range(3)


def less(values, wh, hours=WINDOW):
    """The same day with so much less in the hours."""
    return [value - wh if hour in hours else value for hour, value in enumerate(values)]


@pytest.fixture
def joined(credits, window, alice):
    credits.join(window, 9_000, 0, sender=alice)
    return window


def baseline(kit, hour, of_day):
    """Ten of ten days with the hours from 10 to 13 as the same-day adjustment; in `of_day` the
    hours before the window are `of_day`'s."""
    days = [kit.usual_day(number) for number in range(10)]
    total = sum(day[hour] for day in days)
    before = range(10, 13)
    numerator = 10 * sum(of_day[h] for h in before)
    denominator = sum(day[h] for day in days for h in before)
    low, high = denominator * 8_000, denominator * 12_000
    bounded = min(max(numerator * 10_000, low), high)
    return total * bounded // (10 * denominator * 10_000)


def test_the_measured_reduction_is_issued(
    world, credits, kit, series, joined, alice, measured, claim, event_day
):
    day = less(kit.usual_day(12), 2_000)
    measured(alice, day)
    receipt = credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    reduced = [baseline(kit, hour, day) - day[hour] for hour in WINDOW]
    assert all(wh > 0 for wh in reduced)
    assert sum(reduced) < 9_000
    amount = sum(reduced)
    assert credits.balanceOf(alice, series) == amount
    assert credits.CreditsIssued(
        window=joined, account=alice.address, series=series, amount=amount
    ) in (receipt.events)
    view = credits.seriesOf(series)
    assert (view.issuedWh, view.budgetWh) == (amount, 40_000 - 9_000)
    assert credits.joinedOf(joined, alice).issued
    assert (credits.windowOf(joined).budgetWh, credits.windowOf(joined).joinedWh) == (31_000, 0)


def test_what_was_issued_is_used_of_the_deviations(
    world, credits, kit, market, joined, alice, measured, claim, event_day
):
    day = less(kit.usual_day(12), 2_000)
    measured(alice, day)
    credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    is_open, used = world.deviations.usedOf(market, alice, 0, event_day)
    assert not is_open
    expected = [baseline(kit, h, day) - day[h] if h in WINDOW else 0 for h in range(24)]
    assert list(used) == expected


def test_no_more_than_the_cap_is_issued_in_slot_order(
    world, credits, kit, series, market, joined, alice, measured, claim, event_day
):
    day = less(kit.usual_day(12), 4_000)
    measured(alice, day)
    credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    assert credits.balanceOf(alice, series) == 9_000
    used = list(world.deviations.usedOf(market, alice, 0, event_day)[1])
    first, second = (baseline(kit, hour, day) - day[hour] for hour in (14, 15))
    assert used[14:18] == [first, second, 9_000 - first - second, 0]


def test_consuming_more_in_an_hour_takes_nothing_back(
    world, credits, kit, series, joined, alice, measured, claim, event_day
):
    day = less(less(kit.usual_day(5), 1_000, (14,)), -5_000, (15, 16, 17))
    measured(alice, day)
    credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    assert credits.balanceOf(alice, series) == baseline(kit, 14, day) - day[14]


def test_consumption_pushed_up_beforehand_pays_the_cap_and_no_further(
    world, credits, kit, series, window, alice, measured, claim, event_day
):
    """Three times the usual load before the window raises the baseline by the rule's fifth."""
    credits.join(window, 40_000, 0, sender=alice)
    usual = kit.usual_day(4)
    pushed = [wh * 3 if hour in range(10, 14) else wh for hour, wh in enumerate(usual)]
    measured(alice, pushed)
    credits.issue(window, alice, claim(alice, event_day), sender=world.stranger)
    days = [kit.usual_day(number) for number in range(10)]
    most = sum(sum(day[hour] for day in days) * 12 // 100 - usual[hour] for hour in WINDOW)
    assert credits.balanceOf(alice, series) == most


def test_an_hour_without_a_value_earns_nothing(
    world, credits, kit, series, joined, alice, measured, claim, event_day
):
    day = less(kit.usual_day(12), 2_000)
    measured(alice, [None if hour == 15 else wh for hour, wh in enumerate(day)])
    credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    expected = sum(baseline(kit, hour, day) - day[hour] for hour in (14, 16, 17))
    assert credits.balanceOf(alice, series) == expected


def test_without_a_reading_nothing_is_issued_and_the_budget_is_free_again(
    world, credits, series, joined, alice, claim, event_day, clock
):
    clock.move_to((event_day + 1) * DAY + 2 * DAY + 1)
    credits.issue(joined, alice, claim(alice, event_day), sender=world.stranger)
    assert credits.balanceOf(alice, series) == 0
    assert credits.seriesOf(series).budgetWh == 31_000


def test_a_reading_that_may_still_change_issues_nothing(
    world, credits, kit, joined, alice, claim, event_day, clock
):
    clock.move_to((event_day + 1) * DAY)
    world.meter_of[alice.address].post(event_day, less(kit.usual_day(12), 2_000))
    with ape.reverts(credits.ReadingNotFinal):
        credits.issue(joined, alice, claim(alice, event_day), sender=alice)


def test_anothers_reading_is_no_claim(
    world, credits, kit, joined, alice, carol, measured, claim, event_day
):
    """Carol was closed all day; that earns alice nothing."""
    measured(alice, kit.usual_day(12))
    world.meter_of[carol.address].post(event_day, [0] * 24)
    with ape.reverts(credits.WrongReading):
        credits.issue(
            joined,
            alice,
            claim(alice, event_day, reading=kit.packed([0] * 24)),
            sender=alice,
        )


def test_baseline_days_of_ones_own_choice_are_refused(
    credits, kit, joined, alice, measured, claim, event_day
):
    measured(alice, less(kit.usual_day(12), 2_000))
    whole = claim(alice, event_day)
    other_order = claim(alice, event_day, days=list(reversed(whole[1])))
    high = claim(alice, event_day, days=[kit.packed([20_000] * 24)] * 10)
    for wrong in (other_order, high):
        with ape.reverts(credits.WrongReading):
            credits.issue(joined, alice, wrong, sender=alice)


def test_a_dispute_that_replaced_the_reading_decides_what_is_issued(
    world, credits, kit, series, joined, alice, claim, event_day, clock
):
    """The old values are no claim any more."""
    clock.move_to((event_day + 1) * DAY + HOUR)
    meter = world.meter_of[alice.address]
    meter.post(event_day, less(kit.usual_day(12), 4_000))
    true_day = less(kit.usual_day(12), 500)
    world.meters.dispute(meter.device, event_day, sender=world.authority)
    world.meters.resolve(
        meter.device, event_day, REPLACE, kit.packed(true_day), sender=world.authority
    )
    with ape.reverts(credits.WrongReading):
        credits.issue(joined, alice, claim(alice, event_day), sender=alice)
    replaced = claim(alice, event_day, reading=kit.packed(true_day))
    credits.issue(joined, alice, replaced, sender=alice)
    expected = sum(max(0, baseline(kit, hour, true_day) - true_day[hour]) for hour in WINDOW)
    assert credits.balanceOf(alice, series) == expected


def test_a_void_reading_issues_nothing(
    world, credits, kit, series, joined, alice, claim, event_day, clock
):
    clock.move_to((event_day + 1) * DAY + HOUR)
    meter = world.meter_of[alice.address]
    meter.post(event_day, less(kit.usual_day(12), 4_000))
    world.meters.dispute(meter.device, event_day, sender=world.authority)
    world.meters.resolve(meter.device, event_day, VOID, b"", sender=world.authority)
    with ape.reverts(credits.WrongReading):
        credits.issue(joined, alice, claim(alice, event_day), sender=alice)
    credits.issue(joined, alice, claim(alice, event_day, reading=b""), sender=alice)
    assert credits.balanceOf(alice, series) == 0


def test_credits_are_issued_once(credits, issued, claim, alice):
    with ape.reverts(credits.IssuedBefore, account=alice.address):
        credits.issue(issued.window, alice, claim(alice, issued.day), sender=alice)


def test_who_did_not_join_gets_nothing(credits, kit, joined, carol, measured, claim, event_day):
    measured(carol, less(kit.usual_day(12), 4_000))
    with ape.reverts(credits.NotJoined, account=carol.address):
        credits.issue(joined, carol, claim(carol, event_day), sender=carol)


def test_credits_are_claimed_up_to_the_deadlines_second(
    credits, kit, joined, alice, measured, claim, event_day, clock, chain
):
    measured(alice, less(kit.usual_day(12), 2_000))
    deadline = credits.claimBy(joined)
    clock.next_at(deadline + 1)
    with ape.reverts(credits.ClaimedTooLate, claimBy=deadline):
        credits.issue(joined, alice, claim(alice, event_day), sender=alice)


def test_the_deadlines_own_second_is_in_time(
    credits, kit, series, joined, alice, measured, claim, event_day, clock
):
    measured(alice, less(kit.usual_day(12), 2_000))
    clock.next_at(credits.claimBy(joined))
    credits.issue(joined, alice, claim(alice, event_day), sender=alice)
    assert credits.balanceOf(alice, series) > 0


def test_too_few_baseline_days_are_counted(
    world, credits, kit, window, alice, measured, claim, event_day
):
    """Seven of the ten days lie before the period that the account named itself."""
    credits.join(window, 9_000, event_day - 3, sender=alice)
    measured(alice, less(kit.usual_day(12), 2_000))
    with ape.reverts(credits.TooFewBaselineDays, found=3):
        credits.issue(window, alice, claim(alice, event_day), sender=alice)


def test_a_published_baseline_counts_as_it_was_committed(
    world, credits, kit, published_window, issuer, alice, measured, claim, event_day
):
    values = kit.packed([10_000] * 24)
    credits.publishBaseline(published_window, alice, values, sender=issuer)
    credits.join(published_window, 40_000, 0, sender=alice)
    day = [10_000] * 14 + [9_000, 8_500, 10_500, 9_999] + [10_000] * 6
    measured(alice, day)
    other = claim(alice, event_day, days=[], published=kit.packed([11_000] * 24))
    with ape.reverts(credits.WrongBaseline):
        credits.issue(published_window, alice, other, sender=alice)
    credits.issue(
        published_window, alice, claim(alice, event_day, days=[], published=values), sender=alice
    )
    series = credits.windowOf(published_window).series
    assert credits.balanceOf(alice, series) == 1_000 + 1_500 + 1
