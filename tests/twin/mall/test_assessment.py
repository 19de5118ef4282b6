from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.mall.assessment import FORESIGHT, compare_day
from twin.mall.model import MallShapeError
from twin.mall.operation import hold_set_point, operate
from twin.mall.plan import MallPlan, Strategy
from twin.mall.published import PublishedMall
from twin.mall.twin import MallTwin

TWIN = MallTwin()


def test_on_a_day_that_was_not_known_shifting_lies_between_no_control_and_foresight(
    published: PublishedMall,
) -> None:
    model = TWIN.construct(replace(published.site, forecast=published.forecast(1)))
    samples = TWIN.sample(model, np.random.default_rng(1), 100)
    found = compare_day(model, samples, published.signal, published.day(1))
    usual = found[Strategy.NO_CONTROL.value]
    shifted = found[Strategy.LOAD_SHIFTING.value]
    reduced = found[Strategy.LOAD_REDUCTION.value]
    best = found[FORESIGHT]
    assert best.peak_energy_wh <= shifted.peak_energy_wh * 1.01
    assert shifted.peak_energy_wh < reduced.peak_energy_wh < usual.peak_energy_wh
    assert best.cost < usual.cost
    assert shifted.cost < usual.cost
    assert best.in_band == 1.0
    assert usual.dissatisfied < reduced.dissatisfied


def test_a_day_that_comes_as_foreseen_follows_the_plan(
    published: PublishedMall,
) -> None:
    model = TWIN.construct(published.site)
    samples = TWIN.sample(model, np.random.default_rng(1), 40)
    plan = TWIN.decide(model, samples, published.signal)
    outcome = operate(model.mall, model.state, plan, model.forecast)
    assert outcome.air_c == pytest.approx(plan.air_c[1:], abs=0.1)
    assert outcome.electricity_w.sum() == pytest.approx(plan.electricity_w.sum(), rel=0.01)


def test_no_control_is_held_not_carried_out(published: PublishedMall, shifting: MallPlan) -> None:
    site = published.site
    idle = replace(shifting, strategy=Strategy.NO_CONTROL)
    with pytest.raises(MallShapeError, match="hold_set_point"):
        operate(site.mall, site.state, idle, site.forecast)
    held = hold_set_point(site.mall, site.state, site.set_point_c, site.forecast, 0.25)
    assert held.electricity_w.shape == (96,)
    assert (np.diff(held.stored_wh) <= 0.0).all()
