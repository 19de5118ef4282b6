"""The published plant: a 200 MW extraction unit, a tank, a district and a windy grid, seeded.

Everything is invented within the ranges that are usual for such plants, so that anyone can run
the same study without files.

| quantity | value | as usual for |
|---|---|---|
| condensing power | 95 to 215 MW | a 200 MW-class steam turbine, minimum 45 % |
| power loss ratio c_v | 0.15 | extraction for district heating, 0.12 to 0.18 |
| back pressure | P >= 0.75 Q + 20 MW | ratio c_m of 0.6 to 0.9 |
| heat | at most 210 MW | of the same unit |
| fuel | 2.32 then 2.50 Wh a Wh, 42 MW at no load | 39 % net at best, worse towards full load |
| ramp | 1 % of full live steam a minute | pulverised coal, 1 to 2 % |
| running, standing | 6 h, 4 h at least; 28,000 a warm start | |
| tank | 900 MWh, 120 MW, 0.1 % an hour | 20,000 m3 at 40 K; well insulated |
| peak boiler | 50 MW, 92 % | |
| district | 6 MW/K, 510 MWh/K | 4 million m2 of heavy buildings |
| grid | 300 to 520 MW in winter, two peaks | a city and its towns |
| wind | 220 MW installed, stronger at night | |
| others' least | 50 MW | must-run stations less export |

Source of the ranges: Chen et al. 2015 (see :mod:`twin.chp.plant`); Danish Energy Agency,
"Technology data for energy plants" (steam extraction plants, heat storage).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from scipy.special import expit, logit

from twin.chp.model import (
    ChpSite,
    DayAhead,
    FloatArray,
    ForecastErrors,
    GridSignal,
    PlantState,
)
from twin.chp.plant import (
    ChpPlant,
    ExtractionUnit,
    FuelLine,
    HeatedBuildings,
    HeatStore,
    PeakBoiler,
)
from twin.chp.thermal import steady_structure_c
from twin.horizon import Horizon

_MEGA = 1e6
_WIND_CAPACITY_W = 220 * _MEGA
_WINTER_DAY = datetime(2026, 1, 14, tzinfo=UTC)

PLANT = ChpPlant(
    unit=ExtractionUnit(
        condensing_min_w=95 * _MEGA,
        condensing_max_w=215 * _MEGA,
        heat_max_w=210 * _MEGA,
        power_loss_ratio=0.15,
        back_pressure_ratio=0.75,
        back_pressure_offset_w=20 * _MEGA,
        fuel_lines=(FuelLine(42 * _MEGA, 2.32), FuelLine(10.5 * _MEGA, 2.50)),
        ramp_w_per_h=129 * _MEGA,
        min_up_h=6.0,
        min_down_h=4.0,
        start_cost=28_000.0,
    ),
    boiler=PeakBoiler(heat_max_w=50 * _MEGA, efficiency=0.92),
    store=HeatStore(
        capacity_wh=900 * _MEGA,
        charge_max_w=120 * _MEGA,
        discharge_max_w=120 * _MEGA,
        loss_per_hour=0.001,
    ),
    buildings=HeatedBuildings(
        indoor_wh_per_k=60 * _MEGA,
        structure_wh_per_k=450 * _MEGA,
        coupling_w_per_k=30 * _MEGA,
        indoor_loss_w_per_k=2.5 * _MEGA,
        structure_loss_w_per_k=3.96 * _MEGA,
        gain_w=15 * _MEGA,
        set_point_c=21.0,
        lowest_c=20.0,
        highest_c=22.0,
    ),
    fuel_per_kwh=0.014,
    boiler_fuel_per_kwh=0.045,
    discomfort_per_k_h=300.0,
)
"""The plant of the table above; money is in currency of the power price."""


@dataclass(frozen=True, slots=True)
class PublishedChp:
    """A winter day of the published plant, and the grid around it."""

    seed: int
    site: ChpSite
    signal: GridSignal

    def day(self, day: int = 0) -> PublishedChp:
        """Another winter day with its own weather, wind and prices; every number has its own."""
        return published_chp(self.seed, day)


def published_chp(seed: int = 2026, day: int = 0, start: datetime = _WINTER_DAY) -> PublishedChp:
    """Draw a day's forecast and grid; the same seed and day give the same numbers."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(day,)))
    horizon = Horizon(start)
    clock = horizon.slot_hours * np.arange(horizon.slots, dtype=float)
    outdoor = rng.uniform(-11.0, 4.0) + 2.5 * np.cos((clock - 15.0) * np.pi / 12.0)
    swing = 1.1 * rng.uniform(0.3, 1.0) * np.cos((clock - rng.uniform(1.0, 5.0)) * np.pi / 12.0)
    windy = expit(logit(rng.uniform(0.25, 0.70)) + swing)
    forecast = DayAhead(
        outdoor_c=outdoor,
        wind_w=_WIND_CAPACITY_W * windy,
        hot_water_w=25 * _MEGA * _hot_water_shape(clock),
    )
    mean_outdoor = float(outdoor.mean())
    buildings = PLANT.buildings
    state = PlantState(
        stored_wh=rng.uniform(0.4, 0.6) * PLANT.store.capacity_wh,
        indoor_c=buildings.set_point_c,
        structure_c=steady_structure_c(buildings, buildings.set_point_c, mean_outdoor),
        running=True,
        hours_so=48.0,
        power_w=130 * _MEGA,
        heat_w=120 * _MEGA,
    )
    errors = replace(ForecastErrors(), wind_capacity_w=_WIND_CAPACITY_W)
    load = _grid_load_w(clock) * rng.uniform(0.94, 1.06)
    return PublishedChp(
        seed,
        ChpSite(horizon, PLANT, state, forecast, errors),
        GridSignal(
            load_w=load,
            price_per_kwh=_price(load - forecast.wind_w, rng),
            others_least_w=50 * _MEGA,
            curtailment_per_kwh=0.060,
            peak_per_kw=0.5,
        ),
    )


def _grid_load_w(clock: FloatArray) -> FloatArray:
    """Two peaks (09:00, 18:30) over a trough at 03:30, W."""
    load: FloatArray = _MEGA * (
        385.0
        - 120.0 * np.exp(-0.5 * (_apart(clock, 3.5) / 2.6) ** 2)
        + 70.0 * np.exp(-0.5 * (_apart(clock, 9.5) / 2.0) ** 2)
        + 125.0 * np.exp(-0.5 * (_apart(clock, 18.5) / 2.1) ** 2)
    )
    return load


def _hot_water_shape(clock: FloatArray) -> FloatArray:
    """Hot water and network losses, mean about 1: peaks at 07:00 and 20:00."""
    shape: FloatArray = (
        0.75
        + 0.6 * np.exp(-0.5 * (_apart(clock, 7.0) / 1.5) ** 2)
        + 0.6 * np.exp(-0.5 * (_apart(clock, 20.0) / 2.0) ** 2)
    )
    return shape


def _price(residual_w: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Currency per kWh: rises with what wind leaves of the load; one scatter an hour."""
    hours = np.repeat(1.0 + 0.06 * rng.standard_normal(24), residual_w.size // 24)
    price: FloatArray = (0.012 + 0.16 * (residual_w / (600 * _MEGA)) ** 2) * hours
    return price


def _apart(clock: FloatArray, hour: float) -> FloatArray:
    """Hours between the clock and ``hour``, the short way round, in [-12, 12)."""
    apart: FloatArray = (clock - hour + 12.0) % 24.0 - 12.0
    return apart
