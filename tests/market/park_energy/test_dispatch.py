from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from market.dispatch import (
    COMFORT,
    COST,
    DispatchError,
    Edit,
    EditError,
    InfeasibleError,
    InputsError,
    energy_of,
)
from market.inputs import to_json
from market.park_energy.dispatch import PLANNER, SiteInputs, SiteLog, planned_day
from twin.park.believed import main_output, output_w
from twin.park.carriers import Carrier

SLOTS = 24
PRICES = {
    "electricity": np.linspace(0.08, 0.18, SLOTS),
    "gas": np.full(SLOTS, 0.04),
    "steam": np.full(SLOTS, 0.05),
    "hot_water": np.full(SLOTS, 0.02),
}


@pytest.fixture
def inputs(make_park, needs_of) -> SiteInputs:
    park = make_park(SLOTS)
    need = needs_of(park)["works"]
    return SiteInputs(park.sites[0], park.horizon, need.demand_w, need.available_w, PRICES)


def through_json(inputs: SiteInputs) -> SiteInputs:
    return PLANNER.parse_inputs(json.loads(json.dumps(to_json(inputs))))


def test_inputs_go_through_json_unchanged(inputs):
    again = through_json(inputs)
    assert again.site == inputs.site
    assert to_json(again) == to_json(inputs)


def test_a_plan_balances_every_carrier_and_says_what_each_meter_will_read(inputs):
    plan = PLANNER.solve(inputs)
    assert set(plan.lines) == {
        "electricity",
        "gas",
        "steam",
        "hot_water",
        "works chp",
        "works boiler",
        "works exchanger",
        "works tank",
    }
    day = planned_day(inputs)
    chp, boiler = inputs.site.converters[0], inputs.site.converters[1]
    gas = day.drive_w[0] + day.drive_w[1]
    assert plan.lines["gas"] == pytest.approx(gas, abs=2)
    assert chp.drive is boiler.drive is Carrier.GAS
    assert plan.lines["steam"] == pytest.approx(
        day.served_w[1]
        + day.drive_w[2]
        - output_w(boiler, day.drive_w[1], Carrier.STEAM)
        + day.rejected_w[Carrier.STEAM],
        abs=2,
    )


def test_the_plan_runs_the_plant_when_power_is_dear(inputs):
    drive = np.array(PLANNER.solve(inputs).lines["works chp"])
    assert drive[-1] > drive[0]


def test_an_edit_stands_to_the_watt_and_costs(inputs):
    free = PLANNER.solve(inputs)
    edits = [Edit("works chp", 0, 1_234_567), Edit("works tank", 3, -100_000)]
    held = PLANNER.solve(inputs, edits)
    assert held.lines["works chp"][0] == 1_234_567
    assert held.lines["works tank"][3] == -100_000
    assert held.indicators[COST].value > free.indicators[COST].value
    assert held.indicators[COMFORT].value <= 10_000


def test_the_same_inputs_give_the_same_plan(inputs):
    assert PLANNER.solve(inputs) == PLANNER.solve(through_json(inputs))


def test_edits_that_cannot_stand_together_are_named(inputs):
    drain = [Edit("works tank", slot, -2_000_000) for slot in range(5)]
    harmless = Edit("works boiler", 7, 1_000_000)
    with pytest.raises(InfeasibleError) as refused:
        PLANNER.solve(inputs, [harmless, *drain])
    assert refused.value.conflicts
    assert harmless not in refused.value.conflicts


def test_more_than_a_machine_can_is_refused_by_name(inputs):
    with pytest.raises(InfeasibleError, match="works chp"):
        PLANNER.solve(inputs, [Edit("works chp", 0, 9_000_000)])


@pytest.mark.parametrize(
    "edit", [Edit("electricity", 0, 5), Edit("works chp", SLOTS, 5), Edit("no such", 0, 5)]
)
def test_an_edit_of_what_cannot_be_fixed_is_refused(inputs, edit):
    with pytest.raises(EditError, match=r"works|slots"):
        PLANNER.solve(inputs, [edit])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"demand_w": [[1.0]]}, "demand_w must be shaped"),
        ({"price_per_kwh": {"heat": [1.0] * SLOTS}}, "price_per_kwh has 'heat'; the carriers are"),
        ({"price_per_kwh": {"gas": [1.0]}}, "price_per_kwh of gas must have 24 values"),
        ({"available_w": [[-1.0] * SLOTS]}, "available_w must be finite and not negative"),
        ({"horizon": {"start": "2026-01-12T00:07:00+00:00", "slots": SLOTS}}, "start of a slot"),
        ({"horizon": {"start": "0001-01-01T00:00:00+14:00", "slots": SLOTS}}, "out of range"),
        ({"rejection_per_kwh": -1.0}, "rejection_per_kwh = -1 is negative"),
    ],
)
def test_bad_inputs_are_refused_with_the_field(inputs, change, said):
    raw = json.loads(json.dumps(to_json(inputs))) | change
    with pytest.raises(InputsError, match=said):
        PLANNER.parse_inputs(raw)


def test_a_machine_that_physics_forbids_is_refused_with_its_name(inputs):
    raw = json.loads(json.dumps(to_json(inputs)))
    raw["site"]["converters"][1]["segments"][0]["rates"]["steam"] = 1.4
    with pytest.raises(InputsError, match=r"inputs\.site: .*works boiler"):
        PLANNER.parse_inputs(raw)
    raw["site"]["converters"][1]["drive"] = "coal"
    with pytest.raises(InputsError, match=r"drive is one of electricity, gas"):
        PLANNER.parse_inputs(raw)


