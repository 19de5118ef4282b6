"""What can be chosen about the EV day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wattproof.demo.options import DayOptions


@dataclass(frozen=True, slots=True)
class EvOptions(DayOptions):
    """The seeded fleet, or a day of real sessions at real prices; by default the busiest day.

    Attributes:
        sessions: charging sessions (ACN-Data JSON); needs ``prices``, which need them.
        vehicles: size of the seeded fleet.
    """

    sessions: Path | None = None
    vehicles: int = 40
