from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from market.chp_power import MANIFEST
from market.chp_power.dispatch import PLANNER, ChpInputs
from market.dispatch import (
    COMFORT,
    COST,
    PEAK,
    Edit,
    EditError,
    InfeasibleError,
    InputsError,
    inputs_text,
    planner_of,
)
from market.inputs import to_json
from twin.chp.operation import operate
from twin.chp.published import published_chp


@pytest.fixture(scope="module")
def inputs() -> ChpInputs:
    published = published_chp(1, 4)
    return ChpInputs(published.site, published.signal, scenarios=6)


@pytest.fixture(scope="module")
def plan(inputs):
    return PLANNER.solve(inputs)


def test_the_manifest_names_the_planner():
    assert planner_of(MANIFEST) is PLANNER


def test_inputs_survive_the_way_through_json(inputs):
    text = inputs_text(to_json(inputs))
    again = PLANNER.parse_inputs(json.loads(text))
    assert inputs_text(to_json(again)) == text


def test_the_same_inputs_give_the_same_plan(inputs, plan):
    assert PLANNER.solve(PLANNER.parse_inputs(to_json(inputs))) == plan


def test_a_plan_feeds_in_and_says_what_it_costs_and_how_warm_it_is(inputs, plan):
    assert max(plan.lines["electricity"]) <= 0 < max(plan.lines["heat_output"])
    unit = inputs.site.plant.unit
    assert -min(plan.lines["electricity"]) <= unit.condensing_max_w + 1
    assert plan.indicators[COST].unit == "micro"
    assert 0 < plan.indicators[PEAK].value < inputs.signal.load_w.max()
    assert 0 < plan.indicators[COMFORT].value <= 10_000


def test_edits_stand_to_the_w_and_cost_nothing_less_than_the_best_plan(inputs, plan):
    edits = (
        Edit("electricity", 40, round(0.95 * plan.lines["electricity"][40])),
        Edit("heat_output", 41, round(0.97 * plan.lines["heat_output"][41])),
    )
    edited = PLANNER.solve(inputs, edits)
    for edit in edits:
        assert edited.lines[edit.line][edit.slot] == edit.value_w
    slack = 2e-3 * abs(plan.indicators[COST].value)
    assert edited.indicators[COST].value >= plan.indicators[COST].value - slack


def test_edits_that_cannot_stand_together_are_named(inputs):
    possible = Edit("electricity", 20, -120_000_000)
    beyond = Edit("electricity", 60, -500_000_000)
    with pytest.raises(InfeasibleError) as caught:
        PLANNER.solve(inputs, [possible, beyond])
    assert caught.value.conflicts == (beyond,)
    assert "electricity[60] = -500000000 W" in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("power", 3, 0), "no line 'power'; it has electricity, heat_output"),
        (Edit("electricity", 96, 0), "slots 0 to 95, there is no slot 96"),
    ],
)
def test_an_edit_of_nothing_is_refused(inputs, edit, said):
    with pytest.raises(EditError, match=said):
        PLANNER.solve(inputs, [edit])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("site", "plant", "unit", "power_loss_ratio"), 1.5, "c_v = 1.5"),
        (("site", "plant", "buildings", "lowest_c"), 30.0, "impossible comfort band"),
        (("site", "forecast", "wind_w"), [1.0, 2.0], "wind_w has 2 slots, the horizon 96"),
        (("site", "state", "stored_wh"), -1.0, "cannot be stored"),
        (("signal", "price_per_kwh"), [None], r"inputs.signal.price_per_kwh\[0\] must be"),
        (("site", "horizon", "start"), "2026-01-14T00:07:00+00:00", "start of a slot"),
        (("scenarios",), 0, "scenarios must lie in"),
        (("seed",), -1, "seed must not be negative"),
    ],
)
def test_impossible_inputs_are_refused_with_the_reason(inputs, path, value, said):
    raw = to_json(inputs)
    place = raw
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(InputsError, match=said):
        PLANNER.parse_inputs(raw)


def test_a_metered_day_corrects_the_twin_and_shows_deviations(inputs, plan):
    from market.chp_power.dispatch import planned_day

    colder = replace(inputs.site.forecast, outdoor_c=inputs.site.forecast.outdoor_c - 2.0)
    outcome = operate(inputs.model(), planned_day(inputs), inputs.signal, colder)
    metered_wh = [round(-power / 4.0) for power in outcome.power_w]
    metered_wh[7] += 1_000
    found = PLANNER.measure(inputs, plan, {"electricity": metered_wh}, to_json(outcome))
    assert found.deviation_wh["electricity"][7] == pytest.approx(1_000, abs=1)
    corrected = PLANNER.parse_inputs(found.inputs)
    assert corrected.belief is not None
    assert corrected.belief.days_seen == 1
    assert np.isfinite(PLANNER.solve(corrected).lines["electricity"]).all()


def test_without_a_log_the_twin_stays_as_it_is(inputs, plan):
    found = PLANNER.measure(inputs, plan, {"electricity": [None] * 96}, {})
    assert found.inputs == to_json(inputs)
    assert found.deviation_wh["electricity"] == (None,) * 96


def test_a_log_that_makes_no_sense_is_refused(inputs, plan):
    with pytest.raises(InputsError, match="observed has no field 'wishes'"):
        PLANNER.measure(inputs, plan, {}, {"wishes": 3})
