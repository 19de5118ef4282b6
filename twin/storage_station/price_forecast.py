"""What prices may become, from what was known: a regression of each clock hour on a few terms.

For each hour of the clock, ``asinh(price / 0.02)`` is regressed (ridge, weights that halve in a
year) on the same hour of one, two and seven days before, the last, highest, lowest and mean price
of the latest known day, published load forecasts (the hour, its square, its neighbours, the day's
highest, lowest and mean; system and zone), the season and the weekday. It is fitted anew every
week on the two years before. Within the day the latest hour's error is carried on, at most a
quarter of the price of it (a larger one is a spike, not a level), fading by the share that
neighbouring hours of a day had in common in the past three months.

What was known when hour t began: prices of hours before t; load forecasts of its day, and from noon
on of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from twin.storage_station.history import MarketHistory
from twin.storage_station.station import FloatArray

_HOURS = 24
_NOON = 12
_LAST_HOUR = 23
_WEEK = 7
_PRICE_SCALE = 0.02
_SYSTEM_W = 1e11
_ZONE_W = 1e10
_ERROR_DAYS = 90
_MOST_ERROR = 0.25
"""On the asinh scale: about a quarter of any price that is not small."""
_PROFILE_DAYS = 365


class PriceOutlook(Protocol):
    """Expected prices as an hour begins."""

    def at(self, hour: int) -> FloatArray:
        """Prices expected from ``hour`` (a place in the history) to the end of the next local day,
        currency per kWh; knows the prices of hours before ``hour`` alone."""
        ...


@dataclass(frozen=True, slots=True)
class ForecastMethod:
    """How the regression is fitted.

    Attributes:
        window_days, refit_days: days of history in a fit, and days between fits.
        half_life_days: after which a day counts half.
        ridge: weight of the squared coefficients, of standardised terms.
    """

    window_days: int = 728
    refit_days: int = 7
    half_life_days: float = 365.0
    ridge: float = 1.0


@dataclass(frozen=True, slots=True)
class RegressionOutlook:
    """Forecasts of :func:`regression_outlook`, asinh scale, by day and clock hour.

    ``today`` knows all prices up to the day before; ``morning`` and ``afternoon`` up to two days
    before, and the day's load forecasts only in the afternoon. ``carried`` (day,) is the share of
    an error that the next hour still has.
    """

    history: MarketHistory
    today: FloatArray
    morning: FloatArray
    afternoon: FloatArray
    carried: FloatArray

    def at(self, hour: int) -> FloatArray:
        """See :class:`PriceOutlook`."""
        history = self.history
        today, ahead = _ahead(history, hour)
        next_day = self.morning if history.clock_hour[hour] < _NOON else self.afternoon
        day, clock = history.day[ahead], history.clock_hour[ahead]
        expected = np.where(day == today, self.today[day, clock], next_day[day, clock])
        error = 0.0
        # The first hour of a day has nothing to add: the regression knows the whole day before.
        if hour > 0 and history.day[hour - 1] == today:
            seen = np.arcsinh(history.price_per_kwh[hour - 1] / _PRICE_SCALE)
            error = float(seen - self.today[today, history.clock_hour[hour - 1]])
            error = min(max(error, -_MOST_ERROR), _MOST_ERROR)
        fading = self.carried[today] ** np.arange(1.0, expected.size + 1.0)
        prices: FloatArray = _PRICE_SCALE * np.sinh(expected + error * fading)
        return prices


@dataclass(frozen=True, slots=True)
class YesterdayOutlook:
    """Naive: today and tomorrow are as yesterday was, hour by hour of the clock."""

    history: MarketHistory

    def at(self, hour: int) -> FloatArray:
        """See :class:`PriceOutlook`."""
        today, ahead = _ahead(self.history, hour)
        table: FloatArray = self.history.price_table[today - 1, self.history.clock_hour[ahead]]
        return table


@dataclass(frozen=True, slots=True)
class ClockOutlook:
    """A fixed schedule by the clock: every day is the mean day of the year before."""

    history: MarketHistory

    def at(self, hour: int) -> FloatArray:
        """See :class:`PriceOutlook`."""
        today, ahead = _ahead(self.history, hour)
        past = self.history.price_table[max(today - _PROFILE_DAYS, 0) : today]
        profile: FloatArray = past.mean(axis=0)[self.history.clock_hour[ahead]]
        return profile


def _ahead(history: MarketHistory, hour: int) -> tuple[int, slice]:
    """The local day of an hour, and the places from it to the end of the next day."""
    today = int(history.day[hour])
    window = history.day[hour : hour + 2 * _HOURS + 2]
    return today, slice(hour, hour + int(np.searchsorted(window, today + 1, side="right")))


def regression_outlook(
    history: MarketHistory, first: int, last: int, method: ForecastMethod = ForecastMethod()
) -> RegressionOutlook:
    """Forecasts for the days numbered ``first`` to ``last`` (not included).

    Raises ValueError where fewer than 60 days lie before ``first`` beside those whose errors
    are observed.
    """
    begin = first - _ERROR_DAYS
    if begin < 60 + _WEEK + 2:
        raise ValueError(
            f"day {first} has too little history: {60 + _WEEK + 2 + _ERROR_DAYS} days are needed"
        )
    end = min(last + 1, history.days)
    today = _regressed(history, begin, end, 1, True, method)
    errors = np.arcsinh(history.price_table / _PRICE_SCALE) - today
    carried = np.zeros(history.days)
    for day in range(first, end):
        past = errors[day - _ERROR_DAYS : day]
        common = float(np.sum(past[:, 1:] * past[:, :-1]))
        share = common / max(float(np.sum(past[:, :-1] ** 2)), 1e-12)
        carried[day] = min(max(share, 0.0), 0.99)
    return RegressionOutlook(
        history=history,
        today=today,
        morning=_regressed(history, begin, end, 2, False, method),
        afternoon=_regressed(history, begin, end, 2, True, method),
        carried=carried,
    )


def _regressed(
    history: MarketHistory,
    first: int,
    last: int,
    lead: int,
    load_known: bool,
    method: ForecastMethod,
) -> FloatArray:
    """Forecasts (day, 24), asinh scale, from prices up to ``lead`` days before the day."""
    days = np.arange(_WEEK + lead, last)
    offset = int(days[0])
    target = np.arcsinh(history.price_table / _PRICE_SCALE)
    forecast = np.full((history.days, _HOURS), np.nan)
    for hour in range(_HOURS):
        terms = _terms(history, target, days, hour, lead, load_known)
        for day in range(first, last, method.refit_days):
            rows = slice(max(0, day - method.window_days - offset), day - (lead - 1) - offset)
            weights = 0.5 ** ((day - days[rows]) / method.half_life_days)
            fit = _fit(terms[rows], target[days[rows], hour], weights, method.ridge)
            until = min(day + method.refit_days, last)
            forecast[day:until, hour] = fit(terms[day - offset : until - offset])
    return forecast


def _terms(
    history: MarketHistory,
    target: FloatArray,
    days: NDArray[np.int64],
    hour: int,
    lead: int,
    load_known: bool,
) -> FloatArray:
    """The regression's terms for days, shape (day, term)."""
    system = np.log(history.system_load_w / _SYSTEM_W)
    zone = np.log(history.zone_load_w / _ZONE_W)
    weekday, gone = history.calendar()
    latest = target[days - lead]
    angle = 2.0 * np.pi * gone[days]
    columns = [
        latest[:, hour],
        target[days - lead - 1, hour],
        target[days - _WEEK, hour],
        latest[:, _LAST_HOUR],
        latest.max(axis=1),
        latest.min(axis=1),
        latest.mean(axis=1),
        system[days - 1, hour],
        zone[days - 1, hour],
        system[days - 1].mean(axis=1),
        system[days - _WEEK, hour],
        *(np.cos(k * angle) for k in (1.0, 2.0)),
        *(np.sin(k * angle) for k in (1.0, 2.0)),
        *(weekday[days] == number for number in range(_WEEK)),
    ]
    if load_known:
        before, after = (hour - 1) % _HOURS, (hour + 1) % _HOURS
        for load in (system, zone):
            now = load[days]
            columns += [now[:, hour], now[:, hour] ** 2, now[:, before], now[:, after]]
            columns += [now.max(axis=1), now.min(axis=1), now.mean(axis=1)]
    return np.column_stack(columns).astype(float)


@dataclass(frozen=True, slots=True)
class _Fit:
    middle: FloatArray
    spread: FloatArray
    level: float
    slopes: FloatArray

    def __call__(self, terms: FloatArray) -> FloatArray:
        fitted: FloatArray = self.level + ((terms - self.middle) / self.spread) @ self.slopes
        return fitted


def _fit(terms: FloatArray, target: FloatArray, weights: FloatArray, ridge: float) -> _Fit:
    """Weighted ridge regression on standardised terms."""
    middle, spread = terms.mean(axis=0), terms.std(axis=0) + 1e-9
    standard = (terms - middle) / spread
    level = float(np.average(target, weights=weights))
    weighted = standard * weights[:, None]
    normal = weighted.T @ standard + ridge * np.eye(standard.shape[1])
    return _Fit(middle, spread, level, np.linalg.solve(normal, weighted.T @ (target - level)))
