"""The strategies as programmes of a day: what each asks for, and what a person has fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.edits import Edit
from twin.mall.building import FloatArray
from twin.mall.chiller_lines import LoadLines
from twin.mall.drive import Drive
from twin.mall.model import BoolArray, GridSignal, MallModel
from twin.mall.physics import (
    PRECOOLING_SLOTS,
    PREPARATION_SLOTS,
    Course,
    conditioned,
    operative_c,
)
from twin.mall.plan import ELECTRICITY, Strategy
from twin.mall.programme import DayProgramme, Limits, Schedule
from twin.mall.scenario_room import ScenarioRoom
from twin.mall.thermal import Network

RESPONSE_KEPT = 0.995
"""Cost is lowered at this share of the greatest response: the last of it is dear."""

_WH_PER_KWH = 1000.0
_TOLERANCE_W = 1.0
_TIE = 1e-3
_BEYOND_K = 1e-4


@dataclass(frozen=True, slots=True)
class DayProblem:
    """What both strategies, every edit and the diagnosis have in common."""

    model: MallModel
    signal: GridSignal
    strategy: Strategy
    network: Network
    drive: Drive
    room: ScenarioRoom
    feedback_w_per_k: FloatArray
    lines: LoadLines
    usual: Course
    baseline_w: FloatArray
    set_point_c: FloatArray

    @property
    def low_c(self) -> FloatArray:
        return self.model.band.low_c + self.room.colder_k

    @property
    def high_c(self) -> FloatArray:
        return self.model.band.high_c - self.room.warmer_k


def solved(problem: DayProblem, edits: tuple[Edit, ...]) -> Schedule | None:
    """The strategy's schedule with the edits kept; None where none keeps them."""
    cooling = _fixed_cooling_w(problem, edits)
    if cooling is None:
        return None
    if problem.strategy is Strategy.LOAD_REDUCTION:
        return _reduced(problem, cooling)
    return _shifted(problem, cooling)


def feasible(problem: DayProblem, edits: tuple[Edit, ...]) -> bool:
    """Whether any schedule keeps the edits and comfort."""
    cooling = _fixed_cooling_w(problem, edits)
    if cooling is None:
        return False
    shifts = problem.strategy is Strategy.LOAD_SHIFTING
    ahead = PRECOOLING_SLOTS if shifts else PREPARATION_SLOTS
    acts = conditioned(problem.model.forecast, ahead)
    found = _programme(problem, cooling, acts, stores=shifts).solve({}, may_leave_band=True)
    return found is not None and found.beyond_k < _BEYOND_K


def _shifted(problem: DayProblem, fixed_cooling_w: FloatArray) -> Schedule | None:
    acts = conditioned(problem.model.forecast, PRECOOLING_SLOTS)
    programme = _programme(problem, fixed_cooling_w, acts, stores=True)
    programme.count_left_warm(problem.model.mall, _mass_end_c(problem))
    hours = problem.model.horizon.slot_hours
    peak = problem.signal.peak.astype(float)
    price = problem.signal.price_per_kwh * hours
    warm_price = _price_of_warmth(problem)
    objective: dict[str, FloatArray | float] = {"power": hours * (peak + _TIE), "left_warm": _TIE}
    first = programme.solve(objective, may_leave_band=True)
    if first is None or first.beyond_k > _BEYOND_K:
        return None
    if not peak.any():
        return programme.solve({"power": price, "left_warm": warm_price})
    power = _line_power_kw(problem, first.chilled_w)
    usual = _line_power_kw(problem, problem.usual.cooling_w.sum(axis=2)[:, 0] * _ratio(problem))
    least = float(peak @ power) * hours
    given_up = (1.0 - RESPONSE_KEPT) * max(float(peak @ usual) * hours - least, 0.0)
    programme.hold_peak(peak, least + given_up + 1e-6 * max(least, 1.0))
    cheapest = programme.solve({"power": price, "left_warm": warm_price})
    return first if cheapest is None else cheapest


def _reduced(problem: DayProblem, fixed_cooling_w: FloatArray) -> Schedule | None:
    acts = conditioned(problem.model.forecast)
    programme = _programme(problem, fixed_cooling_w, acts, stores=False)
    programme.follow(problem.set_point_c, acts)
    found = programme.solve({"off_target": 1.0, "power": _TIE}, may_leave_band=True)
    return None if found is None or found.beyond_k > _BEYOND_K else found