def test_machines_that_together_make_energy_from_nothing_are_refused_by_name(inputs):
    raw = json.loads(json.dumps(to_json(inputs)))
    pump = {
        "name": "works pump",
        "kind": "heat pump",
        "drive": "electricity",
        "segments": [{"width_w": 1e6, "rates": {"steam": 20.0}}],
        "source_c": 170.0,
    }
    turbine = {
        "name": "works turbine",
        "kind": "turbine",
        "drive": "steam",
        "segments": [{"width_w": 1e7, "rates": {"electricity": 0.3}}],
    }
    raw["site"]["converters"] = [pump, turbine]
    with pytest.raises(InputsError, match=r"works pump and works/works turbine make energy"):
        PLANNER.parse_inputs(raw)
    raw["site"]["converters"] = [turbine]
    machines = PLANNER.parse_inputs(raw).site.converters
    raw["site"]["converters"] = [pump]
    machines += PLANNER.parse_inputs(raw).site.converters
    with pytest.raises(InfeasibleError, match="make energy from nothing"):
        PLANNER.solve(replace(inputs, site=replace(inputs.site, converters=machines)))


def test_a_carrier_that_nobody_can_deliver_is_refused_by_name(inputs):
    raw = json.loads(json.dumps(to_json(inputs)))
    raw["site"]["processes"][1]["carrier"] = "hydrogen"
    with pytest.raises(InputsError, match=r"nobody can deliver hydrogen to works steam"):
        PLANNER.parse_inputs(raw)


def test_a_site_that_trades_nothing_is_disconnected(inputs):
    raw = json.loads(json.dumps(to_json(inputs))) | {"price_per_kwh": {}}
    with pytest.raises(InputsError, match=r"zone 'north' is disconnected"):
        PLANNER.parse_inputs(raw)


@pytest.mark.parametrize("price", [1e308, 1e18])
def test_prices_at_the_limit_of_numbers_are_refused(inputs, price):
    raw = json.loads(json.dumps(to_json(inputs)))
    raw["price_per_kwh"]["electricity"] = [price] * SLOTS
    with pytest.raises(DispatchError):
        PLANNER.solve(PLANNER.parse_inputs(raw))


def test_a_converter_cannot_be_fixed_to_give_back_what_drives_it(inputs):
    with pytest.raises(EditError, match=r"works chp\[0\] = -5 W"):
        PLANNER.solve(inputs, [Edit("works chp", 0, -5)])


def test_a_machine_that_gives_nothing_is_refused_by_name(inputs):
    raw = json.loads(json.dumps(to_json(inputs)))
    raw["site"]["converters"][2]["segments"][0]["rates"] = {}
    with pytest.raises(InputsError, match="works exchanger gives nothing"):
        PLANNER.parse_inputs(raw)


def test_a_site_without_machines_is_planned(inputs):
    raw = json.loads(json.dumps(to_json(inputs)))
    raw["site"]["converters"] = []
    assert PLANNER.solve(PLANNER.parse_inputs(raw)).lines["electricity"]


def test_a_line_cannot_bear_a_carriers_name(inputs):
    tank = replace(inputs.site.stores[0], name="gas")
    with pytest.raises(ValueError, match="cannot bear a carrier's name: gas"):
        replace(inputs, site=replace(inputs.site, stores=(tank,)))


def test_a_plan_without_a_way_to_serve_a_forced_machine_says_so(inputs):
    alone = replace(inputs, price_per_kwh={"electricity": PRICES["electricity"]})
    with pytest.raises(InfeasibleError):
        PLANNER.solve(alone, [Edit("works chp", 0, 1_000_000)])


def test_measuring_compares_every_carrier_and_corrects_machines_and_demands(inputs):
    plan = PLANNER.solve(inputs)
    day = planned_day(inputs)
    metered: dict[str, list[int | None]] = {
        name: [energy_of(watts, 900) + 7 for watts in plan.lines[name]]
        for name in ("electricity", "gas", "steam", "hot_water")
    }
    metered["gas"][3] = None
    given = np.array(
        [
            output_w(part, day.drive_w[place], main_output(part))
            for place, part in enumerate(inputs.site.converters)
        ]
    )
    log = SiteLog(day.drive_w, 0.98 * given, 1.2 * inputs.demand_w)
    found = PLANNER.measure(inputs, plan, metered, to_json(log))
    assert found.deviation_wh["electricity"] == (7,) * SLOTS
    assert found.deviation_wh["gas"][3] is None
    corrected = PLANNER.parse_inputs(json.loads(json.dumps(found.inputs)))
    assert corrected.demand_w == pytest.approx(1.1 * inputs.demand_w)  # at most a tenth a day
    before = inputs.site.converters[1].segments[0].rates[Carrier.STEAM]
    after = corrected.site.converters[1].segments[0].rates[Carrier.STEAM]
    assert after == pytest.approx(0.98 * before)
    assert np.isfinite(PLANNER.solve(corrected).indicators[COST].value)


def test_without_a_log_nothing_is_corrected(inputs):
    plan = PLANNER.solve(inputs)
    found = PLANNER.measure(inputs, plan, {"gas": [None] * SLOTS}, {})
    assert found.inputs == to_json(inputs)


def test_a_log_of_another_site_is_refused(inputs):
    plan = PLANNER.solve(inputs)
    with pytest.raises(InputsError, match=r"observed\.drive_w must be shaped"):
        PLANNER.measure(inputs, plan, {}, {"drive_w": [], "output_w": [], "wanted_w": []})
