"""The loop closes: a station that differs from its datasheet is recognised by its meter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from twin.horizon import Horizon
from twin.storage_station.model import StationSignal, StationSite
from twin.storage_station.operation import follow
from twin.storage_station.plan import StationOutcome
from twin.storage_station.sampling import expected_samples
from twin.storage_station.station import StationError, StationState, StorageStation
from twin.storage_station.twin import StorageStationTwin

TWIN = StorageStationTwin()
DATASHEET = StorageStation(2e6, 2e6, 8e6, 0.95, 0.95)
AGED = replace(DATASHEET, charge_efficiency=0.92, discharge_efficiency=0.92, capacity_wh=7.2e6)
HORIZON = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 900, 96)
SIGNAL = StationSignal(np.r_[np.full(48, 0.03), np.full(48, 0.09)])


def days(count: int, noise: float = 0.0):
    rng = np.random.default_rng(2)
    model = TWIN.construct(StationSite(HORIZON, DATASHEET, StationState(0.0)))
    for _ in range(count):
        plan = TWIN.decide(model, expected_samples(model), SIGNAL)
        real = StationState(model.site.state.stored_wh * AGED.capacity_wh / 8e6)
        outcome = follow(AGED, real, plan.energy_wh, 0.25)
        seen = outcome.state_of_charge + noise * rng.standard_normal(96)
        model = TWIN.close_loop(model, replace(outcome, state_of_charge=np.clip(seen, 0.0, 1.0)))
    return model


def test_efficiencies_and_capacity_approach_what_the_station_really_is():
    model = days(12)
    assert model.station.charge_efficiency == pytest.approx(0.92, abs=0.004)
    assert model.station.discharge_efficiency == pytest.approx(0.92, abs=0.004)
    assert model.station.capacity_wh == pytest.approx(7.2e6, rel=0.01)
    assert model.belief.days_seen == 12
    assert model.datasheet == DATASHEET


def test_a_noisy_state_of_charge_still_leads_there():
    model = days(20, noise=0.002)
    assert model.station.round_trip == pytest.approx(0.92**2, abs=0.01)
    assert model.station.capacity_wh == pytest.approx(7.2e6, rel=0.02)


def test_what_is_believed_makes_the_next_plan_deliverable():
    plan_before = days(0)
    plan_after = days(12)
    missed = []
    for model in (plan_before, plan_after):
        plan = TWIN.decide(model, expected_samples(model), SIGNAL)
        outcome = follow(AGED, StationState(0.0), plan.energy_wh, 0.25)
        missed.append(float((plan.discharge_w - outcome.discharge_w).sum()) / 4.0)
    assert missed[0] > 5e5
    assert missed[1] < 0.1 * missed[0]


def test_a_day_of_rest_and_a_meter_without_values_teach_nothing():
    model = TWIN.construct(StationSite(HORIZON, DATASHEET, StationState(4e6)))
    rest = StationOutcome(np.zeros(96), np.zeros(96), np.full(96, 0.5), 0.5)
    assert TWIN.close_loop(model, rest).station == DATASHEET
    lost = StationOutcome(np.full(96, np.nan), np.zeros(96), np.full(96, np.nan), 0.5)
    after = TWIN.close_loop(model, lost)
    assert after.station == DATASHEET
    assert after.site.state == model.site.state


def test_the_state_after_is_the_metered_one():
    model = TWIN.construct(StationSite(HORIZON, DATASHEET, StationState(0.0)))
    wanted = np.r_[np.zeros(92), np.full(4, 500e3)]
    after = TWIN.close_loop(model, follow(DATASHEET, StationState(0.0), wanted, 0.25)).site.state
    assert after.stored_wh == pytest.approx(0.95 * 2e6, rel=1e-3)
    assert after.power_w == pytest.approx(2e6)
    assert after.run_hours == 1.0


def test_an_impossible_state_of_charge_is_refused():
    model = TWIN.construct(StationSite(HORIZON, DATASHEET, StationState(0.0)))
    odd = StationOutcome(np.zeros(96), np.zeros(96), np.full(96, 1.4), 0.0)
    with pytest.raises(StationError, match="between 0 and 1"):
        TWIN.close_loop(model, odd)
