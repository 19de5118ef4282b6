from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.park import equipment as make
from twin.park.believed import believed_park, main_output, output_w, scaled
from twin.park.carriers import Carrier
from twin.park.learning import DEMAND, OUTPUT
from twin.park.physical_limits import check_converter
from twin.park.plan import ParkOutcome
from twin.park.published import published_park
from twin.park.sampling import draw_days, forecast_day
from twin.park.site import ParkError
from twin.park.twin import ParkTwin

E, G, S, H, W, C, H2 = Carrier
TWIN = ParkTwin()


@pytest.fixture(scope="module")
def model():
    return TWIN.construct(published_park().setup)


def metered(model, output=1.0, demand=1.0, load=0.6, noise=None):
    """A day on which every converter runs at a share of its capacity and gives ``output`` of its
    data sheet, and processes want ``demand`` of their type and peak."""
    slots = model.park.horizon.slots
    parts = [part for _, part in model.described.converters()]
    drive = np.array([np.full(slots, load * part.capacity_w) for part in parts])
    given_w = np.array(
        [
            output * output_w(part, each, main_output(part))
            for part, each in zip(parts, drive, strict=True)
        ]
    )
    typical = forecast_day(replace(model, belief=TWIN.construct(published_park().setup).belief))
    wanted = demand * typical.demand_w[0]
    if noise is not None:
        given_w *= noise.normal(1.0, 0.02, (len(parts), 1))
        wanted = wanted * noise.normal(1.0, 0.08, (wanted.shape[0], 1))
    return ParkOutcome(drive, given_w, wanted)


def test_factors_come_to_what_is_metered_and_grow_surer(model):
    noise, learnt = np.random.default_rng(3), model
    for _ in range(25):
        learnt = TWIN.close_loop(learnt, metered(model, 0.92, 1.3, noise=noise))
    assert learnt.belief.output_factor == pytest.approx(0.92, abs=0.025)
    assert learnt.belief.demand_factor == pytest.approx(1.3, abs=0.12)
    assert (learnt.belief.output_variance < model.belief.output_variance).all()
    assert learnt.belief.days_seen == 25
    assert model.belief.days_seen == 0


def test_a_day_by_the_book_changes_no_factor(model):
    learnt = TWIN.close_loop(model, metered(model))
    assert learnt.belief.output_factor == pytest.approx(1.0)
    assert learnt.belief.demand_factor == pytest.approx(1.0)


@settings(max_examples=5, deadline=None)
@given(output=st.floats(0.0, 20.0), demand=st.floats(0.0, 50.0))
def test_no_day_moves_a_factor_further_than_allowed_or_out_of_its_range(model, output, demand):
    learnt = model
    for _ in range(4):
        before = learnt.belief
        learnt = TWIN.close_loop(learnt, metered(model, output, demand))
        moved = np.abs(learnt.belief.output_factor - before.output_factor)
        assert moved.max() <= OUTPUT.most_a_day + 1e-12
        assert np.abs(learnt.belief.demand_factor - before.demand_factor).max() <= (
            DEMAND.most_a_day + 1e-12
        )
    assert (learnt.belief.output_factor >= OUTPUT.lowest).all()
    assert (learnt.belief.output_factor <= OUTPUT.highest).all()
    for _, converter in learnt.park.converters():
        check_converter(converter)


def test_a_converter_that_stood_still_keeps_its_factor(model):
    learnt = TWIN.close_loop(model, metered(model, output=0.8, load=0.001))
    assert (learnt.belief.output_factor == 1.0).all()


def test_what_was_learnt_is_sampled_and_planned_with(model):
    learnt = TWIN.close_loop(model, metered(model, 0.9, 1.3))
    first, second = (draw_days(each, np.random.default_rng(4), 5) for each in (model, learnt))
    assert (second.demand_w.sum(axis=2) > first.demand_w.sum(axis=2)).all()
    assert second.available_w == pytest.approx(first.available_w)
    sheets = [part for _, part in model.park.converters()]
    for before, (_, after) in zip(sheets, learnt.park.converters(), strict=True):
        carrier = main_output(before)
        half = np.array([0.5 * before.capacity_w])
        assert output_w(after, half, carrier) < output_w(before, half, carrier)


@pytest.mark.parametrize("factor", [0.8, 1.05])
def test_a_scaled_pump_or_chiller_keeps_its_energy_balance(factor):
    for converter in (
        make.heat_pump("pump", 1e6, (4.0, 3.5), H, W),
        make.compression_chiller("chiller", 1e6, 4.0, recovers=True),
        make.absorption_chiller("absorber", 1e6, 0.7),
    ):
        other = scaled(converter, factor)
        for segment, before in zip(other.segments, converter.segments, strict=True):
            carrier = main_output(converter)
            assert segment.rates[carrier] == pytest.approx(factor * before.rates[carrier])
            flows = other.flows(segment)
            cooled = flows.pop(C, 0.0)
            assert sum(flows.values()) == pytest.approx(cooled)


def test_scaling_stops_at_the_physical_limit():
    boiler = scaled(make.boiler("boiler", 1e6, 0.95, H), 1.1)
    assert boiler.segments[0].rates[H] == pytest.approx(1.0, abs=1e-6)
    check_converter(boiler)


def test_the_main_output_is_what_a_converter_is_there_for():
    assert main_output(make.chp("engine", 1.0, 0.4, {H: 0.4})) is E
    assert main_output(make.electrolyser("cells", 1.0, 0.6, warm_share=0.2)) is H2
    assert main_output(make.compression_chiller("chiller", 1.0, 4.0, recovers=True)) is C
    assert main_output(make.turbine("turbine", 1.0, 0.1, {H: 0.8})) is E


def test_factors_of_one_leave_the_park_as_it_is(model):
    count = model.belief.output_factor.size
    assert believed_park(model.described, np.ones(count)) == model.described


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"drive_w": np.zeros((2, 96))}, "metered drive_w must be shaped"),
        ({"output_w": np.full((26, 96), np.nan)}, "metered output_w"),
        ({"wanted_w": np.full((22, 96), -1.0)}, "metered wanted_w"),
    ],
)
def test_an_outcome_with_gaps_or_of_another_shape_is_refused(model, change, says):
    day = metered(model)
    change = {
        field: np.resize(values, getattr(day, field).shape) if values.shape[0] > 2 else values
        for field, values in change.items()
    }
    with pytest.raises(ParkError, match=says):
        TWIN.close_loop(model, replace(day, **change))
