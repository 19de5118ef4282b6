"""What can be chosen about the EV day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EvOptions:
    """The seeded fleet, or a day of real sessions at real prices.

    Attributes:
        sessions: charging sessions (ACN-Data JSON); needs ``prices``.
        prices: hourly prices (CSV); needs ``sessions``.
        price_unit: unit of the prices file; default USD/MWh.
        time_zone: zone of prices without one; default America/New_York.
        skip_bad_rows: go on without rows that cannot be used, and count them.
        day: day of the sessions, YYYY-MM-DD; default: the busiest.
        seed: of everything that is random.
        data_dir: where the day's database and chain are kept; default: nowhere.
        vehicles: size of the seeded fleet.
    """

    sessions: Path | None = None
    prices: Path | None = None
    price_unit: str | None = None
    time_zone: str | None = None
    skip_bad_rows: bool = False
    day: str | None = None
    seed: int = 1
    data_dir: Path | None = None
    as_json: bool = False
    vehicles: int = 40
