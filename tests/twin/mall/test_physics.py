from __future__ import annotations

import numpy as np
import pytest

from twin.batch import PoolExecutor, run_batch
from twin.mall.drive import drive_of
from twin.mall.model import MallModel, MallSamples
from twin.mall.physics import (
    conditioned,
    electricity_w,
    feedback_gain,
    initial_state,
    run,
    thermostats,
)
from twin.mall.thermal import thermal_network

BATCH = "twin.mall.batch_study:thermostat_days"


def test_thermostats_hold_the_set_point_where_capacity_allows(
    model: MallModel, samples: MallSamples
) -> None:
    network = thermal_network(model.mall, 0.25)
    drive = drive_of(model.mall, network, model.forecast, samples)
    cooler = thermostats(network, model.forecast, model.set_point_c)
    course = run(model.mall, network, model.forecast, drive, initial_state(model.state, 60), cooler)
    held = course.air_c[model.forecast.open][4:]
    assert held == pytest.approx(np.full(held.shape, 22.0), abs=0.05)
    assert (course.cooling_w[~conditioned(model.forecast)] == 0.0).all()


def test_cooling_never_exceeds_zones_or_chillers(model: MallModel, samples: MallSamples) -> None:
    network = thermal_network(model.mall, 0.25)
    drive = drive_of(model.mall, network, model.forecast, samples)
    cooler = thermostats(network, model.forecast, np.full(6, 10.0))
    course = run(model.mall, network, model.forecast, drive, initial_state(model.state, 60), cooler)
    asked = course.cooling_w.sum(axis=2).T * drive.coil_ratio
    most = model.mall.chillers.capacity_of_all_w(drive.condenser_c)
    assert (asked <= most * (1.0 + 1e-9)).all()
    assert (asked > 0.99 * most).any()
    assert (course.cooling_w <= model.mall.of_zones("cooling_max_w") + 1e-6).all()


def test_more_customers_and_a_hotter_day_take_more_electricity(model: MallModel) -> None:
    network = thermal_network(model.mall, 0.25)
    day = model.forecast
    pair = MallSamples(
        outdoor_c=np.stack([day.outdoor_c, day.outdoor_c + 3.0, day.outdoor_c]),
        customers=np.stack([day.customers, day.customers, 1.5 * day.customers]),
        sun_factor=np.ones((3, 96)),
    )
    drive = drive_of(model.mall, network, day, pair)
    cooler = thermostats(network, day, model.set_point_c)
    course = run(model.mall, network, day, drive, initial_state(model.state, 3), cooler)
    draw, _ = electricity_w(model.mall, drive, course.cooling_w)
    usual, hot, crowded = draw.sum(axis=1)
    assert hot > usual
    assert crowded > usual


def test_feedback_leaves_a_warmer_state_the_warmer_one(model: MallModel) -> None:
    network = thermal_network(model.mall, 0.25)
    gain = feedback_gain(network)
    for step in (network.open, network.closed):
        closed = step.transition.copy()
        closed[:, : gain.size] -= step.air * gain
        assert (closed >= 0.0).all()
        assert np.abs(np.linalg.eigvals(closed)).max() < 1.0


def test_a_batch_gives_the_same_numbers_wherever_it_is_computed(model: MallModel) -> None:
    here = run_batch(BATCH, {"model": model}, 130, seed=7)
    there = run_batch(BATCH, {"model": model}, 130, seed=7, executor=PoolExecutor(2))
    for name, values in here.items():
        assert np.array_equal(values, there[name])


def test_ten_thousand_days_stay_within_what_a_mall_can_draw(model: MallModel) -> None:
    found = run_batch(BATCH, {"model": model}, 10_000, seed=3)
    assert found["electricity_w"].shape == (10_000, 96)
    assert found["operative_c"].shape == (10_000, 96, 6)
    assert np.isfinite(found["operative_c"]).all()
    assert found["electricity_w"].min() > 0.0
    assert found["electricity_w"].max() < 2.5e6
    assert found["in_band"].mean() > 0.99
