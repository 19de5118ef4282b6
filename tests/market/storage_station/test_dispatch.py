from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
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
from market.storage_station import MANIFEST
from market.storage_station.dispatch import PLANNER, StationInputs, planned_day
from twin.horizon import Horizon
from twin.storage_station.model import Mode, OutlookErrors, StationSignal, StationSite
from twin.storage_station.operation import follow
from twin.storage_station.station import StationState, StorageStation

STATION = StorageStation(
    4_000.0, 4_000.0, 8_000.0, 0.95, 0.95, wear_per_kwh=0.01, ramp_w_per_h=12_000.0
)
HORIZON = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 900, 96)
LOAD = 6_000.0 + 3_000.0 * np.sin((np.arange(96) / 4.0 - 13.0) / 24.0 * 2.0 * np.pi)
PRICES = np.r_[np.full(48, 0.1), np.full(48, 0.3)]


@pytest.fixture(scope="module")
def inputs() -> StationInputs:
    site = StationSite(
        HORIZON,
        STATION,
        StationState(800.0),
        LOAD,
        OutlookErrors(load_share=0.05, price_share=0.1),
        reserve_wh=np.full(96, 400.0),
    )
    return StationInputs(site, StationSignal(PRICES, Mode.COMBINED, peak_per_kw=0.2), scenarios=4)


@pytest.fixture(scope="module")
def plan(inputs):
    return PLANNER.solve(inputs)


def test_the_manifest_names_the_planner():
    assert planner_of(MANIFEST) is PLANNER


def test_inputs_survive_the_way_through_json(inputs):
    text = inputs_text(to_json(inputs))
    assert inputs_text(to_json(PLANNER.parse_inputs(json.loads(text)))) == text


def test_the_same_inputs_give_the_same_plan(inputs, plan):
    assert PLANNER.solve(PLANNER.parse_inputs(to_json(inputs))) == plan


def test_a_plan_says_what_it_costs_its_peak_and_how_far_it_keeps_its_duty(inputs, plan):
    resting = 0.2 * LOAD.max() / 1e3
    assert plan.indicators[COST].value < 1e6 * resting - 500_000
    day = planned_day(inputs)
    billed = 0.2 * day.draw_w.max() / 1e3
    assert plan.indicators[COST].value == pytest.approx(1e6 * (billed - day.account.profit), abs=2)
    assert 0 < plan.indicators[PEAK].value <= LOAD.max() + 4_000
    assert plan.indicators[COMFORT].value == 10_000
    assert plan.indicators["full_cycles"].value > 500
    assert set(plan.lines) == {"electricity"}


def test_edits_stand_to_the_w_and_cost_nothing_less_than_the_best_plan(inputs, plan):
    edits = (Edit("electricity", 60, 0), Edit("electricity", 5, 1_500))
    edited = PLANNER.solve(inputs, edits)
    assert [edited.lines["electricity"][edit.slot] for edit in edits] == [0, 1_500]
    inputs_cost = planned_day(inputs).cost
    assert planned_day(inputs, edits).cost >= inputs_cost - 1e-6 * abs(inputs_cost)


def test_an_edit_that_breaks_the_reserve_lowers_the_satisfaction(inputs):
    drained = [Edit("electricity", slot, -1_000) for slot in range(3)]
    assert PLANNER.solve(inputs, drained).indicators[COMFORT].value < 10_000


def test_edits_that_cannot_stand_together_are_named(inputs):
    first = Edit("electricity", 20, 4_000)
    far = Edit("electricity", 21, -4_000)
    with pytest.raises(InfeasibleError) as caught:
        PLANNER.solve(inputs, [first, far, Edit("electricity", 80, 0)])
    assert caught.value.conflicts == (first, far)
    assert "electricity[21] = -4000 W" in str(caught.value)


def test_an_end_out_of_reach_is_said_without_blaming_edits(inputs):
    short = replace(inputs.site, horizon=Horizon(HORIZON.start, 900, 2), end_least_wh=7_900.0)
    short = replace(short, load_w=LOAD[:2], reserve_wh=None)
    asked = replace(inputs, site=short, signal=StationSignal(PRICES[:2]))
    with pytest.raises(InfeasibleError, match="can hold 2700 Wh at the end at most") as caught:
        PLANNER.solve(asked)
    assert caught.value.conflicts == ()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("stored", 3, 0), "no line 'stored'; it has electricity"),
        (Edit("electricity", 96, 0), "slots 0 to 95, there is no slot 96"),
    ],
)
def test_an_edit_of_nothing_is_refused(inputs, edit, said):
    with pytest.raises(EditError, match=said):
        PLANNER.solve(inputs, [edit])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("site", "station", "charge_efficiency"), 1.2, "charge_efficiency is 1.2"),
        (("site", "station", "capacity_wh"), -5.0, "capacity_wh must be positive"),
        (("site", "state", "stored_wh"), 9_000.0, "is not between 0 and 8000 Wh"),
        (("site", "load_w"), [1.0], "load_w must hold a number for each of 96"),
        (("site", "end_least_wh"), 1e6, "end_least_wh of 1e"),
        (("signal", "mode"), "sleeping", "inputs.signal.mode is one of arbitrage"),
        (("signal", "price_per_kwh"), [0.1], "signal has 1 prices for 96 slots"),
        (("site", "horizon", "start"), "2026-01-14T00:07:00+00:00", "start of a slot"),
        (("scenarios",), 0, "scenarios must lie in"),
        (("belief",), {"information": [[1.0]], "evidence": [1.0]}, "given together"),
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
    aged = replace(STATION, charge_efficiency=0.85, ramp_w_per_h=None)
    wanted = np.array(plan.lines["electricity"]) / 4.0
    outcome = follow(aged, inputs.site.state, wanted, 0.25)
    metered = [round(power / 4.0) for power in outcome.charge_w - outcome.discharge_w]
    observed = {
        "state_of_charge": outcome.state_of_charge.tolist(),
        "first_state_of_charge": outcome.first_state_of_charge,
    }
    found = PLANNER.measure(inputs, plan, {"electricity": metered}, observed)
    assert any(found.deviation_wh["electricity"])
    corrected = PLANNER.parse_inputs(found.inputs)
    assert corrected.site.station.round_trip < STATION.round_trip - 0.01
    assert corrected.belief is not None
    assert corrected.belief.days_seen == 1
    assert corrected.datasheet == STATION
    draw_kw = (LOAD + 4.0 * np.array(metered)).max() / 1e3
    through = 0.95 * np.maximum(metered, 0).sum() + np.maximum(-np.array(metered), 0).sum() / 0.95
    cost = 0.2 * draw_kw + PRICES @ metered / 1e3 + 0.01 * through / 1e3
    assert found.indicators[COST].value == pytest.approx(1e6 * cost, abs=2)
    again = PLANNER.measure(corrected, PLANNER.solve(corrected), {"electricity": metered}, observed)
    belief = PLANNER.parse_inputs(again.inputs).belief
    assert belief is not None
    assert belief.days_seen == 2


def test_without_a_log_the_twin_stays_as_it_is(inputs, plan):
    found = PLANNER.measure(inputs, plan, {"electricity": [None] * 96}, {})
    assert found.inputs == to_json(inputs)
    assert found.deviation_wh["electricity"] == (None,) * 96


def test_a_log_that_makes_no_sense_is_refused(inputs, plan):
    odd = {"state_of_charge": [2.0] * 96, "first_state_of_charge": 0.1}
    with pytest.raises(InputsError, match="between 0 and 1"):
        PLANNER.measure(inputs, plan, {"electricity": [0] * 96}, odd)
