"""A plan carried out on a day as it comes, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.chp.model import ChpModel, DayAhead, FloatArray, GridSignal
from twin.chp.plan import ChpOutcome, ChpPlan
from twin.chp.region import fuel_w
from twin.chp.thermal import simulate

_WH_PER_KWH = 1000.0
_W_PER_KW = 1000.0


def operate(model: ChpModel, plan: ChpPlan, signal: GridSignal, day: DayAhead) -> ChpOutcome:
    """Carry out the plan: power, heat and store as planned, hot water first, the buildings get
    what remains, and wind is curtailed where the grid has no room."""
    curtailed = curtailed_w(signal, plan.power_w, day.wind_w)
    supply = plan.heat_w + plan.boiler_w - plan.store_w
    indoor, _ = simulate(
        model.plant.buildings,
        model.horizon.slot_hours,
        model.state.indoor_c,
        model.state.structure_c,
        supply - day.hot_water_w,
        day.outdoor_c,
    )
    return ChpOutcome(
        running=plan.running,
        power_w=plan.power_w,
        heat_w=plan.heat_w,
        boiler_w=plan.boiler_w,
        store_w=plan.store_w,
        stored_wh=plan.stored_wh,
        outdoor_c=day.outdoor_c,
        wind_w=day.wind_w,
        wind_taken_w=day.wind_w - curtailed,
        hot_water_w=day.hot_water_w,
        indoor_c=indoor,
    )


def curtailed_w(signal: GridSignal, power_w: FloatArray, wind_w: FloatArray) -> FloatArray:
    """Wind that the grid has no room for at the plant's power, W; shaped as ``wind_w``."""
    room = signal.load_w - signal.others_least_w - power_w
    curtailed: FloatArray = np.clip(wind_w - room, 0.0, wind_w)
    return curtailed


@dataclass(frozen=True, slots=True)
class DayAccount:
    """A day in currency; ``power`` is what was sold, the others are paid."""

    fuel: float
    boiler_fuel: float
    starts: float
    power: float
    curtailment: float
    discomfort: float

    @property
    def operating_cost(self) -> float:
        """What the plant pays less what it earns."""
        return self.fuel + self.boiler_fuel + self.starts - self.power

    @property
    def total(self) -> float:
        """Operating cost, curtailed wind and discomfort together."""
        return self.operating_cost + self.curtailment + self.discomfort


def account(model: ChpModel, signal: GridSignal, outcome: ChpOutcome) -> DayAccount:
    """What the day cost."""
    plant, hours = model.plant, model.horizon.slot_hours
    burnt = np.where(outcome.running, fuel_w(plant.unit, outcome.power_w, outcome.heat_w), 0.0)
    before = np.r_[model.state.running, outcome.running[:-1]]
    off_k = np.abs(outcome.indoor_c - plant.buildings.set_point_c)
    boiler_fuel = outcome.boiler_w.sum() / plant.boiler.efficiency
    curtailed = (outcome.wind_w - outcome.wind_taken_w).sum()
    per_w = hours / _WH_PER_KWH
    return DayAccount(
        fuel=float(burnt.sum() * plant.fuel_per_kwh * per_w),
        boiler_fuel=float(boiler_fuel * plant.boiler_fuel_per_kwh * per_w),
        starts=float((outcome.running & ~before).sum() * plant.unit.start_cost),
        power=float(outcome.power_w @ signal.price_per_kwh * per_w),
        curtailment=float(curtailed * signal.curtailment_per_kwh * per_w),
        discomfort=float(off_k.sum() * hours * plant.discomfort_per_k_h),
    )


def objective(model: ChpModel, signal: GridSignal, outcome: ChpOutcome) -> float:
    """What plans are made to lower: the account's total and the price of the peak, currency."""
    peak_kw = float(residual_w(signal, outcome).max()) / _W_PER_KW
    return account(model, signal, outcome).total + signal.peak_per_kw * peak_kw


def residual_w(signal: GridSignal, outcome: ChpOutcome) -> FloatArray:
    """What other stations supplied, shape (slot,), W."""
    residual: FloatArray = signal.load_w - outcome.power_w - outcome.wind_taken_w
    return residual
