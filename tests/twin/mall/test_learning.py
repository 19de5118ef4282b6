from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.mall.building import Mall
from twin.mall.learning import BIAS_MOST_W_PER_M2, STEP_MOST_W_PER_M2
from twin.mall.model import MallModel, MallShapeError
from twin.mall.operation import hold_set_point
from twin.mall.plan import MallOutcome
from twin.mall.published import PublishedMall
from twin.mall.twin import MallTwin

TWIN = MallTwin()


def _day(model: MallModel, truth: Mall, published: PublishedMall, day: int) -> MallOutcome:
    rng = np.random.default_rng(day)
    outcome = hold_set_point(truth, model.state, model.set_point_c, published.day(day), 0.25)
    noise = 0.2 * rng.standard_normal(outcome.air_c.shape)
    return replace(outcome, air_c=outcome.air_c + noise)


def _hotter(mall: Mall, w_per_m2: float) -> Mall:
    return replace(
        mall,
        zones=tuple(replace(zone, bias_w=w_per_m2 * zone.floor_m2) for zone in mall.zones),
        loads=replace(mall.loads, other_load_scale=1.2),
    )


def test_unknown_heat_and_load_are_found_over_days(
    published: PublishedMall, model: MallModel
) -> None:
    truth = _hotter(model.mall, 6.0)
    believed = model
    for day in range(1, 13):
        believed = TWIN.close_loop(believed, _day(believed, truth, published, day))
    found = believed.mall.of_zones("bias_w") / believed.mall.of_zones("floor_m2")
    assert 3.0 < found.mean() < 9.0
    assert believed.mall.loads.other_load_scale == pytest.approx(1.2, abs=0.03)
    assert believed.days_closed == 12


def test_one_day_moves_the_model_no_further_than_its_step(
    published: PublishedMall, model: MallModel
) -> None:
    outcome = _day(model, _hotter(model.mall, 200.0), published, 1)
    learnt = TWIN.close_loop(model, outcome).mall
    moved = learnt.of_zones("bias_w") / learnt.of_zones("floor_m2")
    assert np.abs(moved).max() <= STEP_MOST_W_PER_M2 + 1e-9
    assert learnt.loads.other_load_scale <= 1.1 + 1e-9


def test_however_many_days_the_model_stays_within_bounds(
    published: PublishedMall, model: MallModel
) -> None:
    outcome = _day(model, _hotter(model.mall, 200.0), published, 1)
    believed = model
    for _ in range(8):
        believed = replace(TWIN.close_loop(believed, outcome), state=model.state)
    bias = believed.mall.of_zones("bias_w") / believed.mall.of_zones("floor_m2")
    assert np.abs(bias).max() <= BIAS_MOST_W_PER_M2 + 1e-9


def test_a_few_absurd_readings_change_next_to_nothing(
    published: PublishedMall, model: MallModel
) -> None:
    outcome = _day(model, model.mall, published, 1)
    air = outcome.air_c.copy()
    air[40, :] = 80.0
    metered = outcome.electricity_w.copy()
    metered[40] = 1e9
    usual = TWIN.close_loop(model, outcome).mall
    struck = TWIN.close_loop(model, replace(outcome, air_c=air, electricity_w=metered)).mall
    change = (struck.of_zones("bias_w") - usual.of_zones("bias_w")) / usual.of_zones("floor_m2")
    assert np.abs(change).max() < 2.5
    assert struck.loads.other_load_scale == pytest.approx(usual.loads.other_load_scale, abs=0.01)


def test_a_silent_sensor_teaches_nothing(published: PublishedMall, model: MallModel) -> None:
    outcome = _day(model, model.mall, published, 1)
    air = outcome.air_c.copy()
    air[:, 2] = np.nan
    learnt = TWIN.close_loop(model, replace(outcome, air_c=air))
    assert learnt.mall.zones[2].bias_w == model.mall.zones[2].bias_w
    assert np.isfinite(learnt.state.air_c).all()


def test_a_day_of_another_length_is_refused(published: PublishedMall, model: MallModel) -> None:
    outcome = _day(model, model.mall, published, 1)
    with pytest.raises(MallShapeError, match="metered day"):
        TWIN.close_loop(model, replace(outcome, air_c=outcome.air_c[:48]))
