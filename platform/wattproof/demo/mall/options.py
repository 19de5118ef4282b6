"""What can be chosen about the malls' days."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wattproof.demo.options import DayOptions


@dataclass(frozen=True, slots=True)
class MallOptions(DayOptions):
    """The published mall, or the same in real weather (by default on its warmest day).

    Attributes:
        weather: hourly weather (EPW, or CSV in the CityLearn layout).
        building: hourly load of a building (CSV in the CityLearn layout): what the office draws.
            Needs ``weather`` of the same hours.
        place: degrees north and east of a CSV's weather; default that of CityLearn's files.
        fill_gaps: how many missing hours of weather in a row are interpolated; default none.
    """

    weather: Path | None = None
    building: Path | None = None
    place: str | None = None
    fill_gaps: int = 0
