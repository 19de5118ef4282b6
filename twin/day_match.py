"""Which price day stands for which session day where two files cover different years.

A session day takes its own prices where the price file has them. Otherwise the same weekday
nearest in the season is taken, from the latest year that has it, so that consecutive days keep
consecutive prices. Hours are matched on the local clocks of either side: eight in the morning
at the piles is priced as eight in the morning of the market.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.horizon import Horizon
from twin.prices import PriceSeries

MAX_SEASON_DAYS = 24
_NEAREST_DAYS = 3  # some day within three is the same weekday


class DayMatchError(LookupError):
    """No price day can stand for a session day."""


@dataclass(frozen=True, slots=True)
class DayMatch:
    """``price_day`` stands for ``session_day``; ``reason`` says why in plain words."""

    session_day: date
    price_day: date
    reason: str


def match_days(session_days: Iterable[date], price_days: Iterable[date]) -> tuple[DayMatch, ...]:
    """Match every session day, ascending. Raises DayMatchError if the season is not covered."""
    available = set(price_days)
    years = sorted({day.year for day in available}, reverse=True)
    return tuple(_match(day, available, years) for day in sorted(set(session_days)))


def _match(day: date, available: set[date], years: list[int]) -> DayMatch:
    if day in available:
        return DayMatch(day, day, "same date")
    for near, far in ((0, _NEAREST_DAYS), (_NEAREST_DAYS + 1, MAX_SEASON_DAYS)):
        for year in years:
            anchor = _same_season(day, year)
            for distance in range(near, far + 1):
                for candidate in (anchor - timedelta(distance), anchor + timedelta(distance)):
                    if candidate in available and candidate.weekday() == day.weekday():
                        return DayMatch(day, candidate, _reason(day, candidate, distance, year))
    raise DayMatchError(
        f"no {day:%A} within {MAX_SEASON_DAYS} days of {day:%d %B} in any year of the prices"
    )


def _same_season(day: date, year: int) -> date:
    if (day.month, day.day) == (2, 29):
        return date(year, 2, 28)
    return day.replace(year=year)


def _reason(day: date, candidate: date, distance: int, year: int) -> str:
    apart = "same calendar day" if distance == 0 else f"{distance} days apart in the season"
    return f"{day:%A} as well, {apart}, {year} being the latest year with such a day"


def matched_slot_prices(
    horizon: Horizon, time_zone: str, series: PriceSeries, matches: Iterable[DayMatch]
) -> NDArray[np.float64]:
    """Price per kWh of every slot by the matched day and the hour on the local clock, (slot,).

    Where the market's clock skips the hour asked for, the hour before stands in; where the
    local clock repeats an hour and the market's does not, the hour counts twice.
    """
    day_of = {match.session_day: match.price_day for match in matches}
    market_zone = ZoneInfo(series.time_zone)
    epochs = np.empty(horizon.slots, dtype=np.int64)
    for slot, local in enumerate(horizon.local_starts(time_zone)):
        try:
            price_day = day_of[local.date()]
        except KeyError:
            raise DayMatchError(f"no price day was matched to {local.date()}") from None
        wanted = datetime.combine(price_day, local.time(), tzinfo=market_zone)
        wanted = wanted.replace(fold=local.fold)
        market = wanted.astimezone(UTC).astimezone(market_zone)
        if market.replace(tzinfo=None) != wanted.replace(tzinfo=None):
            wanted -= timedelta(hours=1)
        epochs[slot] = int(wanted.timestamp())
    return series.at(epochs)
