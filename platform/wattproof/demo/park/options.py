"""What can be chosen about the park's day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wattproof.demo.options import DayOptions


@dataclass(frozen=True, slots=True)
class ParkOptions(DayOptions):
    """The published park, or the same in real weather and at real prices.

    Attributes:
        weather: hourly weather (EPW, or CSV in the CityLearn layout).
        place: degrees north and east of the CSV's weather.
    """

    weather: Path | None = None
    place: str | None = None
