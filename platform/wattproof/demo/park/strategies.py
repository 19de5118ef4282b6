"""The table of strategies: the same days under each, from every site alone to foresight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from twin.park.comparison import compare
from twin.park.model import ParkModel, ParkSignal

if TYPE_CHECKING:
    from rich.console import RenderableType

_SCENARIOS, _DAYS = 8, 3
_KG_PER_T = 1e3
_WH_PER_MWH = 1e6


@dataclass(frozen=True, slots=True)
class WayRow:
    """Means over the days; ``saving`` against every site alone, shares from 0 to 1."""

    way: str
    cost: float
    saving: float
    carbon_t: float
    primary_mwh: float
    utilisation: float
    satisfaction: float


@dataclass(frozen=True, slots=True)
class WayTable:
    """One row a way to run the park."""

    rows: Sequence[WayRow]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"rows": [asdict(row) for row in self.rows]}

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        from rich.table import Table

        shown = Table(title="Strategies on days as they may come", title_justify="left")
        shown.add_column("strategy")
        for heading in ("cost", "less", "t CO2", "primary MWh", "utilisation", "satisfied"):
            shown.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            shown.add_row(
                row.way,
                f"{row.cost:,.0f}",
                f"{row.saving:.1%}",
                f"{row.carbon_t:,.1f}",
                f"{row.primary_mwh:,.0f}",
                f"{row.utilisation:.1%}",
                f"{row.satisfaction:.2%}",
            )
        return [shown]


def compare_ways(model: ParkModel, signal: ParkSignal, seed: int) -> WayTable:
    """Plan the park each way, and live days drawn alike."""
    found = compare(model, signal, _SCENARIOS, _DAYS, seed)
    costs = [found.mean(way, "cost") for way in found.accounts]
    return WayTable(
        [
            WayRow(
                way=way,
                cost=found.mean(way, "cost"),
                saving=1.0 - found.mean(way, "cost") / costs[0],
                carbon_t=found.mean(way, "carbon_kg") / _KG_PER_T,
                primary_mwh=found.mean(way, "primary_wh") / _WH_PER_MWH,
                utilisation=found.mean(way, "utilisation"),
                satisfaction=found.mean(way, "satisfaction"),
            )
            for way in found.accounts
        ]
    )
