from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from twin.ev_fleet.acn import read_sessions
from twin.ev_fleet.comparison import Comparison, compare_on_sessions
from twin.prices import PriceSeries, read_prices

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("WATTPROOF_DATA", ROOT.parent / "shared" / "data"))
SESSIONS = DATA / "ev_sessions" / "acn_sessions.json"
PRICES = DATA / "prices" / "pjm_hourly_2011_2018.csv"

pytestmark = [
    pytest.mark.needs_data,
    pytest.mark.skipif(
        not (SESSIONS.is_file() and PRICES.is_file()),
        reason=f"no real sessions and prices under {DATA}: set WATTPROOF_DATA to their folder",
    ),
]


@pytest.fixture(scope="module")
def prices() -> PriceSeries:
    return read_prices(PRICES).series


@pytest.fixture(scope="module")
def comparison(prices: PriceSeries) -> Comparison:
    """The first four weeks: enough to learn from, short enough for every run."""
    sessions = read_sessions(SESSIONS).sessions
    end = sessions[0].connected + timedelta(weeks=4)
    early = [session for session in sessions if session.connected < end]
    return compare_on_sessions(early, prices)


def test_the_real_files_are_read_whole():
    result = read_sessions(SESSIONS)
    assert len(result.sessions) > 2_000
    assert not result.bad_rows
    prices = read_prices(PRICES)
    assert not prices.bad_rows
    assert len(prices.series.local_days()) > 2_600


def test_the_forecast_serves_the_need_saves_and_keeps_the_peak(comparison: Comparison):
    ours, plain = comparison.row("forecast departure"), comparison.row("uncontrolled")
    assert ours.energy_served >= 0.99
    assert ours.saving > 0.0
    assert ours.peak_w <= plain.peak_w


def test_trusting_declared_departures_leaves_drivers_short(comparison: Comparison):
    assert comparison.row("declared departure").energy_served < 0.9


def test_nothing_beats_foresight(comparison: Comparison):
    best = comparison.row("perfect foresight")
    assert best.energy_served >= 0.9999
    assert best.saving == max(row.saving for row in comparison.rows)
    assert best.of_foresight == pytest.approx(1.0)


def test_every_session_day_says_which_price_day_stands_for_it(comparison: Comparison):
    for match in comparison.matches:
        assert match.price_day.weekday() == match.session_day.weekday()
        assert match.price_day.year == 2017
        assert match.reason
    assert "forecast departure" in comparison.text()


def test_the_last_days_alone_are_lived_through_with_what_was_learnt_before(
    comparison: Comparison, prices: PriceSeries
):
    sessions = read_sessions(SESSIONS).sessions[:200]
    since = comparison.matches[10].session_day
    late = compare_on_sessions(sessions, prices, since=since)
    assert 0 < late.stays < len(sessions)
    assert late.matches[0].session_day == since
    assert late.row("forecast departure").energy_served >= 0.98
    with pytest.raises(ValueError, match="no session"):
        compare_on_sessions(sessions, prices, since=since + timedelta(days=999))
