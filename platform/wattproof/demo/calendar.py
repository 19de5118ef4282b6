"""The days of a demo whose accounts need a metered past: history first, then the day itself."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.demo.stage import Stage

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of a market whose period is a UTC day; numbered from 1970-01-01.

    Attributes:
        first: the first day of history, the one that runs when the demo begins.
        past: how many days of history there are; the last of them is the day's eve.
    """

    first: int
    past: int

    @property
    def history(self) -> range:
        return range(self.first, self.first + self.past)

    @property
    def eve(self) -> int:
        return self.day - 1

    @property
    def day(self) -> int:
        """The day that is planned, traded, lived and settled."""
        return self.first + self.past

    def at(self, period: int, hour: float = 0.0) -> int:
        """Unix seconds of an hour of a day."""
        return period * DAY_S + round(hour * 3_600)


def calendar_from(stage: Stage, past: int) -> Calendar:
    """History begins today."""
    return Calendar(stage.now() // DAY_S, past)
