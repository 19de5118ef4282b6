from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.chp.model import (
    ChpModel,
    ChpSamples,
    ChpShapeError,
    ChpSite,
    DayAhead,
    GridSignal,
)
from twin.chp.operation import account, operate, residual_w
from twin.chp.plan import ChpOutcome, ChpPlan
from twin.chp.plant import ChpPlantError
from twin.chp.published import published_chp
from twin.chp.thermal import steady_load_w
from twin.chp.twin import ChpTwin
from twin.protocol import Twin

PUBLISHED = published_chp(2026, 2)
SITE, SIGNAL = PUBLISHED.site, PUBLISHED.signal


def test_the_four_steps_run_through_the_protocol():
    twin: Twin[ChpSite, ChpModel, ChpSamples, GridSignal, ChpPlan, ChpOutcome] = ChpTwin()
    model = twin.construct(SITE)
    samples = twin.sample(model, np.random.default_rng(1), 30)
    plan = twin.decide(model, samples, SIGNAL)
    outcome = operate(model, plan, SIGNAL, samples.day(4))
    warmer = replace(outcome, indoor_c=outcome.indoor_c + 0.3)
    after = twin.close_loop(model, warmer)
    assert after.belief.days_seen == model.belief.days_seen + 1 == 1
    assert after.state.stored_wh == plan.stored_wh[-1]
    cold = np.array([-3.0])
    assert steady_load_w(after.plant.buildings, cold) < steady_load_w(model.plant.buildings, cold)


def test_a_second_day_is_planned_from_where_the_first_ended():
    twin = ChpTwin()
    model = twin.construct(SITE)
    samples = ChpSamples.certain(SITE.forecast)
    first = twin.decide(model, samples, SIGNAL)
    model = twin.close_loop(model, operate(model, first, SIGNAL, SITE.forecast))
    second = twin.decide(model, samples, SIGNAL)
    unit = model.plant.unit
    steam = unit.live_steam_w(float(second.power_w[0]), float(second.heat_w[0]))
    before = unit.live_steam_w(float(first.power_w[-1]), float(first.heat_w[-1]))
    assert abs(steam - before) <= unit.ramp_w_per_h * 0.25 + 10.0


def test_curtailed_wind_leaves_the_others_at_their_least():
    model = ChpTwin().construct(SITE)
    plan = ChpTwin().decide(model, ChpSamples.certain(SITE.forecast), SIGNAL)
    storm = replace(SITE.forecast, wind_w=np.full(96, 300e6))
    outcome = operate(model, plan, SIGNAL, storm)
    curtailed = outcome.wind_taken_w < outcome.wind_w - 1.0
    assert curtailed.any()
    assert residual_w(SIGNAL, outcome)[curtailed] == pytest.approx(SIGNAL.others_least_w)


def test_an_account_counts_every_start():
    model = ChpTwin().construct(SITE)
    plan = ChpTwin().decide(model, ChpSamples.certain(SITE.forecast), SIGNAL)
    outcome = operate(model, plan, SIGNAL, SITE.forecast)
    broken = replace(outcome, running=np.arange(96) % 48 > 20)
    assert account(model, SIGNAL, outcome).starts == 0.0
    assert account(model, SIGNAL, broken).starts == 2 * model.plant.unit.start_cost


def test_a_store_fuller_than_full_is_refused():
    state = replace(SITE.state, stored_wh=901e6)
    with pytest.raises(ChpShapeError, match="901 MWh cannot be stored in 900 MWh"):
        ChpTwin().construct(replace(SITE, state=state))


def test_a_site_without_indoor_temperature_is_refused():
    state = replace(SITE.state, indoor_c=float("nan"))
    with pytest.raises(ChpShapeError, match="must be numbers"):
        ChpTwin().construct(replace(SITE, state=state))


def test_an_impossible_plant_is_refused_at_once():
    plant = replace(SITE.plant, unit=replace(SITE.plant.unit, heat_max_w=500e6))
    with pytest.raises(ChpPlantError):
        ChpTwin().construct(replace(SITE, plant=plant))


def test_a_forecast_with_a_gap_is_refused_by_its_slot():
    wind = SITE.forecast.wind_w.copy()
    wind[17] = np.nan
    with pytest.raises(ChpShapeError, match="wind_w is nan in slot 17"):
        replace(SITE.forecast, wind_w=wind)


def test_wind_cannot_blow_backwards():
    with pytest.raises(ChpShapeError, match="wind_w is -1 in slot 0"):
        DayAhead(np.zeros(96), np.full(96, -1.0), np.zeros(96))


def test_a_peak_limit_below_the_least_of_others_is_refused():
    with pytest.raises(ChpShapeError, match="above the peak limit"):
        replace(SIGNAL, peak_limit_w=1.0)


def test_the_same_seed_and_day_are_the_same_published_day():
    again = published_chp(2026, 2)
    assert np.array_equal(again.signal.price_per_kwh, SIGNAL.price_per_kwh)
    assert again.site.state == SITE.state
    assert not np.array_equal(published_chp(2026, 3).signal.load_w, SIGNAL.load_w)
