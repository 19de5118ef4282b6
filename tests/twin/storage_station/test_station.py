from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from twin.horizon import Horizon
from twin.storage_station.model import OutlookErrors, StationSite
from twin.storage_station.sampling import draw_samples
from twin.storage_station.station import (
    StationError,
    StationState,
    StorageStation,
    check_station,
)
from twin.storage_station.twin import StorageStationTwin

STATION = StorageStation(4_000.0, 4_000.0, 8_000.0)
HORIZON = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 900, 8)
TWIN = StorageStationTwin()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"charge_efficiency": 1.05}, "charge_efficiency is 1.05: it must lie in"),
        ({"discharge_efficiency": 0.0}, "nothing gives back more than it takes"),
        ({"capacity_wh": -1.0}, "capacity_wh must be positive, not -1"),
        ({"charge_power_w": 0.0}, "charge_power_w must be positive"),
        ({"capacity_wh": math.nan}, "capacity_wh must be a finite number"),
        ({"self_discharge_per_hour": 1.0}, "self_discharge_per_hour is 1"),
        ({"least_share": 0.9, "most_share": 0.2}, "state of charge between 0.9 and 0.2"),
        ({"ramp_w_per_h": 0.0}, "ramp_w_per_h must be positive, or None"),
        ({"wear_per_kwh": -0.1}, "wear_per_kwh must not be negative"),
    ],
)
def test_a_station_that_cannot_exist_is_refused(change, said):
    with pytest.raises(StationError, match=said):
        check_station(replace(STATION, **change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": StationState(9_000.0)}, "holds 9000 Wh, which is not between 0 and 8000"),
        ({"state": StationState(0.0, 5_000.0)}, "cannot have had a power of 5000 W"),
        ({"state": StationState(0.0, 0.0, -1.0)}, "run_hours must be"),
        ({"load_w": np.ones(3)}, "load_w must hold a number for each of 8 slots"),
        ({"reserve_wh": np.full(8, -1.0)}, "reserve_wh must not be negative"),
        ({"end_least_wh": 8_001.0}, "end_least_wh of 8001 Wh is not between"),
        ({"station": replace(STATION, longest_charge_h=0.1)}, "less than a slot of 0.25 h"),
    ],
)
def test_a_site_that_does_not_fit_is_refused(change, said):
    with pytest.raises(StationError, match=said):
        TWIN.construct(replace(StationSite(HORIZON, STATION, StationState(0.0)), **change))


def test_scenarios_have_the_spread_and_the_memory_that_was_asked_for():
    errors = OutlookErrors(load_share=0.1, price_share=0.2, persistence_h=1.0)
    site = StationSite(HORIZON, STATION, StationState(0.0), np.full(8, 1e6), errors)
    samples = draw_samples(TWIN.construct(site), np.random.default_rng(1), 20_000)
    assert samples.load_w.std() / 1e6 == pytest.approx(0.1, rel=0.03)
    assert samples.price_factor.std() == pytest.approx(0.2, rel=0.03)
    follow = np.corrcoef(samples.load_w[:, 3], samples.load_w[:, 4])[0, 1]
    assert follow == pytest.approx(math.exp(-0.25), abs=0.02)


def test_the_same_generator_draws_the_same_scenarios():
    site = StationSite(HORIZON, STATION, StationState(0.0), errors=OutlookErrors(0.0, 0.3))
    model = TWIN.construct(site)
    one, two = (TWIN.sample(model, np.random.default_rng(9), 5) for _ in range(2))
    assert (one.price_factor == two.price_factor).all()
