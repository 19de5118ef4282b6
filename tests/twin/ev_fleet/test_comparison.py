from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from twin.day_match import DayMatchError
from twin.ev_fleet.calibration import pile_powers, session_fleet
from twin.ev_fleet.comparison import compare_on_sessions
from twin.ev_fleet.minimum_expense import run_minimum_expense
from twin.ev_fleet.model import PriceSignal
from twin.ev_fleet.plan import energy_served_wh, outcome_cost
from twin.ev_fleet.service_level import learnt_values
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.session_day import forecast_outlook
from twin.horizon import Horizon
from twin.prices import PriceSeries

FIRST = datetime(2025, 5, 5, tzinfo=UTC)


def sessions(days: int = 16, drivers: int = 5) -> list[ChargingSession]:
    """Nobody is plugged in at night; half leave long before they said."""
    rng = np.random.default_rng(2)
    found = []
    for day in range(days):
        for driver in range(drivers):
            came = FIRST + timedelta(days=day, hours=float(rng.normal(8.0, 1.0)))
            stay = float(rng.uniform(1.0, 9.0))
            said = came + timedelta(hours=stay if driver % 2 else 11.0)
            found.append(
                ChargingSession(
                    f"{day}-{driver}",
                    f"d{driver}",
                    "s",
                    f"p{driver}",
                    came,
                    came + timedelta(hours=stay),
                    1_000.0 * min(float(rng.uniform(4, 20)), 6 * stay),
                    said,
                )
            )
    return sorted(found, key=lambda session: session.connected)


def prices(days: int = 60, first: date = date(2025, 5, 1)) -> PriceSeries:
    hours = np.arange(24 * days)
    price = 0.2 + 0.1 * np.cos(hours % 24 / 24.0 * 2.0 * np.pi)
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    return PriceSeries(start + 3_600 * hours, price, 3_600, "UTC")


def test_cutting_the_weeks_into_stretches_tells_the_strategy_nothing():
    rows = sessions()
    comparison = compare_on_sessions(rows, prices())
    horizon = Horizon(FIRST, 900, 96 * 18)
    power = pile_powers(rows)
    fleet = session_fleet(rows, horizon, power, 1.0)
    outlook = forecast_outlook(fleet, horizon, power)
    price = prices().slot_prices(horizon)
    values = learnt_values(fleet.vehicles, fleet.stays, horizon, price, outlook)
    signal = PriceSignal(price, np.zeros(horizon.slots))
    vehicles = replace(fleet.vehicles, value_of_energy_per_kwh=values)
    whole = run_minimum_expense(vehicles, fleet.stays, horizon, signal, outlook)
    row = comparison.row("forecast departure")
    assert row.cost == pytest.approx(outcome_cost(whole, vehicles, signal).sum(), rel=1e-6)
    served = energy_served_wh(whole, fleet.stays).sum() / fleet.stays.need_wh.sum()
    assert row.energy_served == pytest.approx(served, rel=1e-6)
    assert row.peak_w == pytest.approx(whole.feeder_w(horizon, signal.base_load_w).max(), rel=1e-6)


def test_missing_energy_is_no_saving():
    comparison = compare_on_sessions(sessions(), prices())
    trusting = comparison.row("declared departure")
    assert trusting.energy_served < 0.9
    assert trusting.cost_of_missing > 0.0
    plain = comparison.row("uncontrolled")
    assert trusting.saving == pytest.approx(plain.cost - trusting.cost - trusting.cost_of_missing)
    assert comparison.row("perfect foresight").of_foresight == pytest.approx(1.0)


def test_without_prices_for_the_season_there_is_no_comparison():
    with pytest.raises(DayMatchError):
        compare_on_sessions(sessions(), prices(20, date(2024, 1, 1)))
    with pytest.raises(ValueError, match="no sessions"):
        compare_on_sessions([], prices())


@pytest.mark.parametrize("level", [0.0, 0.2])
def test_where_there_is_nothing_to_save_everybody_is_served(level: float):
    flat = replace(prices(), price_per_kwh=np.full(24 * 60, level))
    comparison = compare_on_sessions(sessions(), flat)
    assert comparison.row("forecast departure").energy_served >= 0.99
    assert comparison.row("perfect foresight").saving == pytest.approx(0.0, abs=1e-6)


def test_negative_prices_are_earned_not_feared():
    below = replace(prices(), price_per_kwh=prices().price_per_kwh - 0.25)
    comparison = compare_on_sessions(sessions(), below)
    ours, best = comparison.row("forecast departure"), comparison.row("perfect foresight")
    assert 0.0 <= ours.saving <= best.saving
    assert ours.energy_served >= 0.98


def test_a_strategy_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="there are uncontrolled"):
        compare_on_sessions(sessions(3), prices()).row("magic")
