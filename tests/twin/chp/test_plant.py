from __future__ import annotations

from dataclasses import replace

import pytest

from twin.chp.plant import ChpPlantError, FuelLine, check_plant
from twin.chp.published import PLANT

MW = 1e6


def test_the_published_plant_can_exist():
    check_plant(PLANT)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"power_loss_ratio": 1.2}, "c_v = 1.2"),
        ({"power_loss_ratio": 0.0}, "c_v = 0"),
        ({"back_pressure_ratio": 0.0}, "c_m = 0"),
        ({"condensing_min_w": 230 * MW}, "no room between minimum 230 MW and maximum 215 MW"),
        ({"heat_max_w": 230 * MW}, "maximum heat 230 MW cannot be reached.*at 216.7 MW"),
        ({"back_pressure_offset_w": 220 * MW}, "above maximum live steam at every heat"),
        ({"ramp_w_per_h": 0.0}, "ramp above 0"),
        ({"fuel_lines": ()}, "fuel lines"),
        ({"fuel_lines": (FuelLine(0.0, 0.9),)}, "burn more than a Wh"),
        ({"min_up_h": float("nan")}, "min_up_h"),
    ],
)
def test_an_impossible_operating_region_is_refused_with_its_reason(change, says):
    with pytest.raises(ChpPlantError, match=says):
        check_plant(replace(PLANT, unit=replace(PLANT.unit, **change)))


def test_a_comfort_band_without_its_set_point_is_refused():
    buildings = replace(PLANT.buildings, lowest_c=22.0, highest_c=20.0)
    with pytest.raises(ChpPlantError, match="impossible comfort band: the set point 21 C"):
        check_plant(replace(PLANT, buildings=buildings))


def test_a_store_that_loses_everything_in_an_hour_is_refused():
    with pytest.raises(ChpPlantError, match="loses 1 of its heat"):
        check_plant(replace(PLANT, store=replace(PLANT.store, loss_per_hour=1.0)))


@pytest.mark.parametrize("name", ["indoor_wh_per_k", "structure_wh_per_k", "coupling_w_per_k"])
def test_buildings_without_capacity_are_refused(name: str):
    with pytest.raises(ChpPlantError, match=name):
        check_plant(replace(PLANT, buildings=replace(PLANT.buildings, **{name: 0.0})))


def test_a_boiler_that_gives_more_than_it_burns_is_refused():
    with pytest.raises(ChpPlantError, match=r"efficiency 1\.1"):
        check_plant(replace(PLANT, boiler=replace(PLANT.boiler, efficiency=1.1)))
