from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from twin.day_match import DayMatchError, match_days, matched_slot_prices
from twin.horizon import Horizon
from twin.prices import PriceSeries


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=day) for day in range(count)]


def series(first: datetime, hours: int, time_zone: str) -> PriceSeries:
    """A series whose price is the hour of the local clock, in ct."""
    epochs = int(first.timestamp()) + 3600 * np.arange(hours)
    zone_hours = Horizon(first, 3600, hours).local_hours(time_zone)
    return PriceSeries(epochs, zone_hours / 100.0, 3600, time_zone)


def test_a_day_in_the_file_stands_for_itself():
    (match,) = match_days([date(2017, 5, 1)], days(date(2016, 1, 1), 800))
    assert match.price_day == date(2017, 5, 1)
    assert match.reason == "same date"


def test_other_years_keep_weekday_and_season():
    available = days(date(2011, 1, 2), 2648)
    for match in match_days(days(date(2021, 1, 1), 400), available):
        assert match.price_day in available
        assert match.price_day.weekday() == match.session_day.weekday()
        apart = abs(match.price_day.timetuple().tm_yday - match.session_day.timetuple().tm_yday)
        assert min(apart, 366 - apart) <= 5
        assert f"{match.session_day:%A}" in match.reason


def test_consecutive_days_of_a_year_keep_consecutive_prices():
    matches = match_days(days(date(2021, 5, 1), 130), days(date(2011, 1, 2), 2648))
    shifts = {match.session_day - match.price_day for match in matches}
    assert len(shifts) == 1


def test_the_latest_year_that_covers_the_season_is_taken():
    matches = match_days([date(2021, 7, 1)], days(date(2015, 1, 1), 365 * 3 + 60))
    assert matches[0].price_day.year == 2017


def test_a_season_without_prices_is_refused():
    with pytest.raises(DayMatchError, match="no Thursday"):
        match_days([date(2021, 7, 1)], days(date(2017, 1, 1), 60))


def test_the_29th_of_february_finds_a_day():
    (match,) = match_days([date(2024, 2, 29)], days(date(2017, 1, 1), 365))
    assert match.price_day.weekday() == 3


def test_hours_are_matched_on_the_local_clocks():
    prices = series(datetime(2017, 5, 1, 4, tzinfo=UTC), 48, "America/New_York")
    horizon = Horizon.local_day(date(2021, 5, 3), "America/Los_Angeles")
    matches = match_days([date(2021, 5, 3)], [date(2017, 5, 1), date(2017, 5, 2)])
    price = matched_slot_prices(horizon, "America/Los_Angeles", prices, matches)
    expected = np.floor(horizon.local_hours("America/Los_Angeles")) / 100.0
    assert np.allclose(price, expected)


@pytest.mark.parametrize("day", [date(2021, 3, 14), date(2021, 11, 7)])
def test_a_session_day_with_a_clock_change_is_priced_in_every_slot(day: date):
    prices = series(datetime(2017, 1, 1, 5, tzinfo=UTC), 24 * 364, "America/New_York")
    horizon = Horizon.local_day(day, "America/Los_Angeles")
    matches = match_days([day], prices.local_days())
    price = matched_slot_prices(horizon, "America/Los_Angeles", prices, matches)
    assert price.shape == (horizon.slots,)
    assert np.isfinite(price).all()
