"""The table of strategies: the same day under each, against no control and perfect foresight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from market.mall_energy.dispatch import MallInputs
from twin.mall.assessment import compare_day
from twin.mall.model import DayAhead
from twin.mall.twin import MallTwin

if TYPE_CHECKING:
    from rich.console import RenderableType

_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """A day under a strategy: kWh, kW, currency, shares from 0 to 1."""

    strategy: str
    peak_kwh: float
    peak_reduction: float
    cost: float
    in_band: float
    dissatisfied: float


@dataclass(frozen=True, slots=True)
class StrategyTable:
    """One row a strategy."""

    rows: Sequence[StrategyRow]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"rows": [asdict(row) for row in self.rows]}

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        from rich.table import Table

        shown = Table(title="Strategies on the day as it came", title_justify="left")
        shown.add_column("strategy", no_wrap=True)
        for heading in ("peak kWh", "less", "cost", "in band", "PPD"):
            shown.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            shown.add_row(
                row.strategy,
                f"{row.peak_kwh:,.0f}",
                f"{row.peak_reduction:.1%}",
                f"{row.cost:,.2f}",
                f"{row.in_band:.1%}",
                f"{row.dissatisfied:.1%}",
            )
        return [shown]


def compare(inputs: MallInputs, real: DayAhead) -> StrategyTable:
    """Plan the day by each strategy, then live it as it came.

    Raises:
        InfeasiblePlanError: comfort cannot be kept; says what is lacking.
    """
    model = inputs.model()
    samples = MallTwin().sample(model, np.random.default_rng(inputs.seed), inputs.scenarios)
    found = compare_day(model, samples, inputs.signal, real)
    before = next(iter(found.values())).peak_energy_wh
    return StrategyTable(
        [
            StrategyRow(
                strategy=name,
                peak_kwh=each.peak_energy_wh / _KWH,
                peak_reduction=1.0 - each.peak_energy_wh / before if before else 0.0,
                cost=each.cost,
                in_band=each.in_band,
                dissatisfied=each.dissatisfied,
            )
            for name, each in found.items()
        ]
    )
