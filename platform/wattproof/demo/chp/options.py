"""What can be chosen about the heat-and-power day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wattproof.demo.options import DayOptions


@dataclass(frozen=True, slots=True)
class ChpOptions(DayOptions):
    """The published plant, or the same with real series (by default on their first whole day).

    Attributes:
        wind: power that blows (CSV); needs ``load``.
        load: what the grid consumes, in the same unit (CSV); needs ``wind``.
        power_unit: of wind and load, W, kW or MW; default MW.
    """

    wind: Path | None = None
    load: Path | None = None
    power_unit: str | None = None
