from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.park.carriers import Carrier
from twin.park.converter import Converter, ConverterKind, Segment
from twin.park.equipment import (
    absorption_chiller,
    boiler,
    chp,
    compression_chiller,
    electrolyser,
    fuel_cell,
    heat_exchanger,
    heat_pump,
    turbine,
)
from twin.park.physical_limits import carnot_cop, carnot_eer, check_converter
from twin.park.site import ParkError

E, G, S, H, W, C, H2 = Carrier
HEAT = (S, H, W)

REAL = (
    chp("engine", 1e6, (0.42, 0.40), {H: (0.45, 0.44)}),
    chp("condensing engine", 1e6, 0.42, {H: 0.40, W: 0.20}),
    boiler("boiler", 1e6, 0.93, S),
    boiler("condensing boiler", 1e6, 1.05, W),
    boiler("electrode boiler", 1e6, 0.99, S, fuel=E),
    heat_pump("lift", 1e6, (4.5, 4.0), H, W),
    heat_pump("air", 1e6, 3.0, W, source_c=-5.0),
    compression_chiller("chiller", 1e6, (5.0, 4.2), recovers=True),
    absorption_chiller("absorber", 1e6, 0.72),
    electrolyser("electrolyser", 1e6, (0.70, 0.66), warm_share=0.15),
    fuel_cell("fuel cell", 1e6, 0.52, {H: 0.3}),
    heat_exchanger("exchanger", 1e6, S, H),
    turbine("turbine", 1e6, 0.15, {H: 0.83}),
)


@pytest.mark.parametrize("converter", REAL, ids=lambda converter: converter.name)
def test_equipment_as_it_is_sold_is_accepted(converter):
    check_converter(converter)


@pytest.mark.parametrize(
    ("converter", "says"),
    [
        (boiler("boiler", 1e6, 1.02, H), "makes no energy"),
        (boiler("condensing boiler", 1e6, 1.12, W), "makes no energy"),
        (boiler("electrode boiler", 1e6, 1.01, S, fuel=E), "makes no energy"),
        (chp("engine", 1e6, 0.5, {H: 0.51}), "makes no energy"),
        (chp("engine", 1e6, 0.9, {H: 0.05}), "Carnot limit of a flame"),
        (heat_pump("pump", 1e6, 8.2, H, W), r"COP 8.2 is above the Carnot limit 8.07"),
        (heat_pump("pump", 1e6, 3.4, S, W), r"Carnot limit 3.36 between 45 C and 180 C"),
        (heat_pump("pump", 1e6, 6.5, W, source_c=-5.0), "Carnot limit 6.36"),
        (compression_chiller("chiller", 1e6, 7.5, recovers=True), "EER 7.5 is above"),
        (compression_chiller("chiller", 1e6, 12.3), "EER 12.3 is above"),
        (absorption_chiller("absorber", 1e6, 0.95), "COP 0.95 is above the Carnot limit 0.914"),
        (electrolyser("electrolyser", 1e6, 0.85), "above 0.846 is impossible"),
        (electrolyser("electrolyser", 1e6, 0.8, warm_share=0.1), "splitting water"),
        (fuel_cell("fuel cell", 1e6, 0.99, {H: 0.0}), "Gibbs energy"),
        (fuel_cell("fuel cell", 1e6, 0.6, {H: 0.41}), "makes no energy"),
        (turbine("turbine", 1e6, 0.21, {H: 0.7}), "Carnot limit 0.199"),
        (heat_exchanger("exchanger", 1e6, W, H), "would lift heat from warm water"),
        (heat_exchanger("exchanger", 1e6, H, W, efficiency=1.1), "makes no energy"),
        (heat_pump("pump", 1e6, 3.0, C), "gives no cooling"),
        (boiler("boiler", 1e6, 0.9, E), "a boiler gives no electricity"),
        (boiler("boiler", 1e6, 0.9, H, fuel=W), "driven by gas or hydrogen, not by warm water"),
        (chp("engine", 1e6, (0.38, 0.42), {H: 0.4}), "rises from 0.38 to 0.42"),
        (chp("engine", 1e6, 0.4, {H: 0.4}, ramp_w_per_h=0.0), "a ramp of 0 W"),
        (boiler("boiler", 0.0, 0.9, H), "a segment 0 W wide"),
        (boiler("boiler", 1e6, float("nan"), H), "nan W of hot water"),
        (boiler("boiler", 1e6, 0.9, H, cost_per_kwh=-1.0), "cost_per_kwh = -1"),
    ],
)
def test_what_no_equipment_can_do_is_refused_by_name(converter, says):
    with pytest.raises(ParkError, match=says) as refusal:
        check_converter(converter)
    assert converter.name in str(refusal.value)


