"""The linear programme behind every optimised plan, solved with HiGHS.

For vehicle i and slot t, with charged c, discharged d (both at the grid) and stored e:

    minimise   sum_it w_it (p_t (c_it - d_it) + g_i (eta_i c_it + d_it / mu_i))
               + sum_ik l_ik v_i max(0, target_i - e_ik)
    subject to e_i,t+1 = e_it + eta_i c_it - d_it / mu_i,   reserve <= e <= capacity,
               -L_t <= b_t + sum_i (c_it - d_it) <= L_t.

w is the probability of still being plugged in, l the probability of leaving at a slot's edge, v the
value of energy missing then, g the wear. Since all that is ever learnt about a departure is that it
has not happened yet, the optimal plan made at plug-in stays optimal until the vehicle leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.model import FloatArray, Stays, Vehicles
from twin.horizon import Horizon

_WH_PER_KWH = 1000.0
_OVERLOAD_FACTOR = 20.0
_EARLIER_IS_BETTER = 1e-7


class DispatchError(RuntimeError):
    """HiGHS found no optimal solution."""


@dataclass(frozen=True, slots=True)
class DispatchProblem:
    """Arrays are shaped (vehicle, slot) unless said otherwise; energies in Wh.

    ``usable_share`` is the share of each slot that can be used, ``stay_weight`` the probability
    of being there, ``leave_weight`` (vehicle, slot + 1) that of leaving at each slot edge.
    ``import_wh`` and ``export_wh`` (slot,) bound the vehicles' net energy: what base load and
    other vehicles leave. ``fixed_energy_wh`` holds net energies that may not be changed, NaN
    where free. With ``peak_price_per_kwh`` the limits may be passed, and the largest excess of
    any slot costs that much a kWh.
    """

    vehicles: Vehicles
    stored_wh: FloatArray
    target_wh: FloatArray
    usable_share: FloatArray
    stay_weight: FloatArray
    leave_weight: FloatArray
    price_per_kwh: FloatArray
    import_wh: FloatArray
    export_wh: FloatArray
    slot_hours: float
    fixed_energy_wh: FloatArray | None = None
    peak_price_per_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class DispatchSolution:
    """``charge_wh`` and ``discharge_wh`` at the grid, at least 0, never both in one cell.

    ``feeder_price_per_kwh`` (slot,) is the dual of the feeder limit: what another kWh of room
    would save; below zero where it is the export limit that binds. ``cost`` is the objective
    without the tie-break, in currency.
    """

    charge_wh: FloatArray
    discharge_wh: FloatArray
    feeder_price_per_kwh: FloatArray
    cost: float

    @property
    def energy_wh(self) -> FloatArray:
        return self.charge_wh - self.discharge_wh


@dataclass(frozen=True, slots=True)
class _Triplets:
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: FloatArray


def solve_dispatch(problem: DispatchProblem) -> DispatchSolution:
    """Solve the programme above. Raises DispatchError if HiGHS does not reach an optimum.

    The feeder limit is soft at a price beyond every other: where it cannot be kept, the excess
    is least. Charging and discharging in one cell (possible at negative prices only) is netted.
    """
    vehicles = problem.vehicles
    count, slots = problem.usable_share.shape
    zero = np.zeros((count, slots))
    owner, slot = np.nonzero(problem.usable_share > 0.0)
    if owner.size == 0:
        return DispatchSolution(zero, zero.copy(), np.zeros(slots), 0.0)
    cells = owner.size
    first = np.r_[True, owner[1:] != owner[:-1]]
    hours = problem.usable_share[owner, slot] * problem.slot_hours
    price = problem.price_per_kwh[slot] / _WH_PER_KWH
    wear = vehicles.degradation_cost_per_kwh[owner] / _WH_PER_KWH
    gain = vehicles.charge_efficiency[owner]
    drain = 1.0 / vehicles.discharge_efficiency[owner]
    weight = problem.stay_weight[owner, slot]
    charge_cost = weight * (price + wear * gain) + _EARLIER_IS_BETTER / _WH_PER_KWH * slot
    discharge_cost = weight * (wear * drain - price)
    charge_top = vehicles.charge_power_w[owner] * hours
    discharge_top = vehicles.discharge_power_w[owner] * hours
    charge_low = np.zeros(cells)
    discharge_low = np.zeros(cells)
    if problem.fixed_energy_wh is not None:
        fixed = problem.fixed_energy_wh[owner, slot]
        held = ~np.isnan(fixed)
        charge_low[held] = charge_top[held] = np.maximum(fixed[held], 0.0)
        discharge_low[held] = discharge_top[held] = np.maximum(-fixed[held], 0.0)
    sells = np.flatnonzero(discharge_top > 0.0)
    present = np.bincount(slot, minlength=slots) > 0
    up = np.flatnonzero(present & (np.bincount(slot, charge_top, slots) > problem.import_wh))
    down = np.flatnonzero(present & (np.bincount(slot, discharge_top, slots) > problem.export_wh))
    if not (sells.size or up.size or down.size) and problem.fixed_energy_wh is None:
        return _uncoupled(problem, charge_cost, owner, slot, charge_top)
    leave = problem.leave_weight[owner, slot + 1]
    misses = np.flatnonzero(leave > 0.0)

    at_discharge = cells
    at_stored = at_discharge + sells.size
    at_missing = at_stored + cells
    at_over = at_missing + misses.size
    shared = problem.peak_price_per_kwh is not None
    slack = min(up.size + down.size, 1) if shared else up.size + down.size
    over = np.arange(at_over, at_over + up.size + down.size) if not shared else at_over

    capacity = np.maximum(vehicles.battery_capacity_wh, problem.stored_wh)[owner]
    floor = np.minimum(vehicles.reserve_wh, problem.stored_wh)[owner]
    missing_cost = leave[misses] * vehicles.value_of_energy_per_kwh[owner[misses]] / _WH_PER_KWH
    overload = _OVERLOAD_FACTOR * (
        float(vehicles.value_of_energy_per_kwh.max()) / _WH_PER_KWH + float(np.abs(price).max())
    )
    if problem.peak_price_per_kwh is not None:
        overload = problem.peak_price_per_kwh / _WH_PER_KWH
    cost = np.concatenate(
        [
            charge_cost,
            discharge_cost[sells],
            np.zeros(cells),
            missing_cost,
            np.full(slack, overload),
        ]
    )
    elsewhere = float((-problem.import_wh[~present]).max(initial=0.0)) if shared else 0.0
    bounded_below = np.r_[np.zeros(misses.size), np.full(slack, elsewhere)]
    lower = np.concatenate([charge_low, discharge_low[sells], floor, bounded_below])
    unbounded = np.full(misses.size + slack, highspy.kHighsInf)
    upper = np.concatenate([charge_top, discharge_top[sells], capacity, unbounded])

    cell = np.arange(cells)
    later = cell[~first]
    ones = np.ones
    at_up = cells + misses.size
    at_down = at_up + up.size
    parts = [
        (cell, at_stored + cell, ones(cells)),
        (later, at_stored + later - 1, -ones(later.size)),
        (cell, cell, -gain),
        (sells, at_discharge + np.arange(sells.size), drain[sells]),
        (cells + np.arange(misses.size), at_missing + np.arange(misses.size), ones(misses.size)),
        (cells + np.arange(misses.size), at_stored + misses, ones(misses.size)),
    ]
    for begin, limited, sign in ((at_up, up, 1.0), (at_down, down, -1.0)):
        row_of = np.full(slots, -1)
        row_of[limited] = begin + np.arange(limited.size)
        charging = np.flatnonzero(row_of[slot] >= 0)
        selling = np.flatnonzero(row_of[slot[sells]] >= 0)
        parts += [
            (row_of[slot[charging]], charging, sign * ones(charging.size)),
            (row_of[slot[sells[selling]]], at_discharge + selling, -sign * ones(selling.size)),
        ]
    limits = at_up + np.arange(up.size + down.size)
    parts.append((limits, np.broadcast_to(over, limits.shape), -ones(limits.size)))
    triplets = _Triplets(
        np.concatenate([part[0] for part in parts]).astype(np.int32),
        np.concatenate([part[1] for part in parts]).astype(np.int32),
        np.concatenate([part[2] for part in parts]),
    )
    balance = np.where(first, problem.stored_wh[owner], 0.0)
    row_lower = np.concatenate(
        [balance, problem.target_wh[owner[misses]], np.full(limits.size, -highspy.kHighsInf)]
    )
    row_upper = np.concatenate(
        [
            balance,
            np.full(misses.size, highspy.kHighsInf),
            problem.import_wh[up],
            problem.export_wh[down],
        ]
    )
    solution, duals = _solve(cost, lower, upper, row_lower, row_upper, triplets)

    charge, discharge = zero, zero.copy()
    charge[owner, slot] = solution[:cells]
    discharge[owner[sells], slot[sells]] = solution[at_discharge:at_stored]
    charge, discharge = _netted(vehicles, np.maximum(charge, 0.0), np.maximum(discharge, 0.0))
    feeder_price = np.zeros(slots)
    feeder_price[up] -= duals[at_up:at_down]
    feeder_price[down] += duals[at_down:]
    tie_break = _EARLIER_IS_BETTER / _WH_PER_KWH * float(slot @ solution[:cells])
    total = float(cost[:at_over] @ solution[:at_over]) - tie_break
    return DispatchSolution(charge, discharge, feeder_price, total)


def _uncoupled(
    problem: DispatchProblem,
    charge_cost: FloatArray,
    owner: NDArray[np.intp],
    slot: NDArray[np.intp],
    charge_top: FloatArray,
) -> DispatchSolution:
    """Vehicles that only charge, with room for all: each fills its most valuable slots first.

    A stored Wh is worth v times the probability of leaving after the slot, up to the target, so
    each vehicle's programme is a knapsack with divisible pieces and this is its optimum.
    """
    vehicles = problem.vehicles
    shape = problem.usable_share.shape
    after = np.cumsum(problem.leave_weight[:, ::-1], axis=1)[:, ::-1][:, 1:]
    worth = vehicles.value_of_energy_per_kwh[owner] / _WH_PER_KWH * after[owner, slot]
    margin = np.full(shape, -np.inf)
    margin[owner, slot] = worth - charge_cost / vehicles.charge_efficiency[owner]
    room = np.zeros(shape)
    room[owner, slot] = charge_top * vehicles.charge_efficiency[owner]
    top = np.minimum(problem.target_wh, vehicles.battery_capacity_wh)
    wanted = np.maximum(top - problem.stored_wh, 0.0)
    order = np.argsort(-margin, axis=1, kind="stable")
    best = np.where(np.take_along_axis(margin, order, axis=1) > 0.0, 1.0, 0.0)
    offered = np.take_along_axis(room, order, axis=1) * best
    filled = np.minimum(np.cumsum(offered, axis=1), wanted[:, None])
    stored = np.zeros(shape)
    np.put_along_axis(stored, order, np.diff(filled, axis=1, prepend=0.0), axis=1)
    charge = stored / vehicles.charge_efficiency[:, None]
    edges = np.cumsum(np.c_[problem.stored_wh, stored], axis=1)
    missing = np.maximum(problem.target_wh[:, None] - edges, 0.0)[:, 1:]
    missing *= problem.leave_weight[:, 1:] * vehicles.value_of_energy_per_kwh[:, None]
    paid = charge_cost - _EARLIER_IS_BETTER / _WH_PER_KWH * slot
    present = problem.usable_share > 0.0
    cost = float(paid @ charge[owner, slot] + missing[present].sum() / _WH_PER_KWH)
    return DispatchSolution(charge, np.zeros(shape), np.zeros(shape[1]), cost)


def _solve(
    cost: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    row_lower: FloatArray,
    row_upper: FloatArray,
    triplets: _Triplets,
) -> tuple[FloatArray, FloatArray]:
    """Solve in kWh, so that the solver's tolerances are small beside prices; answer in Wh.

    Row duals are per kWh.
    """
    order = np.lexsort((triplets.column, triplets.row))
    rows = row_lower.size
    program = highspy.HighsLp()
    program.num_col_ = cost.size
    program.num_row_ = rows
    program.col_cost_ = cost * _WH_PER_KWH
    program.col_lower_ = lower / _WH_PER_KWH
    program.col_upper_ = upper / _WH_PER_KWH
    program.row_lower_ = row_lower / _WH_PER_KWH
    program.row_upper_ = row_upper / _WH_PER_KWH
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = np.r_[0, np.cumsum(np.bincount(triplets.row, minlength=rows))]
    program.a_matrix_.index_ = triplets.column[order]
    program.a_matrix_.value_ = triplets.value[order]
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(program)
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise DispatchError(f"HiGHS ended with {solver.modelStatusToString(status)}")
    found = solver.getSolution()
    return np.array(found.col_value) * _WH_PER_KWH, np.array(found.row_dual)


def _netted(
    vehicles: Vehicles, charge: FloatArray, discharge: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same stored energies without charging and discharging at once."""
    gain = vehicles.charge_efficiency[:, None]
    drain = 1.0 / vehicles.discharge_efficiency[:, None]
    both = np.minimum(charge, discharge) > 0.0
    change = gain * charge - drain * discharge
    return (
        np.where(both, np.maximum(change, 0.0) / gain, charge),
        np.where(both, np.maximum(-change, 0.0) / drain, discharge),
    )


def known_stays_problem(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    price_per_kwh: FloatArray,
    base_load_w: FloatArray,
    limit_w: float,
) -> DispatchProblem:
    """The programme when every stay is known: weights are certain, shares exact."""
    share = stays.connected_share(horizon)
    slots = horizon.slots
    leave = np.zeros((vehicles.count, slots + 1))
    edge = np.where(share.any(axis=1), slots - np.argmax(share[:, ::-1] > 0, axis=1), 0)
    leave[np.arange(vehicles.count), edge] = 1.0
    limit_wh = np.full(slots, limit_w * horizon.slot_hours)
    base_wh = base_load_w * horizon.slot_hours
    return DispatchProblem(
        vehicles=vehicles,
        stored_wh=stays.initial_energy_wh,
        target_wh=np.minimum(stays.target_wh(), vehicles.battery_capacity_wh),
        usable_share=share,
        stay_weight=(share > 0.0).astype(float),
        leave_weight=leave,
        price_per_kwh=price_per_kwh,
        import_wh=limit_wh - base_wh,
        export_wh=limit_wh + base_wh,
        slot_hours=horizon.slot_hours,
    )
