"""The plant's day as a mixed-integer linear programme; MW, MWh, K and currency.

For every slot t of h hours, with unit running u, started y, stopped z, power P, heat Q, live
steam E = P + c_v Q, fuel F, boiler heat B, heat into the store S and stored W, heat to the
buildings X = Q + B - S, indoors T, and for every scenario s curtailed wind C and peak R:

    minimise  sum_t h (f F + f_b B / eta - p P) + start cost y + discomfort h |T - set point|
              + mean over s of (c h sum_t C + r R)
    subject to  E_min u <= E <= E_max u,  P >= c_m Q + k u,  Q <= Q_max u,  F >= a_k u + b_k E
                u_t - u_t-1 = y_t - z_t, least times of running and standing,
                E_t - E_t-1 <= ramp u_t-1 + E_min y_t  and the same downwards,
                W_t = (1 - loss)^h W_t-1 + h S,
                the network of :mod:`twin.chp.thermal` with X less hot water,
                lowest + colder <= T <= highest - warmer,  X >= hot water,
                P + wind_s - C_s <= load - others' least,
                R_s >= load - P - wind_s + C_s,
    and at the end the store and the buildings hold what they would without control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twin.chp.model import ChpModel, FloatArray, GridSignal
from twin.chp.outlook import Outlook
from twin.chp.periods import Period
from twin.chp.plan import Strategy
from twin.chp.thermal import simulate, thermal_step
from twin.edits import Edit
from twin.milp import Columns, Programme, Solution, Term, earlier

Aim: TypeAlias = Literal["cost", "peak", "limits"]

_MEGA = 1e6
_KW_PER_MW = 1000.0
_OUT_OF_BOUNDS_COST = 1e5

HOT_WATER = "hot water"
TOO_COLD = "lowest indoor temperature"
TOO_WARM = "highest indoor temperature"
GRID_ROOM = "room in the grid"
PEAK_LIMIT = "peak limit"
STORE_GIVEN_BACK = "store given back as found"
WARMTH_GIVEN_BACK = "warmth of the buildings given back"

MAY_CHARGE = {
    Strategy.HEAT_LED: {Period.TROUGH, Period.WAIST, Period.PEAK},
    Strategy.STORE_IN_WAIST: {Period.WAIST},
    Strategy.STORE_IN_WAIST_AND_PEAK: {Period.WAIST, Period.PEAK},
    Strategy.FREE: {Period.TROUGH, Period.WAIST, Period.PEAK},
}
MAY_DISCHARGE = {
    Strategy.HEAT_LED: {Period.TROUGH, Period.WAIST, Period.PEAK},
    Strategy.STORE_IN_WAIST: {Period.TROUGH, Period.PEAK},
    Strategy.STORE_IN_WAIST_AND_PEAK: {Period.TROUGH},
    Strategy.FREE: {Period.TROUGH, Period.WAIST, Period.PEAK},
}


@dataclass(frozen=True, slots=True)
class Day:
    """One planning task: the twin, what may come, what the grid asks, and its periods (slot,)."""

    model: ChpModel
    outlook: Outlook
    signal: GridSignal
    periods: NDArray[np.int8]

    @property
    def slots(self) -> int:
        return self.model.horizon.slots

    @property
    def hours(self) -> float:
        return self.model.horizon.slot_hours

    def rest_c(self) -> tuple[FloatArray, FloatArray]:
        """Mean indoor and structure temperature without control, each (slot,)."""
        state = self.model.state
        return simulate(
            self.model.plant.buildings,
            self.hours,
            state.indoor_c,
            state.structure_c,
            self.outlook.heat_load_w - self.outlook.hot_water_w,
            self.outlook.outdoor_c,
        )


class OperationProgramme:
    """The programme of a day under a strategy.

    Args:
        fixed: values of lines "power" and "heat" that may not be changed.
        aim: "cost"; "peak" for the least peak whatever it costs; "limits" for any plan at all.
        elastic: limits may be broken at a price beyond every other, see :attr:`broken`.
    """

    def __init__(
        self,
        day: Day,
        strategy: Strategy,
        fixed: Sequence[Edit] = (),
        aim: Aim = "cost",
        elastic: bool = False,
    ) -> None:
        self._day = day
        self._strategy = strategy
        self._aim = aim
        self._elastic = elastic
        self._programme = Programme()
        self.broken: dict[str, list[Columns]] = {}
        """Columns that say by how much each limit is broken; only where elastic."""
        self._unit(fixed)
        self._heat_side()
        self._grid_side()

    def solve(self, relative_gap: float, seconds: float, relaxed: bool = False) -> Solution:
        """See :meth:`twin.milp.Programme.solve`."""
        return self._programme.solve(relative_gap, seconds, relaxed)

    def _cost(self, value: FloatArray | float) -> FloatArray | float:
        return value if self._aim == "cost" else 0.0

    def _limit(
        self, name: str, lower: FloatArray | float, upper: FloatArray | float, *terms: Term
    ) -> None:
        """Rows that are named where no plan keeps them."""
        if not self._elastic:
            self._programme.rows(lower, upper, *terms)
            return
        count = terms[0][0].size
        under = self._programme.columns(count, cost=_OUT_OF_BOUNDS_COST)
        over = self._programme.columns(count, cost=_OUT_OF_BOUNDS_COST)
        self._programme.rows(lower, upper, *terms, (under, 1.0), (over, -1.0))
        self.broken.setdefault(name, []).extend([under, over])

    def _unit(self, fixed: Sequence[Edit]) -> None:
        """Commitment, operating region and fuel."""
        day, unit = self._day, self._day.model.plant.unit
        slots, hours, add = day.slots, day.hours, self._programme
        start, stop = self._commitment()
        price = day.signal.price_per_kwh * _KW_PER_MW
        power, heat = (_bounds(slots, fixed, line) for line in ("power", "heat"))
        self.power = add.columns(slots, power[0], power[1], self._cost(-price * hours))
        self.heat = add.columns(slots, heat[0], heat[1])
        fuel_price = day.model.plant.fuel_per_kwh * _KW_PER_MW
        fuel = add.columns(slots, cost=self._cost(fuel_price * hours))
        steam: tuple[Term, Term] = ((self.power, 1.0), (self.heat, unit.power_loss_ratio))
        add.rows(-np.inf, 0.0, *steam, (self.on, -unit.condensing_max_w / _MEGA))
        add.rows(0.0, np.inf, *steam, (self.on, -unit.condensing_min_w / _MEGA))
        add.rows(
            0.0,
            np.inf,
            (self.power, 1.0),
            (self.heat, -unit.back_pressure_ratio),
            (self.on, -unit.back_pressure_offset_w / _MEGA),
        )
        add.rows(-np.inf, 0.0, (self.heat, 1.0), (self.on, -unit.heat_max_w / _MEGA))
        for line in unit.fuel_lines:
            burnt = (self.power, -line.slope), (self.heat, -line.slope * unit.power_loss_ratio)
            add.rows(0.0, np.inf, (fuel, 1.0), (self.on, -line.no_load_w / _MEGA), *burnt)
        self._ramps(steam, start, stop)

    def _commitment(self) -> tuple[Columns, Columns]:
        """Running, starts and stops; starts and stops are whole wherever running is."""
        day, unit, state = self._day, self._day.model.plant.unit, self._day.model.state
        slots, add = day.slots, self._programme
        low, high = np.zeros(slots), np.ones(slots)
        rest_h = (unit.min_up_h if state.running else unit.min_down_h) - state.hours_so
        held = min(slots, max(0, _slots(rest_h, day.hours)))
        (low if state.running else high)[:held] = float(state.running)
        self.on = add.columns(slots, low, high, integer=True)
        start = add.columns(slots, 0.0, 1.0, self._cost(unit.start_cost))
        stop = add.columns(slots, 0.0, 1.0)
        first = np.zeros(slots)
        first[0] = float(state.running)
        add.rows(first, first, (self.on, 1.0), (earlier(self.on), -1.0), (start, -1.0), (stop, 1.0))
        for least_h, moved, sign in ((unit.min_up_h, start, -1.0), (unit.min_down_h, stop, 1.0)):
            window = min(slots, max(1, _slots(least_h, day.hours)))
            recent: list[Term] = [(earlier(moved, back), 1.0) for back in range(window)]
            add.rows(-np.inf, max(sign, 0.0), *recent, (self.on, sign))
        return start, stop

    def _ramps(self, steam: tuple[Term, Term], start: Columns, stop: Columns) -> None:
        """Live steam moves by the ramp; a start or stop may jump to or from the minimum."""
        day, unit, state = self._day, self._day.model.plant.unit, self._day.model.state
        add = self._programme
        ramp = unit.ramp_w_per_h * day.hours / _MEGA
        jump = max(unit.condensing_min_w / _MEGA, ramp)
        before = unit.live_steam_w(state.power_w, state.heat_w) / _MEGA * state.running
        was = tuple((earlier(columns), -float(factor)) for columns, factor in steam)
        upward, downward = np.zeros(day.slots), np.zeros(day.slots)
        upward[0] = before + ramp * state.running
        downward[0] = before
        add.rows(-np.inf, upward, *steam, *was, (earlier(self.on), -ramp), (start, -jump))
        add.rows(downward, np.inf, *steam, *was, (self.on, ramp), (stop, jump))

    def _heat_side(self) -> None:
        day, plant, state = self._day, self._day.model.plant, self._day.model.state
        slots, hours, add = day.slots, day.hours, self._programme
        fuel = plant.boiler_fuel_per_kwh * _KW_PER_MW / plant.boiler.efficiency
        top = plant.boiler.heat_max_w / _MEGA
        self.boiler = add.columns(slots, 0.0, top, self._cost(fuel * hours))
        charge = np.isin(day.periods, list(MAY_CHARGE[self._strategy]))
        discharge = np.isin(day.periods, list(MAY_DISCHARGE[self._strategy]))
        self.store = add.columns(
            slots,
            np.where(discharge, -plant.store.discharge_max_w / _MEGA, 0.0),
            np.where(charge, plant.store.charge_max_w / _MEGA, 0.0),
        )
        keeps = (1.0 - plant.store.loss_per_hour) ** hours
        found = state.stored_wh / _MEGA
        full = plant.store.capacity_wh / _MEGA
        held = self._strategy is Strategy.HEAT_LED
        self.stored = add.columns(slots, found if held else 0.0, found if held else full)
        first = np.zeros(slots)
        first[0] = keeps * found
        flow: tuple[Term, ...] = (self.stored, 1.0), (earlier(self.stored), -keeps)
        add.rows(first, first, *flow, (self.store, -hours))
        idle = slots - 1 - int(np.flatnonzero(charge)[-1]) if charge.any() else slots
        last = self.stored[-1:]
        self._limit(STORE_GIVEN_BACK, found * keeps**idle, np.inf, (last, 1.0))
        supply: tuple[Term, ...] = (self.heat, 1.0), (self.boiler, 1.0), (self.store, -1.0)
        self._buildings(supply)

    def _buildings(self, supply: tuple[Term, ...]) -> None:
        day, buildings, outlook = self._day, self._day.model.plant.buildings, self._day.outlook
        slots, hours, add = day.slots, day.hours, self._programme
        step = thermal_step(buildings, hours)
        self.indoor = add.columns(slots, -np.inf)
        structure = add.columns(slots, -np.inf)
        net = (buildings.gain_w - outlook.hot_water_w) / _MEGA
        start = np.array([day.model.state.indoor_c, day.model.state.structure_c])
        for place, temperature in enumerate((self.indoor, structure)):
            warming = step.heat[place] * _MEGA
            driven = warming * net + step.weather[place] * outlook.outdoor_c
            driven[0] += step.keep[place] @ start
            heated = [(columns, -warming * float(factor)) for columns, factor in supply]
            add.rows(
                driven,
                driven,
                (temperature, 1.0),
                (earlier(self.indoor), -step.keep[place, 0]),
                (earlier(structure), -step.keep[place, 1]),
                *heated,
            )
        off = add.columns(slots, cost=self._cost(day.model.plant.discomfort_per_k_h * hours))
        add.rows(-buildings.set_point_c, np.inf, (off, 1.0), (self.indoor, -1.0))
        add.rows(buildings.set_point_c, np.inf, (off, 1.0), (self.indoor, 1.0))
        if self._strategy is Strategy.HEAT_LED:
            load = outlook.heat_load_w / _MEGA
            self._limit(TOO_COLD, load, load, *supply)
            return
        rest_indoor, rest_structure = day.rest_c()
        coldest = np.minimum(buildings.lowest_c + outlook.colder_k, rest_indoor)
        warmest = np.maximum(buildings.highest_c - outlook.warmer_k, rest_indoor)
        self._limit(TOO_COLD, coldest, np.inf, (self.indoor, 1.0))
        self._limit(TOO_WARM, -np.inf, warmest, (self.indoor, 1.0))
        self._limit(HOT_WATER, outlook.hot_water_high_w / _MEGA, np.inf, *supply)
        share = buildings.structure_wh_per_k / buildings.indoor_wh_per_k
        warmth = float(rest_indoor[-1] + share * rest_structure[-1])
        ends: tuple[Term, Term] = (self.indoor[-1:], 1.0), (structure[-1:], share)
        self._limit(WARMTH_GIVEN_BACK, warmth - 1e-6, np.inf, *ends)

    def _grid_side(self) -> None:
        day, signal, add = self._day, self._day.signal, self._programme
        wind = day.outlook.wind_w / _MEGA
        load, least = signal.load_w / _MEGA, signal.others_least_w / _MEGA
        weight = 1.0 / wind.shape[0]
        curtailing = self._cost(signal.curtailment_per_kwh * _KW_PER_MW * day.hours * weight)
        peak_cost = signal.peak_per_kw * _KW_PER_MW
        counts = self._aim == "peak" or peak_cost > 0.0 or np.isfinite(signal.peak_limit_w)
        if self._strategy is Strategy.HEAT_LED:
            counts = False
        self.curtailed, self.peak = [], []
        for blows in wind:
            curtailed = add.columns(day.slots, 0.0, blows, curtailing)
            self._limit(
                GRID_ROOM, -np.inf, load - least - blows, (self.power, 1.0), (curtailed, -1.0)
            )
            self.curtailed.append(curtailed)
            if not counts:
                continue
            cost = weight if self._aim == "peak" else self._cost(peak_cost * weight)
            peak = add.columns(1, -np.inf, np.inf, cost)
            peaks = np.repeat(peak, day.slots)
            add.rows(load - blows, np.inf, (peaks, 1.0), (self.power, 1.0), (curtailed, -1.0))
            if np.isfinite(signal.peak_limit_w):
                self._limit(PEAK_LIMIT, -np.inf, signal.peak_limit_w / _MEGA, (peak, 1.0))
            self.peak.append(peak)


def _slots(duration_h: float, slot_hours: float) -> int:
    """Whole slots that last at least a duration."""
    return int(np.ceil(duration_h / slot_hours - 1e-9))


def _bounds(slots: int, fixed: Sequence[Edit], line: str) -> tuple[FloatArray, FloatArray]:
    lower, upper = np.zeros(slots), np.full(slots, np.inf)
    for edit in fixed:
        if edit.line == line:
            lower[edit.slot] = upper[edit.slot] = edit.value_w / _MEGA
    return lower, upper