def test_a_converter_without_segments_or_with_its_drive_in_the_rates_is_refused():
    with pytest.raises(ParkError, match="no segment"):
        check_converter(Converter("empty", ConverterKind.BOILER, G, ()))
    with pytest.raises(ParkError, match="leave that carrier out"):
        check_converter(
            Converter("twice", ConverterKind.BOILER, G, (Segment(1e6, {G: -1.0, H: 0.9}),))
        )


@given(
    heat=st.sampled_from([(W, H), (W, S), (H, S)]),
    share=st.floats(0.2, 0.999),
)
def test_below_carnot_a_heat_pump_is_accepted_and_above_refused(heat, share):
    source, sink = heat
    limit = carnot_cop({W: 45.0, H: 90.0}[source], {H: 90.0, S: 180.0}[sink])
    if limit * share >= 1.0:
        check_converter(heat_pump("pump", 1e6, limit * share, sink, source))
    with pytest.raises(ParkError, match="Carnot"):
        check_converter(heat_pump("pump", 1e6, limit / share, sink, source))


def test_carnot_limits_are_those_of_the_textbook():
    # Moran and Shapiro: a refrigerator between -5 C and 22 C reaches at most 9.9, a heat pump 10.9
    assert carnot_eer(-5.0, 22.0) == pytest.approx(9.93, abs=0.01)
    assert carnot_cop(-5.0, 22.0) == pytest.approx(10.93, abs=0.01)


@given(drive=st.floats(0.0, 1.0), other=st.floats(0.0, 1.0), mix=st.floats(0.0, 1.0))
def test_outputs_are_concave_in_the_throughput(drive, other, mix):
    engine = REAL[0]
    between = (1.0 - mix) * drive + mix * other
    for carrier in engine.outputs:
        at = [engine.operating_point(share * 1e6)[carrier] for share in (drive, other, between)]
        assert at[2] >= (1.0 - mix) * at[0] + mix * at[1] - 1e-6


def test_an_operating_point_fills_segments_in_their_order_and_keeps_to_the_capacity():
    engine = REAL[0]
    assert engine.operating_point(0.75e6) == pytest.approx(
        {E: 0.42 * 0.5e6 + 0.40 * 0.25e6, G: -0.75e6, H: 0.45 * 0.5e6 + 0.44 * 0.25e6}
    )
    with pytest.raises(ValueError, match="takes 0 to 1e"):
        engine.operating_point(1.1e6)


def test_closed_equipment_loses_no_energy_on_the_way():
    for converter in (REAL[5], REAL[7], REAL[8]):
        for segment in converter.segments:
            flows = converter.flows(segment)
            cooled = flows.pop(C, 0.0)
            assert sum(flows.values()) == pytest.approx(cooled)


def test_curves_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 figures for electricity, 3 for another"):
        chp("engine", 1e6, (0.4, 0.3), {H: (0.5, 0.4, 0.3)})


def test_a_field_changed_later_is_checked_again():
    with pytest.raises(ParkError, match="driven by electricity"):
        check_converter(replace(REAL[9], drive=H))
