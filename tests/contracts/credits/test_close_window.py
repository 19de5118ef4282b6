from __future__ import annotations

import ape

HOUR = 3_600
DAY = 86_400
MONEY = 1_000_000


def test_what_nobody_joined_is_free_when_the_window_begins(
    credits, series, window, alice, stranger, issuer, event_day, clock
):
    credits.join(window, 15_000, 0, sender=alice)
    clock.next_at(event_day * DAY + 14 * HOUR)
    receipt = credits.closeWindow(window, sender=stranger)
    assert credits.WindowClosed(window=window, releasedWh=25_000) in receipt.events
    assert credits.seriesOf(series).budgetWh == 15_000
    assert credits.windowOf(window).budgetWh == credits.windowOf(window).joinedWh == 15_000
    credits.defund(series, 97 * MONEY, issuer, sender=issuer)


def test_a_window_that_may_be_joined_stays_open(credits, window, stranger, event_day, clock):
    starts_at = event_day * DAY + 14 * HOUR
    clock.next_at(starts_at - 1)
    with ape.reverts(credits.WindowNotBegun, startsAt=starts_at):
        credits.closeWindow(window, sender=stranger)


def test_a_joined_part_is_free_once_it_can_no_longer_be_claimed(
    credits, series, window, alice, stranger, clock
):
    credits.join(window, 40_000, 0, sender=alice)
    deadline = credits.claimBy(window)
    clock.next_at(deadline)
    with ape.reverts(credits.NothingToRelease):
        credits.closeWindow(window, sender=stranger)
    clock.next_at(deadline + 1)
    credits.closeWindow(window, sender=stranger)
    assert credits.seriesOf(series).budgetWh == 0
    assert credits.owed(series) == 0


def test_a_window_is_not_closed_twice(credits, window, stranger, event_day, clock):
    clock.next_at(event_day * DAY + 14 * HOUR)
    credits.closeWindow(window, sender=stranger)
    with ape.reverts(credits.NothingToRelease):
        credits.closeWindow(window, sender=stranger)


def test_issuing_everything_leaves_no_budget_behind(credits, series, issued, stranger):
    credits.closeWindow(issued.window, sender=stranger)
    view = credits.seriesOf(series)
    assert view.budgetWh == 0
    assert view.issuedWh == issued.amount


def test_a_window_closes_after_the_series_expired_too(
    credits, series, window, alice, stranger, expiry, clock
):
    credits.join(window, 15_000, 0, sender=alice)
    clock.next_at(expiry)
    credits.closeWindow(window, sender=stranger)
    assert credits.seriesOf(series).budgetWh == 0


def test_an_unknown_window_is_not_closed(credits, window, stranger):
    with ape.reverts(credits.UnknownWindow, window=window + 1):
        credits.closeWindow(window + 1, sender=stranger)
