"""Plans of the two strategies, robust over the scenarios, with a person's edits kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.mall.building import FloatArray
from twin.mall.chiller_lines import LoadLines, load_lines
from twin.mall.drive import Drive, drive_of, expected
from twin.mall.flexibility import adjustable_power_w
from twin.mall.model import BoolArray, GridSignal, MallModel, MallSamples, check_lengths
from twin.mall.physics import (
    PRECOOLING_SLOTS,
    PREPARATION_SLOTS,
    Course,
    conditioned,
    electricity_w,
    feedback_gain,
    initial_state,
    operative_c,
    run,
    thermostats,
)
from twin.mall.plan import ELECTRICITY, LINES, MallPlan, Strategy
from twin.mall.preference import satisfaction
from twin.mall.programme import DayProgramme, Limits, Schedule
from twin.mall.reduction import explore_set_points, greatest_response
from twin.mall.scenario_room import ScenarioRoom, scenario_room
from twin.mall.thermal import Network, thermal_network

RESPONSE_KEPT = 0.995
"""Cost is lowered at this share of the greatest response: the last of it is dear."""

_WH_PER_KWH = 1000.0
_TOLERANCE_W = 1.0
_TIE = 1e-3
_BEYOND_K = 1e-4


@dataclass(frozen=True, slots=True)
class _Problem:
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


def decide(
    model: MallModel,
    samples: MallSamples,
    signal: GridSignal,
    strategy: Strategy,
    fixed: Sequence[Edit] = (),
) -> MallPlan:
    """Plan the day. A single scenario counts as known.

    Load shifting takes as much energy out of the grid's peak as comfort allows, then lowers cost
    without drawing more at any time than the usual day's highest. Load reduction holds the set
    point of greatest response. Both keep comfort in the model's share of scenarios.

    Args:
        fixed: values of the lines ``electricity`` or ``chiller`` that a person set, W.

    Raises:
        InfeasiblePlanError: naming edits that cannot stand together, or what comfort lacks.
        MallShapeError: where series do not fit the horizon.
    """
    check_lengths(model.horizon, samples, signal, model.forecast)
    _check_edits(model, fixed)
    problem = _problem(model, samples, signal, strategy)
    if strategy is Strategy.NO_CONTROL:
        if fixed:
            raise InfeasiblePlanError("thermostats without control keep no edits", tuple(fixed))
        return _usual_plan(problem)
    schedule = _solved(problem, tuple(fixed))
    if schedule is None:
        conflicts = smallest_conflict(fixed, lambda chosen: _feasible(problem, tuple(chosen)))
        if conflicts:
            raise InfeasiblePlanError(
                "comfort, chillers or cold store cannot do what is fixed", conflicts
            )
        raise InfeasiblePlanError(_what_lacks(problem))
    return _plan(problem, schedule)


def _problem(
    model: MallModel, samples: MallSamples, signal: GridSignal, strategy: Strategy
) -> _Problem:
    network = thermal_network(model.mall, model.horizon.slot_hours)
    drives = drive_of(model.mall, network, model.forecast, samples)
    drive = expected(drives)
    feedback = feedback_gain(network)
    acts = conditioned(model.forecast, PRECOOLING_SLOTS)
    share = model.comfort_share
    room = scenario_room(network, model.forecast, drives, feedback, acts, share)
    usual = run(
        model.mall,
        network,
        model.forecast,
        drive,
        initial_state(model.state, 1),
        thermostats(network, model.forecast, model.set_point_c),
    )
    baseline, _ = electricity_w(model.mall, drive, usual.cooling_w)
    set_point = model.set_point_c
    if strategy is Strategy.LOAD_REDUCTION:
        chosen = greatest_response(explore_set_points(model, samples, signal), share)
        set_point = set_point + chosen.offset_k
    return _Problem(
        model=model,
        signal=signal,
        strategy=strategy,
        network=network,
        drive=drive,
        room=room,
        feedback_w_per_k=feedback,
        lines=load_lines(model.mall.chillers),
        usual=usual,
        baseline_w=baseline[0],
        set_point_c=set_point,
    )


def _solved(problem: _Problem, edits: tuple[Edit, ...]) -> Schedule | None:
    """The strategy's schedule with the edits kept; None where none keeps them."""
    cooling = _fixed_cooling_w(problem, edits)
    if cooling is None:
        return None
    if problem.strategy is Strategy.LOAD_REDUCTION:
        return _reduced(problem, cooling)
    return _shifted(problem, cooling)


def _feasible(problem: _Problem, edits: tuple[Edit, ...]) -> bool:
    """Whether any schedule keeps the edits and comfort."""
    cooling = _fixed_cooling_w(problem, edits)
    if cooling is None:
        return False
    shifts = problem.strategy is Strategy.LOAD_SHIFTING
    ahead = PRECOOLING_SLOTS if shifts else PREPARATION_SLOTS
    acts = conditioned(problem.model.forecast, ahead)
    found = _programme(problem, cooling, acts, stores=shifts).solve({}, may_leave_band=True)
    return found is not None and found.beyond_k < _BEYOND_K


