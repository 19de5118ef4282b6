"""What can be chosen about the mall's day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MallOptions:
    """The published mall, or the same mall in real weather, at real prices, with a real load.

    Attributes:
        weather: hourly weather (EPW, or CSV in the CityLearn layout).
        building: hourly load of a building (CSV in the CityLearn layout): what the office draws.
            Needs ``weather`` of the same hours.
        place: degrees north and east of a CSV's weather; default that of CityLearn's files.
        prices: day-ahead prices (CSV).
        price_unit: unit of the prices; default USD/MWh.
        time_zone: zone of prices without one; default America/New_York.
        day: day of the files, YYYY-MM-DD; default: the warmest of the weather.
        seed: of everything that is random.
        data_dir: where the day's database and chain are kept; default: nowhere.
    """

    weather: Path | None = None
    building: Path | None = None
    place: str | None = None
    prices: Path | None = None
    price_unit: str | None = None
    time_zone: str | None = None
    skip_bad_rows: bool = False
    day: str | None = None
    seed: int = 1
    data_dir: Path | None = None
    as_json: bool = False
