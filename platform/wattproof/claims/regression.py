"""A baseline to publish for one day, from a file of readings and one of weather."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from market.baseline import BaselineError
from market.regression_baseline import FitErrors, RegressionBaseline, fit
from twin.horizon import Horizon
from twin.weather.series import OUTDOOR, WeatherGapError, WeatherSeries
from wattproof.errors import InvalidError

Array = NDArray[np.float64]
_DAY_SECONDS = 86_400
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class DayBaseline:
    """What to publish for `day` (UTC), whole Wh a slot; and the model of the days before."""

    day: date
    values_wh: tuple[int, ...]
    fitted_days: tuple[date, ...]
    model: RegressionBaseline

    @property
    def errors(self) -> FitErrors:
        """On the days it was fitted to, as ASHRAE Guideline 14 has them."""
        return self.model.errors


def day_baseline(
    readings: Mapping[date, Array],
    weather: WeatherSeries,
    day: date,
    *,
    holidays: Collection[date] = (),
    leave_out: Collection[date] = (),
) -> DayBaseline:
    """Fit the days before `day` and say what it would have drawn.

    Args:
        readings: Wh a slot by day (UTC), import positive.
        weather: outdoors on all of these days and on `day` itself (a forecast).
        holidays: days like weekends.
        leave_out: days on which something was called.

    Raises:
        InvalidError: too few days, gaps, or no weather for one of them; says which.
    """
    days = tuple(sorted(each for each in readings if each < day and each not in leave_out))
    lengths = {readings[each].size for each in days}
    if len(lengths) != 1:
        raise InvalidError(
            f"before {day} there are {len(days)} days of {sorted(lengths)} slots; give at least "
            "some days, all of one length",
            code="unusable_readings",
        )
    slots = lengths.pop()

    def workday(each: date) -> bool:
        return each.weekday() <= _FRIDAY and each not in holidays

    try:
        model = fit(
            np.array([readings[each] for each in days]),
            np.array([_outdoor_c(weather, each, slots) for each in days]),
            [workday(each) for each in days],
        )
        values = model.values_wh(workday(day), _outdoor_c(weather, day, slots))
    except (BaselineError, WeatherGapError) as error:
        raise InvalidError(str(error), code="no_baseline") from error
    return DayBaseline(day, values, days, model)


def read_days(path: Path) -> dict[date, Array]:
    """Readings by day from a CSV with the columns `timestamp` (ISO 8601 with offset, when the slot
    begins) and `energy_wh`.

    Raises:
        InvalidError: the file, a row or a slot is missing or unusable; says which.
    """
    found: defaultdict[date, dict[int, float]] = defaultdict(dict)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row, record in enumerate(csv.DictReader(file), start=2):
                begins, energy_wh = _record(path, row, record)
                second = begins.hour * 3_600 + begins.minute * 60 + begins.second
                if second in found[begins.date()]:
                    raise _unusable(f"{path}, row {row}: {begins.isoformat()} is there twice")
                found[begins.date()][second] = energy_wh
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}") from error
    if not found:
        raise _unusable(f"{path} holds no readings")
    slot_seconds = math.gcd(_DAY_SECONDS, *(s for slots in found.values() for s in slots))
    return {day: _whole_day(path, day, slots, slot_seconds) for day, slots in found.items()}


def _record(path: Path, row: int, record: Mapping[str, str | None]) -> tuple[datetime, float]:
    try:
        begins = datetime.fromisoformat((record["timestamp"] or "").strip())
        energy = (record["energy_wh"] or "").strip()
    except KeyError as error:
        raise _unusable(f"{path}: it needs the columns timestamp and energy_wh") from error
    except ValueError as error:
        raise _unusable(f"{path}, row {row}: {error}") from error
    try:
        energy_wh = float(energy)
    except ValueError as error:
        raise _unusable(f"{path}, row {row}: energy_wh {energy!r} is not a number") from error
    if begins.tzinfo is None or not math.isfinite(energy_wh):
        raise _unusable(f"{path}, row {row}: a time with its offset and a finite energy are needed")
    return begins.astimezone(UTC), energy_wh


def _whole_day(path: Path, day: date, slots: Mapping[int, float], slot_seconds: int) -> Array:
    missing = [s for s in range(0, _DAY_SECONDS, slot_seconds) if s not in slots]
    if missing:
        first = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=missing[0])
        raise _unusable(
            f"{path}: {day} lacks {len(missing)} of {_DAY_SECONDS // slot_seconds} slots, "
            f"the first at {first:%H:%M} UTC; leave such days out"
        )
    return np.array([slots[second] for second in sorted(slots)])


def _outdoor_c(weather: WeatherSeries, day: date, slots: int) -> Array:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return weather.on(Horizon(start, _DAY_SECONDS // slots, slots))[OUTDOOR]


def _unusable(message: str) -> InvalidError:
    return InvalidError(message, code="unusable_readings")
