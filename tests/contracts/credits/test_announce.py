from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000
HOUR = 3_600
DAY = 86_400


def test_a_window_is_kept_and_announced(credits, series, issuer, event_day):
    receipt = credits.announce(series, event_day, 14, 4, 40_000, sender=issuer)
    number = credits.windowCount()
    (event,) = receipt.events
    assert (event.window, event.series, event.period) == (number, series, event_day)
    assert (event.firstSlot, event.slots, event.budgetWh) == (14, 4, 40_000)
    window = credits.windowOf(number)
    assert (window.series, window.period) == (series, event_day)
    assert (window.firstSlot, window.slots) == (14, 4)
    assert (window.budgetWh, window.joinedWh) == (40_000, 0)
    assert credits.seriesOf(series).budgetWh == 40_000


def test_windows_are_claimed_for_seven_days_after_their_day(credits, window, event_day):
    """Two days to post, one to dispute, three to resolve, and one more."""
    assert credits.claimBy(window) == (event_day + 1 + 2 + 1 + 3 + 1) * DAY


def test_only_the_issuer_announces(credits, series, stranger, event_day):
    with ape.reverts(credits.NotIssuer, caller=stranger.address):
        credits.announce(series, event_day, 14, 4, 1, sender=stranger)


def test_a_budget_of_nothing_is_refused(credits, series, issuer, event_day):
    with ape.reverts(credits.ZeroAmount):
        credits.announce(series, event_day, 14, 4, 0, sender=issuer)


def test_the_escrow_covers_the_budget(credits, series, issuer, event_day):
    """500 kWh at 0.20 are all that 100 units of money cover."""
    with ape.reverts(credits.InsufficientEscrow, escrow=100 * MONEY, needed=100 * MONEY + 200):
        credits.announce(series, event_day, 14, 4, 500_001, sender=issuer)
    credits.announce(series, event_day, 14, 4, 500_000, sender=issuer)
    with ape.reverts(credits.InsufficientEscrow, escrow=100 * MONEY, needed=100 * MONEY + 200):
        credits.announce(series, event_day, 8, 2, 1, sender=issuer)


@pytest.mark.parametrize("place", [(14, 0), (20, 5), (24, 1), (3, 1)])
def test_a_window_lies_in_its_day_with_room_for_the_adjustment(
    credits, series, issuer, event_day, place
):
    """The rule of the series looks at hours four hours before the window."""
    with ape.reverts(credits.BadWindow):
        credits.announce(series, event_day, *place, 1_000, sender=issuer)


@pytest.mark.parametrize("place", [(20, 4), (4, 1), (4, 20)])
def test_a_window_may_fill_what_the_day_leaves(credits, series, issuer, event_day, place):
    credits.announce(series, event_day, *place, 1_000, sender=issuer)


def test_a_window_is_announced_before_it_begins(credits, series, issuer, event_day, clock):
    starts_at = event_day * DAY + 14 * HOUR
    clock.next_at(starts_at)
    with ape.reverts(credits.WindowBegan, startsAt=starts_at):
        credits.announce(series, event_day, 14, 4, 1_000, sender=issuer)


def test_a_window_is_announced_up_to_the_last_second(credits, series, issuer, event_day, clock):
    clock.next_at(event_day * DAY + 14 * HOUR - 1)
    credits.announce(series, event_day, 14, 4, 1_000, sender=issuer)


def test_credits_can_be_claimed_before_they_expire(credits, series, issuer, expiry):
    """The last day whose claims end before the expiry."""
    last = expiry // DAY - 9
    credits.announce(series, last, 14, 4, 1_000, sender=issuer)
    claim_by = (last + 1 + 8) * DAY
    with ape.reverts(credits.ClaimableBeyondExpiry, claimBy=claim_by):
        credits.announce(series, last + 1, 14, 4, 1_000, sender=issuer)


def test_an_unknown_or_expired_series_has_no_windows(credits, series, issuer, expiry, clock):
    with ape.reverts(credits.UnknownSeries, series=series + 1):
        credits.announce(series + 1, expiry // DAY, 14, 4, 1_000, sender=issuer)
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.announce(series, expiry // DAY, 14, 4, 1_000, sender=issuer)


def test_more_energy_than_64_bits_is_refused(world, credits, terms, expiry, issuer, event_day):
    credits.openSeries(expiry + 1, terms(redemption=1), sender=issuer)
    series = credits.seriesId(issuer, expiry + 1)
    world.give(issuer, 2**64 - 1)
    credits.fund(series, 2**64 - 1, sender=issuer)
    credits.announce(series, event_day, 14, 4, 2**64 - 1, sender=issuer)
    with ape.reverts(credits.SeriesFull):
        credits.announce(series, event_day, 14, 4, 1, sender=issuer)
