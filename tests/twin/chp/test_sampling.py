from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.batch import PoolExecutor, run_batch
from twin.chp.model import ForecastErrors
from twin.chp.outlook import outlook_of
from twin.chp.published import published_chp
from twin.chp.sampling import draw_days
from twin.chp.twin import ChpTwin

PUBLISHED = published_chp()
MODEL = ChpTwin().construct(PUBLISHED.site)
ARGUMENTS = {
    "model": MODEL,
    "signal": PUBLISHED.signal,
    "power_w": np.full(96, 140e6),
    "supply_w": np.full(96, 160e6),
}
STUDY = "twin.chp.batch_study:days_under_plan"


def test_ten_thousand_days_scatter_as_the_forecast_errors_say():
    samples = draw_days(MODEL, np.random.default_rng(1), 10_000)
    assert samples.outdoor_c.shape == samples.wind_w.shape == (10_000, 96)
    off = samples.outdoor_c - MODEL.forecast.outdoor_c
    assert off.mean(axis=0) == pytest.approx(0.0, abs=0.06)
    assert off.std(axis=0) == pytest.approx(MODEL.errors.outdoor_k, rel=0.04)
    later = np.corrcoef(off[:, 0], off[:, 48])[0, 1]
    assert later == pytest.approx(np.exp(-12.0 / MODEL.errors.outdoor_hours), abs=0.03)


def test_wind_stays_between_nothing_and_what_is_installed():
    rough = replace(MODEL, errors=replace(MODEL.errors, wind_share=0.6))
    wind = draw_days(rough, np.random.default_rng(2), 500).wind_w
    assert wind.min() == 0.0
    assert wind.max() == MODEL.errors.wind_capacity_w


def test_without_errors_every_day_is_the_forecast():
    sure = replace(MODEL, errors=ForecastErrors(0.0, 12.0, 0.0, 6.0, 220e6, 0.0))
    samples = draw_days(sure, np.random.default_rng(3), 4)
    assert samples.outdoor_c == pytest.approx(np.tile(MODEL.forecast.outdoor_c, (4, 1)))
    outlook = outlook_of(sure, samples)
    assert outlook.colder_k == pytest.approx(np.zeros(96), abs=1e-9)


def test_the_same_seed_gives_the_same_days():
    one, other = (draw_days(MODEL, np.random.default_rng(4), 5) for _ in range(2))
    assert np.array_equal(one.wind_w, other.wind_w)
    assert not np.array_equal(one.wind_w[0], one.wind_w[1])


def test_indoors_may_stray_further_the_longer_the_day_lasts():
    outlook = outlook_of(MODEL, draw_days(MODEL, np.random.default_rng(5), 2_000))
    assert outlook.colder_k[4] < outlook.colder_k[40] < outlook.colder_k[92] < 1.0


def test_representative_days_span_calm_and_windy_ones():
    samples = draw_days(MODEL, np.random.default_rng(6), 400)
    outlook = outlook_of(MODEL, samples)
    energy = outlook.wind_w.sum(axis=1)
    assert energy.mean() == pytest.approx(samples.wind_w.sum(axis=1).mean(), rel=0.02)
    assert energy.min() < np.quantile(samples.wind_w.sum(axis=1), 0.1)
    assert energy.max() > np.quantile(samples.wind_w.sum(axis=1), 0.9)


def test_a_batch_is_the_same_in_a_pool_and_in_this_process():
    here = run_batch(STUDY, ARGUMENTS, 100, seed=7)
    there = run_batch(STUDY, ARGUMENTS, 100, seed=7, executor=PoolExecutor(2), blocks_per_chunk=1)
    for name, values in here.items():
        assert np.array_equal(values, there[name]), name


def test_in_a_batch_load_plant_wind_and_others_balance():
    found = run_batch(STUDY, ARGUMENTS, 64, seed=8)
    taken = found["wind_w"] - found["curtailed_w"]
    supplied = taken + ARGUMENTS["power_w"] + found["residual_w"]
    assert supplied == pytest.approx(np.tile(PUBLISHED.signal.load_w, (64, 1)))
    curtailed = found["curtailed_w"] > 0.0
    assert found["residual_w"][curtailed] == pytest.approx(PUBLISHED.signal.others_least_w)
    assert (found["residual_w"] >= PUBLISHED.signal.others_least_w - 1.0).all()
