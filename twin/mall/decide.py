"""Plans of the two strategies, robust over the scenarios, with a person's edits kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.mall.building import FloatArray
from twin.mall.chiller_lines import load_lines
from twin.mall.drive import drive_of, expected
from twin.mall.flexibility import adjustable_power_w
from twin.mall.model import GridSignal, MallModel, MallSamples, check_lengths
from twin.mall.physics import (
    PRECOOLING_SLOTS,
    conditioned,
    electricity_w,
    feedback_gain,
    initial_state,
    operative_c,
    run,
    thermostats,
)
from twin.mall.plan import LINES, MallPlan, Strategy
from twin.mall.preference import satisfaction
from twin.mall.programme import Schedule
from twin.mall.reduction import explore_set_points, greatest_response
from twin.mall.scenario_room import scenario_room
from twin.mall.strategies import DayProblem, feasible, solved, what_lacks
from twin.mall.thermal import thermal_network


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
    schedule = solved(problem, tuple(fixed))
    if schedule is None:
        conflicts = smallest_conflict(fixed, lambda chosen: feasible(problem, tuple(chosen)))
        if conflicts:
            raise InfeasiblePlanError(
                "comfort, chillers or cold store cannot do what is fixed", conflicts
            )
        raise InfeasiblePlanError(what_lacks(problem))
    return _plan(problem, schedule)


def _problem(
    model: MallModel, samples: MallSamples, signal: GridSignal, strategy: Strategy
) -> DayProblem:
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
    return DayProblem(
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


def _plan(problem: DayProblem, schedule: Schedule) -> MallPlan:
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


def _usual_plan(problem: DayProblem) -> MallPlan:
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
    problem: DayProblem,
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
