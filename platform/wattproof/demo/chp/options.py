"""What can be chosen about the heat-and-power day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChpOptions:
    """The published plant, or the same plant at real prices, wind and load.

    Attributes:
        prices: day-ahead prices (CSV).
        wind: power that blows (CSV); needs ``load``.
        load: what the grid consumes, in the same unit (CSV); needs ``wind``.
        power_unit: of wind and load, W, kW or MW; default MW.
        price_unit: unit of the prices; default USD/MWh.
        time_zone: zone of prices without one; default America/New_York.
        day: day of the files, YYYY-MM-DD; default: the first that wind and load cover.
        seed: of everything that is random.
        data_dir: where the day's database and chain are kept; default: nowhere.
    """

    prices: Path | None = None
    wind: Path | None = None
    load: Path | None = None
    power_unit: str | None = None
    price_unit: str | None = None
    time_zone: str | None = None
    skip_bad_rows: bool = False
    day: str | None = None
    seed: int = 1
    data_dir: Path | None = None
    as_json: bool = False
