"""From scenarios and signal to the plan, with proofs of its cost and of its peak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twin.chp.comfort import satisfaction
from twin.chp.diagnosis import check_edits, infeasible
from twin.chp.model import ChpModel, ChpSamples, FloatArray, GridSignal, check_lengths
from twin.chp.operation_programme import Day, OperationProgramme
from twin.chp.outlook import outlook_of
from twin.chp.periods import find_periods
from twin.chp.plan import ChpPlan, Proof, Strategy
from twin.chp.region import marginal_fuel, power_limits
from twin.chp.strategy import compare_storage
from twin.edits import Edit
from twin.milp import InfeasibleProgrammeError, Solution

LARGEST_GAP = 1e-3
"""No plan leaves here whose cost is not proven to lie within this share of the best."""

_AIMED_GAP = 5e-4
_SECONDS = 120.0
_MEGA = 1e6


def day_of(model: ChpModel, samples: ChpSamples, signal: GridSignal) -> Day:
    """Put the planning task together. Raises ChpShapeError where lengths differ."""
    check_lengths(model.horizon, samples, signal)
    periods = find_periods(signal.load_w, model.horizon.slot_hours)
    return Day(model, outlook_of(model, samples), signal, periods)


def plan_day(
    model: ChpModel,
    samples: ChpSamples,
    signal: GridSignal,
    strategy: Strategy | None = None,
    fixed: Sequence[Edit] = (),
) -> ChpPlan:
    """Decide the day.

    Without a strategy the standard's rule chooses one; where its periods leave no plan, as an
    edit may demand, the store is used freely.

    Raises InfeasiblePlanError, naming the edits in conflict or the limits that no plan keeps;
    ValueError for an edit that names no line or slot.
    """
    day = day_of(model, samples, signal)
    check_edits(day, fixed)
    comparison = compare_storage(day)
    tried = (comparison.strategy, Strategy.FREE) if strategy is None else (strategy,)
    heat_led = OperationProgramme(day, Strategy.HEAT_LED, elastic=True)
    rest = heat_led.solve(_AIMED_GAP, _SECONDS)
    for chosen in tried:
        programme = OperationProgramme(
            day, chosen, fixed, elastic=chosen is Strategy.HEAT_LED and not fixed
        )
        try:
            solution = programme.solve(_AIMED_GAP, _SECONDS)
            break
        except InfeasibleProgrammeError:
            continue
    else:
        raise infeasible(day, tried[-1], fixed)
    values = solution.values
    unit = model.plant.unit
    running = values[programme.on] > 0.5
    power = np.where(running, values[programme.power], 0.0) * _MEGA
    heat = np.where(running, values[programme.heat], 0.0) * _MEGA
    least, most = _flexibility(model, running, power, heat)
    room = signal.load_w - signal.others_least_w - power
    curtailed = np.clip(samples.wind_w - room, 0.0, samples.wind_w)
    taken = (samples.wind_w - curtailed).mean(axis=0)
    indoor = values[programme.indoor]
    return ChpPlan(
        horizon=model.horizon,
        strategy=chosen,
        comparison=comparison,
        running=running,
        power_w=power,
        heat_w=heat,
        boiler_w=values[programme.boiler] * _MEGA,
        store_w=values[programme.store] * _MEGA,
        stored_wh=values[programme.stored] * _MEGA,
        baseline_power_w=rest.values[heat_led.power] * _MEGA,
        baseline_heat_w=rest.values[heat_led.heat] * _MEGA,
        least_power_w=least,
        most_power_w=most,
        marginal_cost_per_kwh=model.plant.fuel_per_kwh * marginal_fuel(unit, power, heat),
        wind_taken_w=taken,
        wind_curtailed_w=curtailed.mean(axis=0),
        residual_w=signal.load_w - power - taken,
        indoor_c=indoor,
        indoor_low_c=indoor - day.outlook.colder_k,
        indoor_high_c=indoor + day.outlook.warmer_k,
        satisfaction=satisfaction(indoor),
        proof=_proof(day, programme, solution),
    )


def peak_bound_w(day: Day) -> float:
    """The lower bound on the expected peak, W.

    Any operation at all, whatever it costs, that keeps the limits of the day: the programme with
    the peak as its only cost and the store free, integers relaxed. A relaxation's optimum is below
    that of every plan it contains, and it contains them all. Raises InfeasiblePlanError where no
    operation keeps the limits.
    """
    programme = OperationProgramme(day, Strategy.FREE, aim="peak")
    try:
        return programme.solve(0.0, _SECONDS, relaxed=True).objective * _MEGA
    except InfeasibleProgrammeError:
        raise infeasible(day, Strategy.FREE, ()) from None


def _proof(day: Day, programme: OperationProgramme, solution: Solution) -> Proof:
    values = solution.values
    wind = day.outlook.wind_w
    curtailed = np.array([values[columns] for columns in programme.curtailed]) * _MEGA
    residual = day.signal.load_w - values[programme.power] * _MEGA - wind + curtailed
    return Proof(
        cost=solution.objective,
        cost_bound=solution.bound,
        peak_w=float(residual.max(axis=1).mean()),
        peak_bound_w=peak_bound_w(day),
    )


def _flexibility(
    model: ChpModel, running: NDArray[np.bool_], power_w: FloatArray, heat_w: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far each slot's power could lie, heat and the neighbouring slots as planned, W."""
    unit = model.plant.unit
    lost = unit.power_loss_ratio * heat_w
    steam = power_w + lost
    ramp = unit.ramp_w_per_h * model.horizon.slot_hours
    least, most = power_limits(unit, heat_w)
    for now, beside in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        both = running[now] & running[beside]
        least[now] = np.maximum(least[now], np.where(both, steam[beside] - ramp - lost[now], 0.0))
        free = most[now]
        most[now] = np.minimum(free, np.where(both, steam[beside] + ramp - lost[now], free))
    at_rest = np.where(running, 0.0, power_w)
    return (
        np.where(running, np.minimum(least, power_w), at_rest),
        np.where(running, np.maximum(most, power_w), at_rest),
    )
