from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.chp.learning import learn_day
from twin.chp.model import ChpModel, ChpShapeError, DayAhead
from twin.chp.plan import ChpOutcome
from twin.chp.published import published_chp
from twin.chp.thermal import simulate, steady_load_w
from twin.chp.twin import ChpTwin

MODEL = ChpTwin().construct(published_chp().site)
TRUTH = replace(
    MODEL.plant.buildings,
    indoor_loss_w_per_k=1.2 * MODEL.plant.buildings.indoor_loss_w_per_k,
    structure_loss_w_per_k=1.2 * MODEL.plant.buildings.structure_loss_w_per_k,
    gain_w=0.6 * MODEL.plant.buildings.gain_w,
)


def _metered(
    model: ChpModel, indoor_c: float, structure_c: float, rng: np.random.Generator
) -> tuple[ChpOutcome, float, float]:
    """A day at the real buildings, heated by the curve that the twin believes in, and its end."""
    outdoor = rng.uniform(-8.0, 6.0) + 2.0 * np.sin(np.arange(96) * np.pi / 48.0)
    day = DayAhead(outdoor, np.zeros(96), np.full(96, 25e6))
    heat = steady_load_w(model.plant.buildings, outdoor) + day.hot_water_w
    indoor, structure = simulate(
        TRUTH, 0.25, indoor_c, structure_c, heat - day.hot_water_w, outdoor
    )
    outcome = ChpOutcome(
        running=np.ones(96, dtype=bool),
        power_w=np.full(96, 150e6),
        heat_w=heat,
        boiler_w=np.zeros(96),
        store_w=np.zeros(96),
        stored_wh=np.full(96, 400e6),
        outdoor_c=outdoor,
        wind_w=day.wind_w,
        wind_taken_w=day.wind_w,
        hot_water_w=day.hot_water_w,
        indoor_c=indoor + 0.1 * rng.standard_normal(96),
    )
    return outcome, float(indoor[-1]), float(structure[-1])


def test_the_load_forecast_improves_over_metered_days():
    rng = np.random.default_rng(1)
    model, indoor, structure = MODEL, 21.0, MODEL.state.structure_c
    outdoor = np.linspace(-8.0, 6.0, 8)
    errors = []
    for _ in range(30):
        wrong = steady_load_w(model.plant.buildings, outdoor) - steady_load_w(TRUTH, outdoor)
        errors.append(float(np.abs(wrong).mean()))
        outcome, indoor, structure = _metered(model, indoor, structure, rng)
        model = learn_day(model, outcome)
    assert np.mean(errors[-5:]) < 0.2 * errors[0]
    assert model.belief.days_seen == 30
    assert np.linalg.eigvalsh(model.belief.covariance).min() > 0.0


def test_one_absurd_day_moves_loss_and_gain_by_a_tenth_at_most():
    outcome, *_ = _metered(MODEL, 21.0, MODEL.state.structure_c, np.random.default_rng(2))
    absurd = replace(outcome, indoor_c=outcome.indoor_c + 40.0)
    before = MODEL.plant.buildings
    after = learn_day(MODEL, absurd).plant.buildings
    assert after.loss_w_per_k == pytest.approx(before.loss_w_per_k, rel=0.101)
    assert abs(after.gain_w - before.gain_w) <= 1.0001 * before.loss_w_per_k


def test_a_day_that_went_as_expected_changes_next_to_nothing():
    outcome, *_ = _metered(MODEL, 21.0, MODEL.state.structure_c, np.random.default_rng(3))
    heat = outcome.heat_w - outcome.hot_water_w
    expected, _ = simulate(
        MODEL.plant.buildings, 0.25, 21.0, MODEL.state.structure_c, heat, outcome.outdoor_c
    )
    after = learn_day(MODEL, replace(outcome, indoor_c=expected)).plant.buildings
    assert after.loss_w_per_k == pytest.approx(MODEL.plant.buildings.loss_w_per_k)
    assert after.gain_w == pytest.approx(MODEL.plant.buildings.gain_w)


def test_the_next_day_begins_as_this_one_was_metered_to_end():
    outcome, *_ = _metered(MODEL, 21.0, MODEL.state.structure_c, np.random.default_rng(4))
    running = np.arange(96) < 88
    after = learn_day(MODEL, replace(outcome, running=running)).state
    assert after.stored_wh == 400e6
    assert after.indoor_c == outcome.indoor_c[-1]
    assert not after.running
    assert after.hours_so == pytest.approx(2.0)
    still = learn_day(MODEL, outcome).state
    assert still.hours_so == MODEL.state.hours_so + 24.0


def test_a_metered_gap_is_refused():
    outcome, *_ = _metered(MODEL, 21.0, MODEL.state.structure_c, np.random.default_rng(5))
    indoor = outcome.indoor_c.copy()
    indoor[7] = np.nan
    with pytest.raises(ChpShapeError, match="metered indoor_c must be 96 numbers"):
        learn_day(MODEL, replace(outcome, indoor_c=indoor))