def _programme(
    problem: DayProblem, fixed_cooling_w: FloatArray, cools: BoolArray, stores: bool
) -> DayProgramme:
    model, drive = problem.model, problem.drive
    condenser = drive.condenser_c[0]
    most = model.mall.chillers.capacity_of_all_w(condenser) - problem.room.more_cooling_w
    error = problem.lines.error * model.mall.chillers.full_power_w(condenser)
    highest = np.minimum(problem.signal.limit_w - error, problem.baseline_w.max())
    return DayProgramme(
        model.mall,
        problem.network,
        model.forecast,
        drive,
        model.state,
        Limits(
            low_c=problem.low_c,
            high_c=problem.high_c,
            cools=cools,
            stores=stores and model.mall.store.capacity_wh > 0.0,
            chiller_most_w=np.maximum(most, 0.0),
            power_most_w=highest - drive.other_w,
            fixed_cooling_w=fixed_cooling_w,
        ),
        problem.lines,
        model.horizon.slot_hours,
    )


def _fixed_cooling_w(problem: DayProblem, edits: tuple[Edit, ...]) -> FloatArray | None:
    """Chillers' cooling (slot,) that the edits mean, NaN elsewhere; None if they cannot be met."""
    drive, chillers = problem.drive, problem.model.mall.chillers
    condenser = drive.condenser_c[0]
    most = chillers.power_w(chillers.capacity_of_all_w(condenser), condenser)
    power = np.full(condenser.size, np.nan)
    for edit in edits:
        slot = edit.slot
        wanted = edit.value_w - (drive.other_w[slot] if edit.line == ELECTRICITY else 0.0)
        if not -_TOLERANCE_W <= wanted <= most[slot] + _TOLERANCE_W:
            return None
        if wanted + drive.other_w[slot] > problem.signal.limit_w + _TOLERANCE_W:
            return None
        if not np.isnan(power[slot]) and abs(power[slot] - wanted) > _TOLERANCE_W:
            return None
        power[slot] = max(wanted, 0.0)
    cooling = chillers.cooling_w(np.nan_to_num(power), condenser)
    return np.where(np.isnan(power), np.nan, cooling)


def what_lacks(problem: DayProblem) -> str:
    """Why there is no plan even without edits, in the words of the building."""
    free = np.full(problem.baseline_w.size, np.nan)
    acts = conditioned(problem.model.forecast, PRECOOLING_SLOTS)
    without = replace(problem, signal=replace(problem.signal, limit_w=float("inf")))
    best = _programme(without, free, acts, stores=True).solve({}, may_leave_band=True)
    if best is None:
        return "no plan keeps the cold store and the chillers within their limits"
    if best.beyond_k < 1e-3:
        return (
            f"comfort can be kept, but not below {problem.signal.limit_w / 1e3:.0f} kW at the "
            "meter: raise the limit, or widen the comfort class"
        )
    felt = operative_c(best.state_c[1:])
    over = np.maximum(felt - problem.high_c, problem.low_c - felt)
    over[~problem.model.forecast.open] = -np.inf
    slot, zone = np.unravel_index(int(np.argmax(over)), over.shape)
    return (
        f"no plan keeps comfort: {problem.model.mall.zones[int(zone)].name} is at best "
        f"{best.beyond_k:.1f} K outside its band in slot {int(slot)}, in "
        f"{problem.model.comfort_share:.0%} of scenarios; widen the class or the band, add "
        "chillers, or ask for fewer scenarios"
    )


def _line_power_kw(problem: DayProblem, chilled_w: FloatArray) -> FloatArray:
    """Power by the programme's own lines, (slot,)."""
    chillers = problem.model.mall.chillers
    condenser = problem.drive.condenser_c[0]
    load = chilled_w / chillers.capacity_of_all_w(condenser)
    full = chillers.full_power_w(condenser)
    kilowatts: FloatArray = (
        full * problem.lines.power(load) + chillers.auxiliary_share * chilled_w
    ) / _WH_PER_KWH
    return kilowatts


def _ratio(problem: DayProblem) -> FloatArray:
    ratio: FloatArray = problem.drive.coil_ratio[0]
    return ratio


def _mass_end_c(problem: DayProblem) -> FloatArray:
    zones = len(problem.model.mall.zones)
    end: FloatArray = problem.usual.state_c[-1, 0, zones:]
    return end


def _price_of_warmth(problem: DayProblem) -> float:
    """What taking a kWh of heat left in the mass out tomorrow costs, at the mean price."""
    mall = problem.model.mall
    per_heat = mall.chillers.auxiliary_share + 1.0 / mall.chillers.reference_cop
    return max(float(problem.signal.price_per_kwh.mean()) * per_heat, _TIE)
