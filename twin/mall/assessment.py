"""How a day is judged: peak, cost, comfort; strategies against no control and foresight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from twin.comfort import comfort_table
from twin.edits import InfeasiblePlanError
from twin.horizon import Horizon
from twin.mall.decide import decide
from twin.mall.model import DayAhead, GridSignal, MallModel, MallSamples
from twin.mall.operation import hold_set_point, operate
from twin.mall.plan import MallOutcome, Strategy, energy_cost, peak_energy_wh
from twin.mall.preference import preferred_shift_k

FORESIGHT = "perfect foresight"

_NUMERICAL_K = 1e-3


@dataclass(frozen=True, slots=True)
class Assessment:
    """One day's result.

    ``peak_energy_wh`` and ``peak_power_w`` are drawn in the grid's peak, ``energy_wh`` and ``cost``
    all day. ``in_band`` is the share of open slots and zones within the comfort band, ``worst_k``
    how far outside at most; ``dissatisfied`` the mean share of customers who are (PPD), weighted by
    their number.
    """

    peak_energy_wh: float
    peak_power_w: float
    energy_wh: float
    cost: float
    in_band: float
    worst_k: float
    dissatisfied: float


def assess(
    model: MallModel, signal: GridSignal, outcome: MallOutcome, horizon: Horizon
) -> Assessment:
    """Judge a metered day by the model's comfort band and the signal's prices."""
    felt = outcome.operative_c[outcome.open]
    beyond = np.maximum(felt - model.band.high_c, model.band.low_c - felt)
    unhappy = comfort_table(model.comfort).dissatisfied(felt - preferred_shift_k(model))
    people = np.outer(outcome.customers[outcome.open], model.mall.of_zones("customer_share"))
    draw = outcome.electricity_w
    return Assessment(
        peak_energy_wh=peak_energy_wh(draw, signal, horizon),
        peak_power_w=float(draw[signal.peak].max(initial=0.0)),
        energy_wh=float(draw.sum()) * horizon.slot_hours,
        cost=energy_cost(draw, signal, horizon),
        in_band=float((beyond <= _NUMERICAL_K).mean()) if beyond.size else 1.0,
        worst_k=float(max(beyond.max(initial=0.0), 0.0)),
        dissatisfied=float((unhappy * people).sum() / max(people.sum(), 1e-9)),
    )


def compare_day(
    model: MallModel, samples: MallSamples, signal: GridSignal, day: DayAhead
) -> Mapping[str, Assessment]:
    """Every strategy on a day that was not known when it was planned, by name.

    Perfect foresight is load shifting for the day as it came; it keeps the comfort band wherever
    that is possible, and is left out where it is not.
    """
    hours = model.horizon.slot_hours
    usual = hold_set_point(model.mall, model.state, model.set_point_c, day, hours)
    found = {Strategy.NO_CONTROL.value: assess(model, signal, usual, model.horizon)}
    for strategy in (Strategy.LOAD_SHIFTING, Strategy.LOAD_REDUCTION):
        plan = decide(model, samples, signal, strategy)
        outcome = operate(model.mall, model.state, plan, day)
        found[strategy.value] = assess(model, signal, outcome, model.horizon)
    known = replace(model, forecast=day)
    try:
        plan = decide(known, MallSamples.certain(day), signal, Strategy.LOAD_SHIFTING)
    except InfeasiblePlanError:
        return found
    outcome = operate(model.mall, model.state, plan, day)
    found[FORESIGHT] = assess(known, signal, outcome, model.horizon)
    return found
