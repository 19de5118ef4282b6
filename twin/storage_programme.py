"""The storage station's programme, built once and solved again and again for new prices."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_WH_PER_KWH = 1000.0


class StorageProgrammeError(RuntimeError):
    """HiGHS found no optimal schedule."""


@dataclass(frozen=True, slots=True)
class StorageSchedule:
    """``energy_wh`` net at the grid (positive consumes) and ``stored_wh`` after each slot, (slot,).

    ``cost`` is energy bought less sold plus wear, in currency.
    """

    energy_wh: FloatArray
    stored_wh: FloatArray
    cost: float


class StorageProgramme:
    """A battery on prices: minimise p (c - d) + wear, ending with at least what it began with.

    Stored energy changes by eta c - d / mu. The programme lives in HiGHS; new prices change
    costs alone, so the last basis stays feasible and the primal simplex goes on from it.
    HiGHS sees kWh, so that its tolerances are small beside prices. Simultaneous charging and
    discharging pays only at negative prices; such slots are netted.
    """

    def __init__(
        self,
        slots: int,
        slot_hours: float,
        power_w: float,
        capacity_wh: float,
        charge_efficiency: float,
        discharge_efficiency: float,
        wear_per_kwh: float = 0.0,
        initial_wh: float | None = None,
    ) -> None:
        self._slots = slots
        self._gain = charge_efficiency
        self._drain = 1.0 / discharge_efficiency
        self._wear = wear_per_kwh
        start_wh = capacity_wh / 2.0 if initial_wh is None else initial_wh
        start_kwh = start_wh / _WH_PER_KWH
        top = np.full(slots, power_w * slot_hours / _WH_PER_KWH)
        program = highspy.HighsLp()
        program.num_col_ = 3 * slots
        program.num_row_ = slots
        program.col_cost_ = np.zeros(3 * slots)
        floor = np.zeros(slots)
        floor[-1] = start_kwh
        program.col_lower_ = np.concatenate([np.zeros(2 * slots), floor])
        program.col_upper_ = np.concatenate([top, top, np.full(slots, capacity_wh / _WH_PER_KWH)])
        balance = np.zeros(slots)
        balance[0] = start_kwh
        program.row_lower_ = balance
        program.row_upper_ = balance
        starts, index, value = [0], [], []
        for slot in range(slots):
            index += [slot, slots + slot, 2 * slots + slot]
            value += [-self._gain, self._drain, 1.0]
            if slot:
                index.append(2 * slots + slot - 1)
                value.append(-1.0)
            starts.append(len(index))
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.array(starts)
        program.a_matrix_.index_ = np.array(index)
        program.a_matrix_.value_ = np.array(value)
        self._columns = np.arange(2 * slots, dtype=np.int32)
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("simplex_strategy", 4)
        self._solver.passModel(program)

    def solve(self, price_per_kwh: FloatArray) -> StorageSchedule:
        """The cheapest schedule at these prices, shape (slot,).

        Raises StorageProgrammeError if HiGHS ends without an optimum.
        """
        price = price_per_kwh
        cost = np.concatenate([price + self._wear * self._gain, self._wear * self._drain - price])
        self._solver.changeColsCost(cost.size, self._columns, cost)
        self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise StorageProgrammeError(
                f"HiGHS ended with {self._solver.modelStatusToString(status)}"
            )
        found = np.array(self._solver.getSolution().col_value)
        charge, discharge, stored = np.split(found, 3)
        both = np.minimum(charge, discharge) > 0.0
        change = self._gain * charge - self._drain * discharge
        charge = np.where(both, np.maximum(change, 0.0) / self._gain, charge)
        discharge = np.where(both, np.maximum(-change, 0.0) / self._drain, discharge)
        total = float(cost[: self._slots] @ charge + cost[self._slots :] @ discharge)
        return StorageSchedule((charge - discharge) * _WH_PER_KWH, stored * _WH_PER_KWH, total)
