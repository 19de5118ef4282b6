from __future__ import annotations

import json
from dataclasses import replace

import pytest

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
from market.mall_energy import MANIFEST
from market.mall_energy.dispatch import PLANNER, MallInputs, planned_day
from twin.mall.operation import operate
from twin.mall.plan import Strategy
from twin.mall.published import published_mall


@pytest.fixture(scope="module")
def inputs() -> MallInputs:
    published = published_mall(1)
    votes = {"atrium": {-1: 5.0, 0: 20.0, 1: 15.0}}
    return MallInputs(replace(published.site, votes=votes), published.signal, scenarios=8)


@pytest.fixture(scope="module")
def plan(inputs):
    return PLANNER.solve(inputs)


def test_the_manifest_names_the_planner():
    assert planner_of(MANIFEST) is PLANNER


def test_inputs_survive_the_way_through_json(inputs):
    text = inputs_text(to_json(inputs))
    again = PLANNER.parse_inputs(json.loads(text))
    assert again.site.votes == inputs.site.votes
    assert inputs_text(to_json(again)) == text


def test_the_same_inputs_give_the_same_plan(inputs, plan):
    assert PLANNER.solve(PLANNER.parse_inputs(to_json(inputs))) == plan


def test_a_plan_responds_in_the_grids_peak_and_says_what_it_costs(inputs, plan):
    assert min(plan.lines["electricity"]) > 0
    assert plan.indicators["peak_response"].value > 0
    assert plan.indicators[COST].unit == "micro"
    highest = max(
        watts
        for watts, peak in zip(plan.lines["electricity"], inputs.signal.peak, strict=True)
        if peak
    )
    assert plan.indicators[PEAK].value == pytest.approx(highest, abs=1)
    assert 0 < plan.indicators[COMFORT].value <= 10_000


def test_edits_stand_to_the_w_and_take_from_the_response(inputs, plan):
    slot = int(inputs.signal.peak.argmax()) + 3
    edit = Edit("electricity", slot, round(1.05 * plan.lines["electricity"][slot]))
    edited = PLANNER.solve(inputs, [edit])
    assert edited.lines["electricity"][slot] == edit.value_w
    response = "peak_response"
    assert edited.indicators[response].value <= plan.indicators[response].value * 1.001


def test_edits_that_cannot_stand_together_are_named(inputs, plan):
    possible = Edit("electricity", 50, plan.lines["electricity"][50])
    impossible = Edit("electricity", 70, 1)
    with pytest.raises(InfeasibleError) as caught:
        PLANNER.solve(inputs, [possible, impossible])
    assert caught.value.conflicts == (impossible,)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("lights", 3, 0), "no line 'lights'; it has electricity, chiller"),
        (Edit("chiller", -1, 0), "slots 0 to 95, there is no slot -1"),
    ],
)
def test_an_edit_of_nothing_is_refused(inputs, edit, said):
    with pytest.raises(EditError, match=said):
        PLANNER.solve(inputs, [edit])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("site", "comfort", "pmv_limit"), 3.0, "PMV limit"),
        (("site", "set_point_c"), [21.0], "set_point_c must hold a temperature"),
        (("site", "votes"), {"cellar": {"1": 3.0}}, "cellar"),
        (("site", "forecast", "customers"), [1.0], "customers is shaped"),
        (("signal", "peak"), [1.0] * 96, r"inputs.signal.peak\[0\] must be bool"),
        (("strategy",), "hope", "inputs.strategy is one of no control"),
        (("scenarios",), 0, "scenarios must lie in"),
        (("days_closed",), -1, "must not be negative"),
        (("site", "horizon", "start"), "2026-07-15T00:07:00+00:00", "start of a slot"),
    ],
)
def test_impossible_inputs_are_refused_with_the_reason(inputs, path, value, said):
    raw = to_json(inputs)
    raw["site"].setdefault("comfort", {})
    place = raw
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(InputsError, match=said):
        PLANNER.parse_inputs(raw)


def test_a_metered_day_corrects_the_twin_and_shows_deviations(inputs, plan):
    site = inputs.site
    warmer = replace(site.forecast, outdoor_c=site.forecast.outdoor_c + 2.0)
    outcome = operate(site.mall, site.state, planned_day(inputs), warmer)
    metered_wh = [round(watts / 4.0) for watts in outcome.electricity_w]
    found = PLANNER.measure(inputs, plan, {"electricity": metered_wh}, to_json(outcome))
    assert sum(wh or 0 for wh in found.deviation_wh["electricity"]) > 0
    corrected = PLANNER.parse_inputs(found.inputs)
    assert corrected.days_closed == 1
    assert corrected.strategy is Strategy.LOAD_SHIFTING


def test_without_a_log_the_twin_stays_as_it_is(inputs, plan):
    found = PLANNER.measure(inputs, plan, {"electricity": [None] * 96}, {})
    assert found.inputs == to_json(inputs)
