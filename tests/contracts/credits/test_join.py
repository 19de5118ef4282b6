from __future__ import annotations

import ape
import pytest

HOUR = 3_600
DAY = 86_400
MOST_WH = 50_000 * 4
"""What a meter of 50 kW can measure in four hours."""


def test_joining_takes_a_part_of_the_budget_and_reserves_the_slots(
    credits, series, window, alice, event_day
):
    receipt = credits.join(window, 15_000, event_day - 11, sender=alice)
    (event,) = [log for log in receipt.events if log.event_name == "WindowJoined"]
    assert (event.window, event.account, event.capWh) == (window, alice.address, 15_000)
    part = credits.joinedOf(window, alice)
    assert (part.capWh, part.since, part.issued) == (15_000, event_day - 11, False)
    assert part.reservation == event.reservation
    assert (credits.windowOf(window).budgetWh, credits.windowOf(window).joinedWh) == (
        40_000,
        15_000,
    )
    assert credits.seriesOf(series).budgetWh == 40_000


def test_accounts_share_the_budget_as_they_come(credits, window, alice, carol):
    credits.join(window, 30_000, 0, sender=alice)
    with ape.reverts(credits.InsufficientBudget, leftWh=10_000):
        credits.join(window, 10_001, 0, sender=carol)
    credits.join(window, 10_000, 0, sender=carol)


def test_nobody_joins_once_the_window_has_begun(credits, window, alice, event_day, clock):
    """Nor in its first second: who has seen the day must not choose."""
    starts_at = event_day * DAY + 14 * HOUR
    clock.next_at(starts_at)
    with ape.reverts(credits.WindowBegan, startsAt=starts_at):
        credits.join(window, 1_000, 0, sender=alice)


def test_joining_is_possible_up_to_the_last_second(credits, window, alice, event_day, clock):
    clock.next_at(event_day * DAY + 14 * HOUR - 1)
    credits.join(window, 1_000, 0, sender=alice)


def test_nobody_joins_twice(credits, window, alice):
    credits.join(window, 1_000, 0, sender=alice)
    with ape.reverts(credits.JoinedBefore, account=alice.address):
        credits.join(window, 1_000, 0, sender=alice)


@pytest.mark.parametrize(("first", "slots"), [(14, 4), (17, 1), (12, 3)])
def test_a_slot_is_reserved_once_whatever_the_window(
    world, credits, series, window, issuer, alice, event_day, first, slots
):
    """The same slots in another window would credit each Wh twice."""
    credits.join(window, 1_000, 0, sender=alice)
    credits.announce(series, event_day, first, slots, 1_000, sender=issuer)
    with ape.reverts(world.deviations.SlotsTaken):
        credits.join(credits.windowCount(), 1_000, 0, sender=alice)


def test_other_slots_of_the_day_are_free(credits, series, window, issuer, alice, event_day):
    credits.join(window, 1_000, 0, sender=alice)
    credits.announce(series, event_day, 18, 2, 1_000, sender=issuer)
    credits.join(credits.windowCount(), 1_000, 0, sender=alice)


def test_who_has_no_meter_cannot_join(credits, window, stranger):
    with ape.reverts(credits.BeyondMeter, mostWh=0):
        credits.join(window, 1, 0, sender=stranger)


def test_a_part_is_no_larger_than_the_meter_could_show(credits, series, issuer, alice, event_day):
    """Or a meter of one watt could keep everybody else out of the window."""
    credits.announce(series, event_day, 14, 4, 400_000, sender=issuer)
    window = credits.windowCount()
    with ape.reverts(credits.BeyondMeter, mostWh=MOST_WH):
        credits.join(window, MOST_WH + 1, 0, sender=alice)
    credits.join(window, MOST_WH, 0, sender=alice)


def test_a_part_of_nothing_is_refused(credits, window, alice):
    with ape.reverts(credits.ZeroAmount):
        credits.join(window, 0, 0, sender=alice)


def test_an_unknown_window_is_not_joined(credits, window, alice):
    for unknown in (0, window + 1):
        with ape.reverts(credits.UnknownWindow, window=unknown):
            credits.join(unknown, 1, 0, sender=alice)


def test_a_published_baseline_must_be_there_before_the_account_agrees_to_it(
    credits, published_window, issuer, alice
):
    with ape.reverts(credits.BaselineNotPublished, account=alice.address):
        credits.join(published_window, 1_000, 0, sender=alice)
    credits.publishBaseline(published_window, alice, b"\0\0\x27\x10" * 24, sender=issuer)
    credits.join(published_window, 1_000, 0, sender=alice)
