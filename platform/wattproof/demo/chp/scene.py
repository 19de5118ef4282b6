"""What the day is about: a plant with its past, the grid it feeds, and who else is on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from market.bid import Bid
from market.chp_power.bids import plant_bids, thermal_bids, wind_bids
from market.chp_power.dispatch import ChpInputs
from market.chp_power.rules import RULES
from market.dispatch import DispatchPlan
from market.supply import consumer_bids
from twin.chp.model import DayAhead, FloatArray
from twin.chp.plan import ChpOutcome
from wattproof.demo.calendar import Calendar
from wattproof.demo.past import Past

PLANT = "heat-and-power plant"
WIND = "wind farm"
THERMAL = "thermal stations"
FOUNDRY = "foundry"
TOWNS = ("town-1", "town-2", "town-3")
GRID_COMPANY = "grid company"
DISPATCHER = "dispatcher"

PAST_DAYS = 10
FOUNDRY_CAPACITY_W = 4_000_000
_LOAD_WORTH_PER_KWH = 1.0
_THERMAL_HEADROOM = 1.2


@dataclass(frozen=True, slots=True)
class PlainLoad:
    """Somebody whose load follows no plan; arrays shaped (slot,), Wh."""

    forecast_wh: FloatArray
    metered_wh: FloatArray


@dataclass(frozen=True, slots=True)
class Scene:
    """A day, ready to be planned.

    Attributes:
        inputs: what the plant's plan is made from; its horizon is the day itself.
        history: the plant's heat-led days before it, oldest first.
        foundry_history_wh: what the foundry drew on them, shape (day, slot).
        real: what the day will really be, which no plan knows.
        heat_led: the same day without control.
        input: where the numbers come from, for the report.
    """

    title: str
    inputs: ChpInputs
    history: tuple[ChpOutcome, ...]
    foundry_history_wh: FloatArray
    real: DayAhead
    heat_led: ChpOutcome
    loads: Mapping[str, PlainLoad]
    input: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def traders(self) -> tuple[str, ...]:
        """Everybody who trades."""
        return (PLANT, WIND, THERMAL, *self.loads)

    @property
    def past(self) -> Past:
        """The days before, of those whose response is measured against a baseline."""
        plant_wh = np.array([-day.power_w * self.slot_hours for day in self.history])
        return Past({PLANT: plant_wh, FOUNDRY: self.foundry_history_wh})

    @property
    def real_load_w(self) -> FloatArray:
        """What the grid will really consume without any event, shape (slot,)."""
        total_wh = np.sum([load.metered_wh for load in self.loads.values()], axis=0)
        return np.asarray(total_wh / self.slot_hours)

    @property
    def slot_hours(self) -> float:
        return self.inputs.site.horizon.slot_hours

    @property
    def thermal_most_w(self) -> float:
        """What the other stations can supply."""
        return _THERMAL_HEADROOM * float(self.inputs.signal.load_w.max())

    def on(self, calendar: Calendar) -> Scene:
        """The same scene on the chain's own day."""
        site = self.inputs.site
        start = datetime.fromtimestamp(calendar.at(calendar.day), UTC)
        moved = replace(site, horizon=replace(site.horizon, start=start))
        return replace(self, inputs=replace(self.inputs, site=moved))

    def meters_w(self) -> Mapping[str, float]:
        """The most each meter can see, W."""
        unit = self.inputs.site.plant.unit
        load_w = {
            name: max(float(load.forecast_wh.max()), float(load.metered_wh.max())) / self.slot_hours
            for name, load in self.loads.items()
        }
        wind_w = max(float(self.inputs.site.forecast.wind_w.max()), float(self.real.wind_w.max()))
        return {
            PLANT: unit.condensing_max_w,
            WIND: max(wind_w, 1.0),
            THERMAL: self.thermal_most_w,
            **load_w,
        }

    def bids(self, plan: DispatchPlan) -> tuple[Bid, ...]:
        """What everybody wants to trade, the plant what its approved plan says."""
        site, signal = self.inputs.site, self.inputs.signal
        bids = plant_bids(PLANT, plan, site.plant)
        bids += wind_bids(WIND, site.forecast.wind_w * self.slot_hours)
        bids += thermal_bids(
            THERMAL,
            signal.price_per_kwh,
            max(signal.others_least_w, 0.0) * self.slot_hours,
            self.thermal_most_w * self.slot_hours,
        )
        for name, load in self.loads.items():
            bids += consumer_bids(name, load.forecast_wh, _LOAD_WORTH_PER_KWH, RULES.price_cap)
        return bids


def plain_loads(
    load_w: FloatArray, slot_hours: float, rng: np.random.Generator
) -> tuple[Mapping[str, PlainLoad], FloatArray]:
    """The grid's load as towns and a foundry with two shifts; and the foundry's past days.

    Forecasts are off by 2 %, from hour to hour.
    """
    slots = load_w.size
    hours = np.arange(slots) * 24.0 / slots
    shift = np.where((hours >= 6.0) & (hours < 22.0), 1.0, 0.35)
    foundry_wh = 3.0 * FOUNDRY_CAPACITY_W * shift * slot_hours
    rest_wh = np.maximum(load_w * slot_hours - foundry_wh, 0.0) / len(TOWNS)
    loads = {name: PlainLoad(rest_wh, _strayed(rest_wh, rng)) for name in TOWNS}
    loads[FOUNDRY] = PlainLoad(foundry_wh, _strayed(foundry_wh, rng))
    past_wh = np.array([_strayed(foundry_wh, rng) for _ in range(PAST_DAYS)])
    return loads, past_wh


def _strayed(forecast_wh: FloatArray, rng: np.random.Generator) -> FloatArray:
    per_hour = 4
    hourly = 1.0 + 0.02 * rng.standard_normal(-(-forecast_wh.size // per_hour))
    strayed: FloatArray = forecast_wh * np.repeat(hourly, per_hour)[: forecast_wh.size]
    return strayed
