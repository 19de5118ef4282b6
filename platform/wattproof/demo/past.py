"""Metered days before the day itself: baselines are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattproof.demo import metering
from wattproof.demo.calendar import DAY_S, Calendar
from wattproof.demo.cast import Cast
from wattproof.demo.stage import Stage

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Past:
    """What accounts drew before, Wh by name, shape (day, slot), oldest first."""

    drawn_wh: Mapping[str, FloatArray]

    @property
    def days(self) -> int:
        return len(next(iter(self.drawn_wh.values())))

    def whole_wh(self, name: str) -> list[tuple[int, ...]]:
        """An account's readings of every day, whole Wh a slot."""
        return [metering.whole_wh(day) for day in self.drawn_wh[name]]

    def live_through(
        self, stage: Stage, cast: Cast, market: int, calendar: Calendar, until_hour: float
    ) -> None:
        """All days but the eve, two at a time, and on to an hour of the eve."""
        before = list(calendar.history)[:-1]
        for place in range(0, len(before), 2):
            pair = before[place : place + 2]
            stage.advance_to(calendar.at(pair[-1] + 1))
            for period in pair:
                self._post(stage, cast, market, calendar, period)
        stage.advance_to(calendar.at(calendar.eve, until_hour))

    def end_day(
        self,
        stage: Stage,
        cast: Cast,
        market: int,
        calendar: Calendar,
        metered_wh: Mapping[str, FloatArray],
    ) -> None:
        """When the day is over: the eve's readings, then everybody's of the day."""
        stage.advance_to(calendar.at(calendar.day) + DAY_S)
        self._post(stage, cast, market, calendar, calendar.eve)
        metering.post_energy(stage, cast, market, calendar.day, metered_wh)

    def _post(self, stage: Stage, cast: Cast, market: int, calendar: Calendar, period: int) -> None:
        place = period - calendar.first
        drawn = {name: days[place] for name, days in self.drawn_wh.items()}
        metering.post_energy(stage, cast, market, period, drawn)
