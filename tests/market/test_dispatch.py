"""A plan is whole numbers, and its hash is worth nothing anywhere but where it belongs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.dispatch import (
    COMFORT,
    COST,
    PEAK,
    DispatchError,
    DispatchPlan,
    Edit,
    EditError,
    Indicator,
    InfeasibleError,
    InputsError,
    PlanBinding,
    energy_of,
    inputs_hash,
    inputs_text,
    metered_deviation_wh,
    plan_hash,
    planner_of,
)
from market.registry import markets
from market.signature import Domain

INDICATORS = {
    COST: Indicator(1_250_000, "micro", "lower"),
    PEAK: Indicator(40_000, "W", "lower"),
    COMFORT: Indicator(9_800, "of 10,000", "higher"),
}
PLAN = DispatchPlan(96, 900, {"a": (100, 0, -50), "b": (7, 8, 9)}, INDICATORS)
BINDING = PlanBinding(
    Domain(31_337, "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    1,
    20_514,
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    bytes(32),
)

powers = st.integers(-(10**12), 10**12)
plans = st.integers(1, 6).flatmap(
    lambda slots: st.builds(
        DispatchPlan,
        st.integers(0, 2**32 - 1),
        st.integers(1, 86_400),
        st.dictionaries(
            st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable()),
            st.lists(powers, min_size=slots, max_size=slots).map(tuple),
            min_size=1,
            max_size=4,
        ),
        st.just(INDICATORS),
    )
)


@given(plans)
def test_a_plan_comes_back_from_its_document(plan):
    text = BINDING.document(plan).decode()
    assert DispatchPlan.from_document(text) == plan
    assert BINDING.document(DispatchPlan.from_document(text)).decode() == text


def test_the_document_is_the_same_text_everywhere():
    assert BINDING.document(PLAN).decode() == (
        '{"chainId":"31337","exchange":"0x5FbDB2315678afecb367f032d93F642f64180aa3",'
        '"inputs":"0x' + "00" * 32 + '","market":1,'
        '"participant":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","period":20514,'
        '"plan":{"firstSlot":96,"indicators":{"comfort":{"better":"higher","unit":"of 10,000",'
        '"value":9800},"cost":{"better":"lower","unit":"micro","value":1250000},'
        '"peak":{"better":"lower","unit":"W","value":40000}},"lines":{"a":[100,0,-50],'
        '"b":[7,8,9]},"slotSeconds":900}}'
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, market=2),
        replace(BINDING, period=20_515),
        replace(BINDING, participant="0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        replace(BINDING, inputs=b"\1" * 32),
        replace(BINDING, domain=Domain(1, BINDING.domain.exchange)),
        replace(BINDING, domain=Domain(31_337, BINDING.participant)),
    ],
)
def test_the_hash_of_a_plan_is_another_one_elsewhere(other):
    assert plan_hash(other, PLAN) != plan_hash(BINDING, PLAN)


@given(st.sampled_from(["a", "b"]), st.integers(0, 2), powers)
def test_the_hash_of_a_plan_is_another_one_with_any_value_changed(line, slot, value):
    values = list(PLAN.lines[line])
    changed = values[slot] != value
    values[slot] = value
    other = replace(PLAN, lines={**PLAN.lines, line: tuple(values)})
    assert (plan_hash(BINDING, other) != plan_hash(BINDING, PLAN)) == changed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lines": {}}, "1 to 4096 lines"),
        ({"lines": {"a": (1,), "b": (1, 2)}}, "differ in length"),
        ({"lines": {"a": ()}}, "1 to 256 slots"),
        ({"lines": {"a": (1.5,)}}, "not a whole number of W"),
        ({"lines": {"a": (math.nan,)}}, "not a whole number of W"),
        ({"lines": {"a": (10**12 + 1,)}}, "not a whole number of W"),
        ({"lines": {"a": (True,)}}, "not a whole number of W"),
        ({"first_slot": -1}, "begins at slot 0"),
        ({"slot_seconds": 0}, "slots of a second"),
        ({"indicators": {COST: INDICATORS[COST]}}, "lacks the indicators comfort, peak"),
    ],
)
def test_a_plan_that_makes_no_sense_cannot_be_made(changes, said):
    with pytest.raises(DispatchError, match=said):
        replace(PLAN, **changes)


@pytest.mark.parametrize("value", [1.5, math.inf, True, 2**53])
def test_an_indicator_is_a_whole_number_that_json_can_hold(value):
    with pytest.raises(DispatchError):
        Indicator(value, "W", "lower")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan":{"lines":[]}}', '{"plan":3}'])
def test_a_text_that_is_no_plan_is_refused(text):
    with pytest.raises(DispatchError):
        DispatchPlan.from_document(text)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([Edit("c", 0, 1)], "no line 'c'; it has a, b"),
        ([Edit("a", 3, 1)], "slots 0 to 2"),
        ([Edit("a", -1, 1)], "slots 0 to 2"),
        ([Edit("a", 0, 10**13)], "whole number of W"),
        ([Edit("a", 0, 1), Edit("a", 0, 2)], "edited twice"),
    ],
)
def test_edits_of_nothing_that_is_there_are_refused(edits, said):
    with pytest.raises(EditError, match=said):
        PLAN.check_edits(edits)


def test_an_infeasible_plan_names_its_conflicts():
    conflicts = [Edit("a", 0, 5), Edit("b", 1, -6)]
    error = InfeasibleError("the feeder cannot", conflicts)
    assert error.conflicts == tuple(conflicts)
    assert str(error) == "the feeder cannot: a[0] = 5 W; b[1] = -6 W"


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    )
)
def test_inputs_keep_every_digit_in_their_text(inputs):
    text = inputs_text(inputs)
    assert json.loads(text) == inputs
    assert inputs_text(json.loads(text)) == text
    text.encode("ascii")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, object()])
def test_inputs_that_json_cannot_say_have_no_hash(value):
    with pytest.raises(InputsError):
        inputs_text({"price": [0.1, value]})


def test_the_hash_of_inputs_is_that_of_their_text():
    assert inputs_hash("{}") == bytes.fromhex(
        "b48d38f93eaa084033fc5970bf96e559c33c4cdc07d889ab00b4d63f9590739d"
    )


@given(powers, st.integers(1, 86_400))
def test_the_energy_of_a_slot_is_the_nearest_whole_wh(power, seconds):
    assert abs(energy_of(power, seconds) * 3_600 - power * seconds) * 2 <= 3_600


def test_deviation_is_metered_less_planned_and_unknown_stays_unknown():
    metered = {"a": (30, None, -20)}
    assert metered_deviation_wh(PLAN, metered) == {"a": (5, None, -8)}


def test_every_planner_a_market_names_is_there():
    named = [manifest for manifest in markets().values() if manifest.planner]
    assert "ev_battery" in {manifest.name for manifest in named}
    for manifest in named:
        planner = planner_of(manifest)
        assert callable(planner.parse_inputs)
        with pytest.raises(InputsError):
            planner.parse_inputs({"nonsense": 1})


def test_a_market_without_a_planner_says_so():
    manifest = replace(markets()["ev_battery"], planner=None)
    with pytest.raises(DispatchError, match="has no planner"):
        planner_of(manifest)