def _shifted(problem: _Problem, fixed_cooling_w: FloatArray) -> Schedule | None:
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


def _reduced(problem: _Problem, fixed_cooling_w: FloatArray) -> Schedule | None:
    acts = conditioned(problem.model.forecast)
    programme = _programme(problem, fixed_cooling_w, acts, stores=False)
    programme.follow(problem.set_point_c, acts)
    found = programme.solve({"off_target": 1.0, "power": _TIE}, may_leave_band=True)
    return None if found is None or found.beyond_k > _BEYOND_K else found


def _programme(
    problem: _Problem, fixed_cooling_w: FloatArray, cools: BoolArray, stores: bool
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


def _fixed_cooling_w(problem: _Problem, edits: tuple[Edit, ...]) -> FloatArray | None:
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


def _what_lacks(problem: _Problem) -> str:
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


def _plan(problem: _Problem, schedule: Schedule) -> MallPlan:
    model, drive = problem.model, problem.drive
    chillers = model.mall.chillers.power_w(schedule.chilled_w, drive.condenser_c[0])
    return _put_together(
        problem,
        schedule.state_c,
        schedule.cooling_w,
        chillers,
        schedule.store_w,
        schedule.stored_wh,
    )


def _usual_plan(problem: _Problem) -> MallPlan:
    course, drive = problem.usual, problem.drive
    _, chillers = electricity_w(problem.model.mall, drive, course.cooling_w)
    slots = problem.baseline_w.size
    kept = 1.0 - problem.model.mall.store.loss_per_hour
    hours = problem.model.horizon.slot_hours * np.arange(slots + 1, dtype=float)
    stored: FloatArray = problem.model.state.stored_wh * kept**hours
    return _put_together(
        problem, course.state_c[:, 0], course.cooling_w[:, 0], chillers[0], np.zeros(slots), stored
    )


def _put_together(
    problem: _Problem,
    state_c: FloatArray,
    cooling_w: FloatArray,
    chiller_w: FloatArray,
    store_w: FloatArray,
    stored_wh: FloatArray,
) -> MallPlan:
    model, day = problem.model, problem.model.forecast
    felt = operative_c(state_c[1:])
    electricity = problem.drive.other_w + chiller_w
    least, most = adjustable_power_w(
        model.mall,
        problem.network,
        day,
        problem.drive,
        state_c,
        cooling_w,
        store_w,
        stored_wh,
        problem.low_c,
        problem.high_c,
        model.horizon.slot_hours,
    )
    zones = len(model.mall.zones)
    return MallPlan(
        horizon=model.horizon,
        strategy=problem.strategy,
        peak=problem.signal.peak,
        electricity_w=electricity,
        chiller_w=chiller_w,
        baseline_w=problem.baseline_w,
        least_w=np.minimum(least, electricity),
        most_w=np.maximum(most, electricity),
        cooling_w=cooling_w,
        store_w=store_w,
        stored_wh=stored_wh[1:],
        air_c=state_c[:, :zones],
        operative_c=felt,
        low_c=problem.low_c,
        high_c=problem.high_c,
        feedback_w_per_k=problem.feedback_w_per_k,
        satisfaction=satisfaction(model, day, felt),
    )


def _check_edits(model: MallModel, edits: Sequence[Edit]) -> None:
    for edit in edits:
        if edit.line not in LINES:
            raise ValueError(f"a mall's plan has no line {edit.line!r}; it has {', '.join(LINES)}")
        if not 0 <= edit.slot < model.horizon.slots:
            raise ValueError(
                f"slot {edit.slot} is not one of the {model.horizon.slots} of the plan"
            )
        if not np.isfinite(edit.value_w):
            raise ValueError(f"{edit.line}[{edit.slot}] is fixed to no power at all")


def _line_power_kw(problem: _Problem, chilled_w: FloatArray) -> FloatArray:
    """Power by the programme's own lines, (slot,)."""
    chillers = problem.model.mall.chillers
    condenser = problem.drive.condenser_c[0]
    load = chilled_w / chillers.capacity_of_all_w(condenser)
    full = chillers.full_power_w(condenser)
    kilowatts: FloatArray = (
        full * problem.lines.power(load) + chillers.auxiliary_share * chilled_w
    ) / _WH_PER_KWH
    return kilowatts


def _ratio(problem: _Problem) -> FloatArray:
    ratio: FloatArray = problem.drive.coil_ratio[0]
    return ratio


def _mass_end_c(problem: _Problem) -> FloatArray:
    zones = len(problem.model.mall.zones)
    end: FloatArray = problem.usual.state_c[-1, 0, zones:]
    return end


def _price_of_warmth(problem: _Problem) -> float:
    """What taking a kWh of heat left in the mass out tomorrow costs, at the mean price."""
    mall = problem.model.mall
    per_heat = mall.chillers.auxiliary_share + 1.0 / mall.chillers.reference_cop
    return max(float(problem.signal.price_per_kwh.mean()) * per_heat, _TIE)
