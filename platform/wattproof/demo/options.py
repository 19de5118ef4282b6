"""What can be chosen about every demo day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DayOptions:
    """Prices of a file, and how the day is run.

    Attributes:
        prices: hourly prices (CSV).
        price_unit: unit of the prices file; default USD/MWh.
        time_zone: zone of prices without one; default America/New_York.
        skip_bad_rows: go on without rows that cannot be used, and count them.
        day: day of the files given, YYYY-MM-DD; each market says what it is by default.
        seed: of everything that is random.
        data_dir: where the day's database and chain are kept; default: nowhere.
    """

    prices: Path | None = None
    price_unit: str | None = None
    time_zone: str | None = None
    skip_bad_rows: bool = False
    day: str | None = None
    seed: int = 1
    data_dir: Path | None = None
    as_json: bool = False
