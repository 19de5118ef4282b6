"""The table of strategies: the same day under each, against no control and perfect foresight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from market.chp_power.dispatch import ChpInputs
from twin.chp.model import ChpModel, ChpSamples, DayAhead
from twin.chp.operation import account, objective, operate, residual_w
from twin.chp.plan import ChpPlan, Strategy
from twin.chp.twin import ChpTwin

if TYPE_CHECKING:
    from rich.console import RenderableType

_CHOSEN = "chosen by the standard's rule"
_FORESIGHT = "perfect foresight"
_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """A day under a strategy: MW, currency, shares from 0 to 1; ``gap`` is proven.

    ``objective`` is what plans lower: ``operating_cost`` with curtailed wind, discomfort and the
    price of the peak. Perfect foresight bounds it, not each of its parts.
    """

    strategy: str
    peak_mw: float
    peak_reduction: float
    operating_cost: float
    objective: float
    wind_taken: float
    indoor_off_k: float
    gap: float


@dataclass(frozen=True, slots=True)
class StrategyTable:
    """One row a strategy; ``reason`` says how the standard's rule chose."""

    rows: Sequence[StrategyRow]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"reason": self.reason, "rows": [asdict(row) for row in self.rows]}

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        from rich.table import Table
        from rich.text import Text

        shown = Table(title="Strategies on the day as it came", title_justify="left")
        shown.add_column("strategy")
        for heading in ("peak MW", "less", "cost", "objective", "wind taken", "off K", "gap"):
            shown.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            shown.add_row(
                row.strategy,
                f"{row.peak_mw:,.1f}",
                f"{row.peak_reduction:.1%}",
                f"{row.operating_cost:,.0f}",
                f"{row.objective:,.0f}",
                f"{row.wind_taken:.1%}",
                f"{row.indoor_off_k:.2f}",
                f"{row.gap:.3%}",
            )
        return [shown, Text(self.reason)]


def compare(inputs: ChpInputs, real: DayAhead) -> StrategyTable:
    """Plan the day by each strategy, then live it as it came.

    Raises:
        InfeasiblePlanError: no operation of the plant keeps every limit; says which.
    """
    model, signal = inputs.model(), inputs.signal
    samples = ChpTwin().sample(model, np.random.default_rng(inputs.seed), inputs.scenarios)
    plans: dict[str, ChpPlan] = {
        strategy.value: ChpTwin(strategy).decide(model, samples, signal)
        for strategy in (
            Strategy.HEAT_LED,
            Strategy.STORE_IN_WAIST,
            Strategy.STORE_IN_WAIST_AND_PEAK,
        )
    }
    chosen = ChpTwin().decide(model, samples, signal)
    plans[_CHOSEN] = chosen
    known = replace(model, forecast=real)
    plans[_FORESIGHT] = ChpTwin(Strategy.FREE).decide(known, ChpSamples.certain(real), signal)
    rows: list[StrategyRow] = []
    for name, plan in plans.items():
        rows.append(_row(name, plan, model, inputs, real, rows[0].peak_mw if rows else None))
    return StrategyTable(rows, str(chosen.comparison))


def _row(
    name: str,
    plan: ChpPlan,
    model: ChpModel,
    inputs: ChpInputs,
    real: DayAhead,
    uncontrolled_mw: float | None,
) -> StrategyRow:
    signal = inputs.signal
    outcome = operate(model, plan, signal, real)
    peak_mw = float(residual_w(signal, outcome).max()) / _MEGA
    off_k = np.abs(outcome.indoor_c - model.plant.buildings.set_point_c)
    return StrategyRow(
        strategy=name,
        peak_mw=peak_mw,
        peak_reduction=1.0 - peak_mw / uncontrolled_mw if uncontrolled_mw else 0.0,
        operating_cost=account(model, signal, outcome).operating_cost,
        objective=objective(model, signal, outcome),
        wind_taken=float(outcome.wind_taken_w.sum()) / max(float(real.wind_w.sum()), 1.0),
        indoor_off_k=float(off_k.mean()),
        gap=plan.proof.gap,
    )
