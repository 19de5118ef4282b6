from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from twin.ev_fleet.calibration import pile_powers, session_fleet
from twin.ev_fleet.departure import DepartureForecaster, PlugIn, declared_survival
from twin.ev_fleet.minimum_expense import DepartureOutlook
from twin.ev_fleet.service_level import CANDIDATES, learnt_values
from twin.ev_fleet.session import ChargingSession
from twin.horizon import Horizon

START = datetime(2025, 1, 6, tzinfo=UTC)
EDGES = 900.0 * np.arange(1.0, 97.0)


def office(days: int = 60, drivers: int = 12, seed: int = 4) -> list[ChargingSession]:
    """Half leave at 17:00 whenever they came, half when they said they would."""
    rng = np.random.default_rng(seed)
    sessions = []
    for day in range(days):
        for driver in range(drivers):
            came = START + timedelta(days=day, hours=float(rng.normal(9.0, 0.7)))
            said = came + timedelta(hours=float(rng.uniform(3.0, 9.0)))
            if driver % 2:
                left = said + timedelta(minutes=float(rng.normal(0.0, 5.0)))
            else:
                left = START + timedelta(days=day, hours=float(rng.normal(17.0, 0.1)))
            sessions.append(
                ChargingSession(
                    f"{day}-{driver}",
                    f"d{driver}",
                    "site",
                    f"pile-{driver}",
                    came,
                    left,
                    float(rng.uniform(3e3, 15e3)),
                    said,
                )
            )
    return sorted(sessions, key=lambda session: session.connected)


def forecast(past: list[ChargingSession], now: ChargingSession) -> np.ndarray:
    forecaster = DepartureForecaster.fit(past, dict.fromkeys(stations(past, now), 6_600.0))
    return forecaster.survival(PlugIn.of(now, 6_600.0), EDGES)


def stations(past: list[ChargingSession], now: ChargingSession) -> set[str]:
    return {session.station_id for session in [*past, now]}


def expected_stay_s(survival: np.ndarray) -> float:
    return 900.0 * float(survival.sum())


def test_a_survival_curve_falls_from_one_to_nothing():
    sessions = office(20)
    curve = forecast(sessions[:-1], sessions[-1])
    assert (np.diff(curve) <= 0.0).all()
    assert curve[0] > 0.95
    assert 0.0 <= curve[-1] < 0.02


def test_sessions_that_have_not_ended_teach_nothing():
    sessions = office(30)
    now = sessions[200]
    past = [session for session in sessions if session.disconnected < now.connected]
    later = [session for session in sessions if session.disconnected >= now.connected]
    bent = [
        replace(session, disconnected=session.connected + timedelta(minutes=3))
        for session in later
        if session.connected > now.connected
    ]
    forecaster = [
        DepartureForecaster.fit(these, dict.fromkeys(stations(these, now), 6_600.0))
        for these in (past, past + bent)
    ]
    curves = [f.survival(PlugIn.of(now, 6_600.0), EDGES) for f in forecaster]
    assert np.allclose(curves[0], curves[1], atol=1e-12)


@pytest.mark.parametrize("driver", [2, 3])
def test_a_driver_with_a_history_is_known_by_it(driver: int):
    sessions = office(60)
    forecaster = DepartureForecaster.fit(
        sessions, dict.fromkeys(stations(sessions, sessions[0]), 6_600.0)
    )
    errors, told = [], []
    for now in [s for s in sessions if s.user_id == f"d{driver}"][-12:]:
        curve = forecaster.survival(PlugIn.of(now, 6_600.0), EDGES)
        errors.append(abs(expected_stay_s(curve) - now.stay_seconds))
        told.append(abs(float(now.declared_stay_seconds or 0.0) - now.stay_seconds))
    assert np.mean(errors) < 35 * 60.0
    if driver % 2 == 0:
        assert np.mean(errors) < 0.5 * np.mean(told)


def test_a_stranger_is_forecast_from_others_and_with_no_past_at_all_from_a_broad_guess():
    sessions = office(40)
    stranger = replace(sessions[-1], user_id=None, declared_departure=None)
    past = [s for s in sessions if s.disconnected < stranger.connected]
    assert abs(expected_stay_s(forecast(past, stranger)) - stranger.stay_seconds) < 2.5 * 3_600.0
    guess = forecast([], stranger)
    assert 0.05 < guess[16] < 0.95
    assert (np.diff(guess) < 0.0).all()


def test_believing_declarations_means_staying_until_they_end():
    curve = declared_survival(np.array([3_600.0, np.nan]), EDGES)
    assert (curve[0, :4] == 1.0).all()
    assert curve[0, 8] < 0.05
    assert curve[1, 0] < 0.5


def test_the_value_of_energy_is_learnt_from_the_past_only_and_starts_cautious():
    sessions = office(40)
    horizon = Horizon(START, 900, 96 * 41)
    power = pile_powers(sessions)
    fleet = session_fleet(sessions, horizon, power, 1.0)
    price = 0.2 + 0.1 * np.sin(np.arange(horizon.slots) / 96.0 * 2 * np.pi)
    outlook = DepartureOutlook(np.tile(np.exp(-EDGES / 20_000.0), (len(sessions), 1)))
    values = learnt_values(fleet.vehicles, fleet.stays, horizon, price, outlook, 0.95)
    level = 0.2 * CANDIDATES[-1] / 0.93
    assert values[0] == pytest.approx(level, rel=0.2)
    assert np.median(values[200:]) < 0.5 * level
    half = 240
    stays = replace(
        fleet.stays,
        departure_s=np.where(
            np.arange(len(sessions)) > half, fleet.stays.arrival_s + 60.0, fleet.stays.departure_s
        ),
    )
    again = learnt_values(fleet.vehicles, stays, horizon, price, outlook, 0.95)
    assert np.array_equal(values[: half + 1], again[: half + 1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        learnt_values(fleet.vehicles, stays, horizon, price, outlook, 1.0)


def test_piles_are_rated_by_what_they_have_shown_and_idle_ones_by_their_neighbours():
    def session(place: int, station: str, energy_wh: float) -> ChargingSession:
        came = START + timedelta(hours=place)
        return ChargingSession(
            f"{place}", None, "s", station, came, came + timedelta(hours=1), energy_wh
        )

    rows = [session(place, "a", 6_600.0) for place in range(50)]
    rows += [session(place, "b", 6_700.0) for place in range(50)]
    rows += [session(1, "idle", 500.0), session(2, "fast", 45e3)]
    rated = pile_powers(rows)
    assert rated["a"] == pytest.approx(6_600.0, rel=0.01)
    assert rated["idle"] == pytest.approx(6_600.0, rel=0.01)
    assert rated["fast"] == pytest.approx(45e3)


def test_a_session_over_the_edge_of_the_horizon_counts_with_the_part_inside():
    came = START - timedelta(hours=1)
    session = ChargingSession("x", "u", "s", "p", came, START + timedelta(hours=2), 10e3)
    outside = replace(session, session_id="y", disconnected=START)
    fleet = session_fleet([session, outside], Horizon(START), {"p": 6e3}, 1.0)
    assert fleet.vehicles.count == 1
    assert fleet.stays.arrival_s[0] == 0.0
    assert fleet.stays.need_wh[0] == pytest.approx(0.93 * 4e3)
