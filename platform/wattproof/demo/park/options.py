"""What can be chosen about the park's day."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.demo.options import DayOptions


@dataclass(frozen=True, slots=True)
class ParkOptions(DayOptions):
    """The published park, or the same at real prices of electricity."""
