from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from twin.day_match import DayMatchError
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import energy_served_wh, outcome_cost
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.session_day import EmptyDayError, session_day
from twin.prices import PriceSeries

ZONE = "Europe/Berlin"
DAY = date(2025, 6, 18)


def prices(first: date = date(2023, 1, 1), days: int = 400) -> PriceSeries:
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    hours = np.arange(24 * days)
    price = 0.2 + 0.1 * np.cos((hours % 24 - 14.0) / 24.0 * 2.0 * np.pi)
    return PriceSeries(start + 3_600 * hours, price, 3_600, "UTC")


def commuters(last: date = DAY, days: int = 20, drivers: int = 15) -> list[ChargingSession]:
    rng = np.random.default_rng(5)
    sessions = []
    for back in range(days):
        start = datetime(last.year, last.month, last.day, tzinfo=UTC) - timedelta(days=back)
        for driver in range(drivers):
            came = start + timedelta(hours=float(rng.normal(7.0, 0.5)))
            left = start + timedelta(hours=float(rng.normal(16.0, 0.5)))
            sessions.append(
                ChargingSession(
                    f"{back}-{driver}",
                    f"d{driver}",
                    "s",
                    f"p{driver}",
                    came,
                    left,
                    float(rng.uniform(4e3, 20e3)),
                    left + timedelta(hours=2),
                    time_zone=ZONE,
                )
            )
    return sessions


def test_a_day_of_sessions_is_planned_before_and_lived_as_it_comes():
    day = session_day(commuters(), prices(), DAY)
    assert day.horizon.start == datetime(2025, 6, 17, 22, tzinfo=UTC)
    assert day.fleet.vehicles.count == 15
    assert [match.session_day for match in day.matches] == [DAY, DAY + timedelta(days=1)]
    assert day.matches[0].price_day.weekday() == DAY.weekday()
    plan = day.plan()
    assert plan.energy_wh.shape == (15, 96)
    assert (plan.energy_wh <= plan.max_charge_wh + 1e-6).all()
    lived = day.live()
    plain = uncontrolled(day.fleet.vehicles, day.fleet.stays, day.horizon)
    need = day.fleet.stays.need_wh.sum()
    assert energy_served_wh(lived, day.fleet.stays).sum() >= 0.98 * need
    cost, most = (
        outcome_cost(outcome, day.fleet.vehicles, day.signal).sum() for outcome in (lived, plain)
    )
    assert cost < most
    base = day.signal.base_load_w
    peaks = [outcome.feeder_w(day.horizon, base).max() for outcome in (lived, plain)]
    assert peaks[0] <= peaks[1]


def test_the_plan_before_the_day_does_not_know_when_vehicles_leave():
    sessions = commuters()
    cut = [
        ChargingSession(
            s.session_id,
            s.user_id,
            s.site_id,
            s.station_id,
            s.connected,
            s.disconnected - timedelta(hours=1) if s.connected.date() == DAY else s.disconnected,
            s.energy_wh,
            s.declared_departure,
            time_zone=ZONE,
        )
        for s in sessions
    ]
    power = {f"p{driver}": 11e3 for driver in range(15)}
    plans = [
        session_day(these, prices(), DAY, pile_power_w=power).plan() for these in (sessions, cut)
    ]
    assert np.allclose(plans[0].energy_wh, plans[1].energy_wh)


def test_a_price_file_of_two_days_is_enough_for_its_day():
    day = session_day(commuters(), prices(date(2025, 6, 17), 4), DAY)
    assert day.matches[0].reason == "same date"
    assert day.live().charge_wh.sum() > 0.0


def test_days_without_sessions_or_prices_are_refused():
    with pytest.raises(EmptyDayError, match="2025-06-25"):
        session_day(commuters(), prices(), DAY + timedelta(days=7))
    with pytest.raises(EmptyDayError):
        session_day([], prices(), DAY)
    with pytest.raises(DayMatchError):
        session_day(commuters(), prices(date(2023, 1, 1), 20), DAY)


def test_a_day_of_23_hours_is_priced_in_all_its_slots():
    spring = date(2025, 3, 30)
    day = session_day(commuters(spring), prices(), spring)
    assert np.isfinite(day.signal.price_per_kwh).all()
    assert day.horizon.slots == 96
