"""The fleet's planner: what is fixed stays fixed, what cannot be is named, the twin learns."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.dispatch import COMFORT, COST, PEAK, Edit, InfeasibleError, InputsError, inputs_text
from market.ev_battery.bids import fleet_bids
from market.ev_battery.dispatch import PLANNER, FleetInputs, approved_fleet
from market.inputs import to_json
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.twin import EvFleetTwin, FleetSite

FLEET = published_fleet(3, 6, datetime(2026, 3, 2, tzinfo=UTC))
INPUTS = FleetInputs(FLEET.horizon, FLEET.vehicles, FLEET.habits, FLEET.signal, scenarios=8)
PLAN = PLANNER.solve(INPUTS)
OWNERS = FLEET.vehicles.owner_ids


def test_without_edits_the_plan_is_the_twins_own():
    twin = EvFleetTwin()
    model = twin.construct(FleetSite(FLEET.horizon, FLEET.vehicles, FLEET.habits))
    own = twin.decide(model, INPUTS.samples(), FLEET.signal)
    planned = np.array([PLAN.lines[owner] for owner in OWNERS])
    assert planned == pytest.approx(own.energy_wh / FLEET.horizon.slot_hours, abs=0.51)
    assert {COST, PEAK, COMFORT} <= PLAN.indicators.keys()


def test_the_same_inputs_give_the_same_plan():
    raw = json.loads(inputs_text(to_json(INPUTS)))
    assert PLANNER.solve(PLANNER.parse_inputs(raw)) == PLAN


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(OWNERS), st.integers(0, 95), st.integers(-12_000, 12_000)),
        max_size=4,
        unique_by=lambda each: each[:2],
    )
)
def test_edits_are_kept_exactly_or_those_in_conflict_are_named(fixed):
    edits = [Edit(*each) for each in fixed]
    plan, conflicts = _solved(edits)
    if plan is not None:
        assert all(plan.lines[each.line][each.slot] == each.value_w for each in edits)
        return
    assert conflicts
    assert set(conflicts) <= set(edits)
    for left_out in conflicts:
        others = [each for each in conflicts if each != left_out]
        assert _solved(others)[0] is not None


def _solved(edits):
    try:
        return PLANNER.solve(INPUTS, edits), ()
    except InfeasibleError as error:
        return None, error.conflicts


def test_a_vehicle_that_is_not_there_cannot_charge():
    away = next(
        (owner, slot)
        for owner in OWNERS
        for slot in range(96)
        if INPUTS.samples().arrival_s.min() / 900 > slot + 1
    )
    assert PLANNER.solve(INPUTS, [Edit(*away, 0)]).lines[away[0]][away[1]] == 0
    with pytest.raises(InfeasibleError) as error:
        PLANNER.solve(INPUTS, [Edit(*away, 1_000)])
    assert error.value.conflicts == (Edit(*away, 1_000),)


def test_forcing_charging_into_the_dearest_slot_costs_more_and_serves_no_better():
    charged = {slot for slot in range(96) for owner in OWNERS if PLAN.lines[owner][slot] > 5_000}
    dearest = max(charged, key=lambda slot: FLEET.signal.price_per_kwh[slot])
    owner = next(owner for owner in OWNERS if PLAN.lines[owner][dearest] > 5_000)
    plan = PLANNER.solve(INPUTS, [Edit(owner, dearest, 0)])
    # An edit restricts the programme: what it minimises cannot get better.
    assert plan.indicators[COMFORT].value <= PLAN.indicators[COMFORT].value
    worse = plan.indicators[COST].value - PLAN.indicators[COST].value
    less = PLAN.indicators[COMFORT].value - plan.indicators[COMFORT].value
    assert worse >= 0 or less > 0


def test_bids_follow_an_approved_plan_to_the_wh():
    owner = OWNERS[0]
    slot = next(slot for slot in range(96) if PLAN.lines[owner][slot] > 4_000)
    plan = PLANNER.solve(INPUTS, [Edit(owner, slot, 2_000)])
    bids = {(bid.owner_id, bid.slot): bid for bid in fleet_bids(approved_fleet(INPUTS, plan))}
    assert bids[owner, slot].energy_wh == 500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["vehicles"].update(owner_ids=["a"] * 6), "differ"),
        (lambda raw: raw["vehicles"].update(charge_efficiency=[2.0] * 6), "must lie in"),
        (lambda raw: raw["vehicles"]["reserve_wh"].pop(), "has shape"),
        (lambda raw: raw["habits"]["arrival_s"].pop(), "habits"),
        (lambda raw: raw["horizon"].update(start="yesterday"), "moment"),
        (lambda raw: raw["horizon"].update(start="2026-03-02T00:00:01+00:00"), "start of a slot"),
        (lambda raw: raw["signal"].update(price_per_kwh="cheap"), "must be a list"),
        (lambda raw: raw.update(scenarios=10**9), "scenarios must lie in"),
        (lambda raw: raw.pop("signal"), "signal is missing"),
    ],
)
def test_inputs_that_cannot_be_planned_from_are_refused_by_name(change, said):
    raw = json.loads(inputs_text(to_json(INPUTS)))
    change(raw)
    with pytest.raises(InputsError, match=said):
        PLANNER.parse_inputs(raw)


def test_a_day_without_observations_leaves_the_twin_as_it_is():
    metered = {OWNERS[0]: [power // 4 for power in PLAN.lines[OWNERS[0]]]}
    measured = PLANNER.measure(INPUTS, PLAN, metered, {})
    assert measured.inputs == to_json(INPUTS)
    assert all(abs(wh or 0) <= 1 for wh in measured.deviation_wh[OWNERS[0]])
