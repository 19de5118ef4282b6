from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from twin.batch import run_batch
from twin.ev_fleet.demand import SessionDemand, TooFewSessionsError, habits_from_sessions
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.siting import Design

TRUTH = SessionDemand(
    arrivals_per_hour=np.stack(
        [np.r_[np.zeros(6), np.full(6, 4.0), np.full(12, 1.0)], np.full(24, 0.5)]
    ),
    log_stay_mean=np.r_[np.full(12, np.log(20_000.0)), np.full(12, np.log(6_000.0))],
    log_stay_sd=0.4,
    log_energy_mean=np.full(24, np.log(9_000.0)),
    log_energy_sd=0.6,
    correlation=0.7,
)
ZONE = ZoneInfo("America/Los_Angeles")


def drawn(days: int = 280, seed: int = 1) -> list[ChargingSession]:
    rng = np.random.default_rng(seed)
    sessions = []
    for day in range(days):
        midnight = datetime(2025, 1, 6, tzinfo=ZONE) + timedelta(days=day)
        rows = zip(*TRUTH.draw_day(rng, midnight.weekday() >= 5), strict=True)
        for place, (arrival, stay, energy) in enumerate(rows):
            local = midnight.replace(tzinfo=None) + timedelta(seconds=float(arrival))
            came = local.replace(tzinfo=ZONE).astimezone(UTC)
            sessions.append(
                ChargingSession(
                    f"{day}-{place}",
                    None,
                    "s",
                    "p",
                    came,
                    came + timedelta(seconds=float(stay)),
                    float(energy),
                    time_zone="America/Los_Angeles",
                )
            )
    return sessions


def test_a_fit_finds_the_distribution_the_sessions_were_drawn_from_over_clock_changes():
    fit = SessionDemand.fit(drawn())
    assert np.allclose(fit.arrivals_per_hour, TRUTH.arrivals_per_hour, atol=0.45)
    assert np.allclose(fit.log_stay_mean[6:], TRUTH.log_stay_mean[6:], atol=0.12)
    assert fit.log_stay_sd == pytest.approx(0.4, abs=0.03)
    assert fit.log_energy_sd == pytest.approx(0.6, abs=0.04)
    assert fit.correlation == pytest.approx(0.7, abs=0.05)


def test_days_without_sessions_count():
    sessions = drawn(3)
    later = [
        ChargingSession(
            "late",
            None,
            "s",
            "p",
            sessions[0].connected + timedelta(days=7),
            sessions[0].disconnected + timedelta(days=7),
            1_000.0,
            time_zone="America/Los_Angeles",
        )
    ]
    busy, thinned = (SessionDemand.fit(rows) for rows in (sessions, sessions + later))
    assert thinned.arrivals_per_hour[0].sum() < 0.7 * busy.arrivals_per_hour[0].sum()


def test_a_siting_study_can_be_drawn_from_fitted_demand():
    site = SessionDemand.fit(drawn(60)).candidate_site("campus", grid_capacity_w=1e6)
    days = run_batch(
        "twin.ev_fleet.siting:pile_days", {"site": site, "designs": (Design(30, 11e3),)}, 64, 3
    )
    assert days["vehicles"].mean() == pytest.approx(TRUTH.arrivals_per_hour[0].sum(), rel=0.1)


def test_habits_are_found_again_in_a_fleets_own_history():
    fleet = published_fleet(4, 15)
    found = habits_from_sessions(
        fleet.history(60),
        fleet.vehicles.owner_ids,
        fleet.horizon,
        fleet.vehicles.charge_efficiency,
    )
    assert np.abs(found.arrival_s - fleet.habits.arrival_s).mean() < 15 * 60.0
    assert np.abs(found.departure_s - fleet.habits.departure_s).mean() < 15 * 60.0
    assert np.abs(found.need_wh / fleet.habits.need_wh - 1.0).mean() < 0.12
    assert np.abs(found.departure_scatter_s - 900.0).mean() < 180.0
    assert (found.days_seen == 60).all()


def test_a_stranger_gets_everybodys_habits():
    fleet = published_fleet(4, 15)
    found = habits_from_sessions(fleet.history(20), ["nobody"], fleet.horizon, np.ones(1))
    assert found.arrival_s[0] == pytest.approx(fleet.habits.arrival_s.mean(), abs=1_200.0)
    assert found.days_seen[0] == 0.0


def test_nothing_cannot_be_fitted():
    with pytest.raises(TooFewSessionsError):
        SessionDemand.fit([])
    with pytest.raises(TooFewSessionsError):
        habits_from_sessions([], ["a"], published_fleet(1, 1).horizon, np.ones(1))
