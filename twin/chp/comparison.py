"""One table: what the strategies do to peak, cost, comfort and wind, on the same days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from twin.chp.comfort import satisfaction
from twin.chp.decision import plan_day
from twin.chp.model import ChpModel, ChpSamples, FloatArray, GridSignal
from twin.chp.operation import account, objective, operate, residual_w
from twin.chp.plan import ChpPlan, Strategy
from twin.chp.published import PublishedChp
from twin.chp.twin import ChpTwin
from twin.edits import InfeasiblePlanError

CHOSEN = "chosen by the rule"
FORESIGHT = "perfect foresight"
PLANNED: Mapping[str, Strategy | None] = {
    "no control": Strategy.HEAT_LED,
    "strategy 1": Strategy.STORE_IN_WAIST,
    "strategy 2": Strategy.STORE_IN_WAIST_AND_PEAK,
    CHOSEN: None,
    "store free": Strategy.FREE,
}
_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class DayResult:
    """One way on one day, as it really came. ``operating_cost`` is fuel and starts less power
    sold; ``objective`` adds curtailed wind, discomfort and the price of the peak, and is what plans
    lower; ``in_range`` is the share of slots with indoors acceptable."""

    peak_w: float
    operating_cost: float
    objective: float
    in_range: float
    satisfied: float
    wind_share: float
    gap: float
    peak_distance: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results by way and day; ways that had no plan on some day lack that day."""

    results: Mapping[str, Mapping[int, DayResult]]
    chosen: Mapping[Strategy, int]
    refused: Mapping[str, int]

    def mean(self, way: str, value: Callable[[DayResult], float]) -> float:
        """The mean of a value over the days on which every way had a plan."""
        days = set.intersection(*(set(found) for found in self.results.values()))
        return float(np.mean([value(self.results[way][day]) for day in sorted(days)]))

    def text(self) -> str:
        """The table."""
        lines = [
            f"{'':20s}{'peak MW':>9s}{'lower by':>10s}{'op. cost':>10s}{'objective':>11s}"
            f"{'in range':>10s}{'satisfied':>11s}{'wind taken':>12s}{'above bound':>13s}"
            f"{'no plan':>9s}"
        ]
        before = self.mean("no control", lambda day: day.peak_w)
        for way in self.results:
            peak = self.mean(way, lambda day: day.peak_w)
            lines.append(
                f"{way:20s}{peak / _MEGA:9.1f}{1.0 - peak / before:10.1%}"
                f"{self.mean(way, lambda day: day.operating_cost):10,.0f}"
                f"{self.mean(way, lambda day: day.objective):11,.0f}"
                f"{self.mean(way, lambda day: day.in_range):10.1%}"
                f"{self.mean(way, lambda day: day.satisfied):11.1%}"
                f"{self.mean(way, lambda day: day.wind_share):12.1%}"
                f"{self.mean(way, lambda day: day.peak_distance):13.1%}"
                f"{self.refused.get(way, 0):9d}"
            )
        return "\n".join(lines)


def compare(days: Iterable[PublishedChp], scenarios: int, seed: int) -> Comparison:
    """Plan every day over sampled scenarios and carry the plan out on another day drawn alike.

    Perfect foresight plans that very day with the store free: no plan has a lower objective that
    day and leaves store and buildings as full. "Above bound" is how far the plan's
    expected peak lies above its proven lower bound.
    """
    results: dict[str, dict[int, DayResult]] = {way: {} for way in (*PLANNED, FORESIGHT)}
    chosen: dict[Strategy, int] = {}
    refused: dict[str, int] = {}
    for number, day in enumerate(days):
        model = ChpTwin().construct(day.site)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        drawn = ChpTwin().sample(model, rng, scenarios + 1)
        samples = ChpSamples(drawn.outdoor_c[1:], drawn.wind_w[1:], drawn.hot_water_w[1:])
        real = ChpSamples.certain(drawn.day(0))
        ways: dict[str, tuple[ChpSamples, Strategy | None]] = {
            way: (samples, strategy) for way, strategy in PLANNED.items()
        }
        ways[FORESIGHT] = (real, Strategy.FREE)
        for way, (known, strategy) in ways.items():
            try:
                plan = plan_day(model, known, day.signal, strategy)
            except InfeasiblePlanError:
                refused[way] = refused.get(way, 0) + 1
                continue
            if way == CHOSEN:
                chosen[plan.strategy] = chosen.get(plan.strategy, 0) + 1
            results[way][number] = _result(model, plan, day.signal, real)
    return Comparison(results, chosen, refused)


def _result(model: ChpModel, plan: ChpPlan, signal: GridSignal, real: ChpSamples) -> DayResult:
    outcome = operate(model, plan, signal, real.day(0))
    buildings = model.plant.buildings
    indoor: FloatArray = outcome.indoor_c
    within = (indoor >= buildings.lowest_c - 1e-3) & (indoor <= buildings.highest_c + 1e-3)
    return DayResult(
        peak_w=float(residual_w(signal, outcome).max()),
        operating_cost=account(model, signal, outcome).operating_cost,
        objective=objective(model, signal, outcome),
        in_range=float(within.mean()),
        satisfied=float(satisfaction(indoor).mean()),
        wind_share=float(outcome.wind_taken_w.sum() / max(outcome.wind_w.sum(), 1.0)),
        gap=plan.proof.gap,
        peak_distance=plan.proof.peak_distance,
    )
