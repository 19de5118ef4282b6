"""The station on prices alone, as a programme built once and solved again and again.

For batches and for operation hour by hour: thousands of solutions a second. It knows power,
efficiencies, self-discharge, state of charge, wear, the end and a price of the highest draw;
ramps and longest runs are left to :mod:`twin.storage_station.programme`.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from twin.storage_station.station import WH_PER_KWH, FloatArray, StorageStation

_W_PER_KW = 1000.0
_PRIMAL = 4


class PriceProgrammeError(RuntimeError):
    """HiGHS found no optimal schedule."""


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """``energy_wh`` net at the grid (positive consumes) and ``stored_wh`` after each slot, (slot,).

    ``cost`` is energy bought less sold, wear and the price of the peak, less what the end is worth,
    in currency. ``peak_w`` is the highest draw, 0 where it has no price.
    """

    energy_wh: FloatArray
    stored_wh: FloatArray
    cost: float
    peak_w: float = 0.0


class PriceProgramme:
    """Minimise ``p (c - d) + wear``: stored energy changes by ``gain c - drain d`` and leaks.

    The programme lives in HiGHS. New prices change costs alone, so the last basis stays feasible
    and the primal simplex goes on from it. HiGHS sees kWh, so that its tolerances are small beside
    prices. Charging and discharging in one slot pays only at negative prices; such slots are
    netted, which keeps the store's course but is then no longer proven best.

    Args:
        peak_per_kw: what each kW of the highest draw of load and station costs, currency.
    """

    def __init__(
        self,
        station: StorageStation,
        slots: int,
        slot_hours: float,
        peak_per_kw: float = 0.0,
    ) -> None:
        self._station = station
        self._slots = slots
        self._hours = slot_hours
        self._peak_per_kw = peak_per_kw
        self._gain = station.charge_efficiency
        self._drain = 1.0 / station.discharge_efficiency
        self._kept = station.kept(slot_hours)
        peaked = peak_per_kw > 0.0
        program = highspy.HighsLp()
        columns = 3 * slots + int(peaked)
        program.num_col_ = columns
        program.num_row_ = slots * (1 + int(peaked))
        program.col_cost_ = np.r_[np.zeros(3 * slots), [peak_per_kw] * int(peaked)]
        free = [-np.inf] * int(peaked)
        least, most = station.least_wh / WH_PER_KWH, station.most_wh / WH_PER_KWH
        program.col_lower_ = np.r_[np.zeros(2 * slots), np.full(slots, least), free]
        program.col_upper_ = np.r_[
            np.full(slots, station.charge_power_w * slot_hours / WH_PER_KWH),
            np.full(slots, station.discharge_power_w * slot_hours / WH_PER_KWH),
            np.full(slots, most),
            [np.inf] * int(peaked),
        ]
        starts, index, value = [0], [], []
        for slot in range(slots):
            index += [slot, slots + slot, 2 * slots + slot]
            value += [-self._gain, self._drain, 1.0]
            if slot:
                index.append(2 * slots + slot - 1)
                value.append(-self._kept)
            starts.append(len(index))
        for slot in range(slots if peaked else 0):
            index += [slot, slots + slot, 3 * slots]
            value += [-1.0, 1.0, slot_hours]
            starts.append(len(index))
        program.row_lower_ = np.zeros(program.num_row_)
        program.row_upper_ = np.r_[np.zeros(slots), [np.inf] * (slots if peaked else 0)]
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.array(starts)
        program.a_matrix_.index_ = np.array(index)
        program.a_matrix_.value_ = np.array(value)
        self._columns = np.arange(2 * slots, dtype=np.int32)
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, chosen in (
            ("output_flag", False),
            ("threads", 1),
            ("presolve", "off"),
            ("simplex_strategy", _PRIMAL),
        ):
            self._solver.setOptionValue(option, chosen)
        self._solver.passModel(program)
        self._last = (np.nan, np.nan, np.nan)

    def solve(
        self,
        price_per_kwh: FloatArray,
        stored_wh: float | None = None,
        end_least_wh: float | None = None,
        end_value_per_kwh: float = 0.0,
        load_w: FloatArray | None = None,
    ) -> PriceSchedule:
        """The cheapest schedule at these prices, shape (slot,).

        Args:
            stored_wh: in the store at the beginning; None: half of the capacity.
            end_least_wh: in the store at the end at least; None: what was in it at the beginning.
            end_value_per_kwh: what a kWh stored at the end is worth, currency.
            load_w: the load that the peak is counted with, shape (slot,), W; None: as before,
                nothing at first.

        Raises PriceProgrammeError if HiGHS ends without an optimum.
        """
        slots, price = self._slots, price_per_kwh
        start = self._station.capacity_wh / 2.0 if stored_wh is None else stored_wh
        end = start if end_least_wh is None else end_least_wh
        self._set_ends(start, end, end_value_per_kwh)
        if load_w is not None:
            self._set_load(load_w)
        wear = self._station.wear_per_kwh
        cost = np.concatenate([price + wear * self._gain, wear * self._drain - price])
        self._solver.changeColsCost(cost.size, self._columns, cost)
        self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            # From the last basis it may lose its way in rounding: once more from nothing.
            self._solver.clearSolver()
            self._solver.run()
            status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise PriceProgrammeError(
                f"HiGHS ended with {self._solver.modelStatusToString(status)}: begin with "
                f"{start:g} Wh, end with {end:g} Wh or more"
            )
        found = np.array(self._solver.getSolution().col_value)
        charge, discharge, stored = np.split(found[: 3 * slots], 3)
        both = np.minimum(charge, discharge) > 0.0
        change = self._gain * charge - self._drain * discharge
        charge = np.where(both, np.maximum(change, 0.0) / self._gain, charge)
        discharge = np.where(both, np.maximum(-change, 0.0) / self._drain, discharge)
        total = float(cost[:slots] @ charge + cost[slots:] @ discharge)
        total -= end_value_per_kwh * float(stored[-1])
        peak_w = 0.0
        if found.size > 3 * slots:
            peak_w = float(found[-1]) * _W_PER_KW
            total += self._peak_per_kw * float(found[-1])
        return PriceSchedule((charge - discharge) * WH_PER_KWH, stored * WH_PER_KWH, total, peak_w)

    def _set_load(self, load_w: FloatArray) -> None:
        for slot, draw_kwh in enumerate((load_w * self._hours / WH_PER_KWH).tolist()):
            self._solver.changeRowBounds(self._slots + slot, draw_kwh, np.inf)

    def _set_ends(self, start_wh: float, end_wh: float, end_value_per_kwh: float) -> None:
        if self._last == (start_wh, end_wh, end_value_per_kwh):
            return
        self._last = (start_wh, end_wh, end_value_per_kwh)
        slots, station = self._slots, self._station
        begin = self._kept * start_wh / WH_PER_KWH
        self._solver.changeRowBounds(0, begin, begin)
        least = max(end_wh, station.least_wh) / WH_PER_KWH
        self._solver.changeColBounds(3 * slots - 1, least, station.most_wh / WH_PER_KWH)
        self._solver.changeColCost(3 * slots - 1, -end_value_per_kwh)
