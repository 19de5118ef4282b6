"""Hourly prices with the load forecasts that were published beside them, by local day and hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.prices import PriceFileError, PriceSeries, read_prices
from twin.storage_station.station import FloatArray

_HOUR_SECONDS = 3600
_HOURS = 24
_W_PER_MW = 1e6
_PRICE, _SYSTEM_LOAD, _ZONE_LOAD = 2, 3, 4
_MWH_PER_KWH = 1e-3


@dataclass(frozen=True, slots=True)
class MarketHistory:
    """Consecutive hours of a market.

    Attributes:
        price_per_kwh: shape (hour,), currency per kWh.
        day, clock_hour: local day of each hour (0 is ``first_day``) and hour of the local clock.
        price_table, system_load_w, zone_load_w: by local day and clock hour, shape (day, 24). Where
            the clock skips an hour the one before stands in its place, of a repeated hour the first
            counts. Loads are what was forecast for the day before it began, W.
    """

    first_day: date
    start_epochs: NDArray[np.int64]
    price_per_kwh: FloatArray
    day: NDArray[np.int64]
    clock_hour: NDArray[np.int64]
    price_table: FloatArray
    system_load_w: FloatArray
    zone_load_w: FloatArray

    @property
    def days(self) -> int:
        return int(self.price_table.shape[0])

    def day_number(self, day: date) -> int:
        """Number of a local day. Raises LookupError where the history does not hold it."""
        number = (day - self.first_day).days
        if not 0 <= number < self.days:
            raise LookupError(f"the history does not hold {day}")
        return number

    def hours_of(self, first: date, last: date) -> slice:
        """Places of the hours from the local day ``first`` through ``last``."""
        begin = int(np.searchsorted(self.day, self.day_number(first)))
        end = int(np.searchsorted(self.day, self.day_number(last), side="right"))
        return slice(begin, end)

    def calendar(self) -> tuple[NDArray[np.int64], FloatArray]:
        """Weekday (0 is Monday) and share of the year gone, of every day."""
        dates = [self.first_day + timedelta(days=number) for number in range(self.days)]
        weekdays = np.array([day.weekday() for day in dates])
        gone = np.array([day.timetuple().tm_yday for day in dates]) / 365.25
        return weekdays, gone


def read_history(path: str | Path, time_zone: str = "America/New_York") -> MarketHistory:
    """Read ``yyyymmdd;hour;price USD/MWh;system load forecast MW;zone load forecast MW``.

    Clock changes are settled as in :func:`twin.prices.read_prices`.

    Raises PriceFileError for a file without those columns or with a gap.
    """
    price = read_prices(path, "USD/MWh", time_zone, column=_PRICE)
    loads = [
        read_prices(path, "USD/MWh", time_zone, column=column)
        for column in (_SYSTEM_LOAD, _ZONE_LOAD)
    ]
    for load in loads:
        if not np.array_equal(load.series.start_epochs, price.series.start_epochs):
            raise PriceFileError(f"{path} does not give prices and both load forecasts every hour")
    system, zone = (load.series.price_per_kwh / _MWH_PER_KWH * _W_PER_MW for load in loads)
    return history_of(price.series, system, zone)


def history_of(
    series: PriceSeries, system_load_w: FloatArray, zone_load_w: FloatArray
) -> MarketHistory:
    """The history of hourly prices and the forecasts for their hours; whole local days are kept.

    Raises PriceFileError where hours are missing between the first and the last.
    """
    epochs = series.start_epochs
    if series.interval_seconds != _HOUR_SECONDS or (np.diff(epochs) != _HOUR_SECONDS).any():
        raise PriceFileError("a history needs every hour from its first to its last")
    zone = ZoneInfo(series.time_zone)
    local = [datetime.fromtimestamp(int(epoch), UTC).astimezone(zone) for epoch in epochs]
    whole = series.local_days()
    if not whole:
        raise PriceFileError("a history needs a whole local day at least")
    inside = np.array([whole[0] <= moment.date() <= whole[-1] for moment in local])
    kept = [moment for moment, chosen in zip(local, inside, strict=True) if chosen]
    day = np.array([(moment.date() - whole[0]).days for moment in kept])
    hour = np.array([moment.hour for moment in kept])
    price = series.price_per_kwh[inside]
    count = int(day[-1]) + 1
    tables = [
        _table(values[inside], day, hour, count)
        for values in (series.price_per_kwh, system_load_w, zone_load_w)
    ]
    return MarketHistory(whole[0], epochs[inside], price, day, hour, *tables)


def _table(
    values: FloatArray, day: NDArray[np.int64], hour: NDArray[np.int64], days: int
) -> FloatArray:
    table = np.full((days, _HOURS), np.nan)
    # Backwards, so that the first of two equal clock hours is what stays.
    table[day[::-1], hour[::-1]] = values[::-1]
    for number, missing in zip(*np.nonzero(np.isnan(table)), strict=True):
        table[number, missing] = table[number, missing - 1]
    return table
