"""Price series from CSV: the PJM layout and a plain ``timestamp,price`` table.

PJM layout: ``yyyymmdd;hour;price;...`` in local time, no header. Hours count from 0 (the hour
that begins) or from 1 (the hour that ends) on the local clock; days of 23 or 25 rows numbered
through are read as elapsed hours. A day that gives 24 clock hours although the clock changes
(as PJM's files do) loses the hour that does not exist and uses the one given twice.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.horizon import Horizon

PER_KWH = {
    "USD/MWh": 1e-3,
    "EUR/MWh": 1e-3,
    "USD/kWh": 1.0,
    "EUR/kWh": 1.0,
    "ct/kWh": 1e-2,
    "EUR/Wh": 1e3,
    "USD/Wh": 1e3,
}
"""Factor from a unit of the file to currency per kWh."""

MAX_ABS_PRICE_PER_KWH = 1e3
_HOUR = 3600


class PriceFileError(ValueError):
    """The file as a whole cannot be read as prices."""


class PriceGapError(LookupError):
    """A price is asked for that the series does not hold."""


@dataclass(frozen=True, slots=True)
class BadPriceRow:
    """A line (from 1) that cannot be used, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Prices by interval. ``start_epochs`` ascending Unix seconds, shape (interval,)."""

    start_epochs: NDArray[np.int64]
    price_per_kwh: NDArray[np.float64]
    interval_seconds: int
    time_zone: str

    def at(self, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Price in force at each Unix time; PriceGapError names the first that is missing."""
        index = np.searchsorted(self.start_epochs, epochs, side="right") - 1
        inside = np.maximum(index, 0)
        missing = (index < 0) | (epochs - self.start_epochs[inside] >= self.interval_seconds)
        if missing.any():
            first = datetime.fromtimestamp(int(epochs[np.argmax(missing)]), UTC)
            raise PriceGapError(f"no price for {first.isoformat()} in the series")
        return self.price_per_kwh[inside]

    def slot_prices(self, horizon: Horizon) -> NDArray[np.float64]:
        """Price per kWh of every slot, shape (slot,)."""
        return self.at(horizon.start_epochs())

    def local_days(self) -> tuple[date, ...]:
        """Local calendar days the series covers without a gap, ascending."""
        zone = ZoneInfo(self.time_zone)
        per_day = Counter(
            datetime.fromtimestamp(int(epoch), UTC).astimezone(zone).date()
            for epoch in self.start_epochs
        )
        return tuple(
            day
            for day, count in sorted(per_day.items())
            if count * self.interval_seconds >= _day_seconds(day, zone)
        )


@dataclass(frozen=True, slots=True)
class PriceReadResult:
    """``notes`` tell what was settled at clock changes; ``bad_rows`` what could not be used."""

    series: PriceSeries
    bad_rows: tuple[BadPriceRow, ...]
    notes: tuple[str, ...]


class _RowError(ValueError):
    pass


def read_prices(
    path: str | Path,
    unit: str = "USD/MWh",
    time_zone: str = "America/New_York",
    column: int = 2,
) -> PriceReadResult:
    """Read a price file; the layout is recognised by its first data line.

    ``unit`` is one of :data:`PER_KWH`. ``time_zone`` is that of local days and of timestamps
    without offset. ``column`` (from 0) of the PJM layout holds the values: beside prices such files
    give load forecasts, which are read by the same clock. Raises PriceFileError if no line can be
    used, if the unit or time zone is unknown, or if the file is no text.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PriceFileError(f"{path} is not UTF-8 text: {error}") from error
    return parse_prices(text, unit, time_zone, str(path), column)


def parse_prices(
    text: str,
    unit: str = "USD/MWh",
    time_zone: str = "America/New_York",
    name: str = "prices",
    column: int = 2,
) -> PriceReadResult:
    """Parse the text of a price file; see :func:`read_prices`."""
    if unit not in PER_KWH:
        raise PriceFileError(f"unit {unit!r} is unknown; known are {', '.join(PER_KWH)}")
    try:
        zone = ZoneInfo(time_zone)
    except (ValueError, OSError, KeyError):
        raise PriceFileError(f"time zone {time_zone!r} is unknown") from None
    text = text.removeprefix("\ufeff")
    rows = list(_rows(text))
    if not rows:
        raise PriceFileError(f"{name} is empty")
    factor = PER_KWH[unit]
    bad: list[BadPriceRow] = []
    notes: list[str] = []
    if any(_is_pjm(fields) for _, fields in rows[:50]):
        values = _pjm(rows, zone, factor, column, bad, notes)
        interval = _HOUR
    else:
        values = _plain(rows, zone, factor, bad)
        interval = _interval(values)
    if not values:
        detail = f"; {bad[0]}" if bad else ""
        raise PriceFileError(f"{name} holds no usable price{detail}")
    epochs = np.array(sorted(values), dtype=np.int64)
    series = PriceSeries(epochs, np.array([values[int(e)] for e in epochs]), interval, time_zone)
    bad.sort(key=lambda row: row.line)
    return PriceReadResult(series, tuple(bad), tuple(notes))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text[:4096]
    delimiter = "\t" if head.count("\t") > head.count(",") else ","
    if ";" in head:
        delimiter = ";"
    reader = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as error:
        raise PriceFileError(f"line {reader.line_num} is no CSV: {error}") from error


def _is_pjm(fields: list[str]) -> bool:
    return (
        len(fields) >= 3
        and len(fields[0]) == 8
        and fields[0].isdecimal()
        and fields[1].isdecimal()
        and len(fields[1]) <= 2
    )


def _price(field: str, factor: float) -> float:
    try:
        value = float(field.replace(",", ".")) * factor
    except ValueError:
        raise _RowError(f"price {field!r:.40} is not a number") from None
    if not math.isfinite(value) or abs(value) > MAX_ABS_PRICE_PER_KWH:
        raise _RowError(f"price {field!r:.40} is absurd")
    return value


def _day_seconds(day: date, zone: ZoneInfo) -> int:
    following = day + timedelta(days=1)
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    return int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds())


def _pjm(
    rows: list[tuple[int, list[str]]],
    zone: ZoneInfo,
    factor: float,
    column: int,
    bad: list[BadPriceRow],
    notes: list[str],
) -> dict[int, float]:
    days: dict[date, list[tuple[int, int, float]]] = defaultdict(list)
    for line, fields in rows[1:] if _is_header(rows[0][1]) else rows:
        try:
            days_key, hour, price = _pjm_row(fields, factor, column)
        except _RowError as error:
            bad.append(BadPriceRow(line, str(error)))
            continue
        days[days_key].append((line, hour, price))
    hours = {hour for entries in days.values() for _, hour, _ in entries}
    first_hour = 1 if 24 in hours and 0 not in hours else 0
    values: dict[int, float] = {}
    for day, entries in days.items():
        shifted = [(line, hour - first_hour, price) for line, hour, price in entries]
        _pjm_day(day, shifted, zone, values, bad, notes)
    return values


def _pjm_row(fields: list[str], factor: float, column: int) -> tuple[date, int, float]:
    if len(fields) <= column:
        raise _RowError(f"fewer than {column + 1} fields")
    try:
        day = date(int(fields[0][:4]), int(fields[0][4:6]), int(fields[0][6:]))
    except ValueError:
        raise _RowError(f"{fields[0]!r:.40} is not a day yyyymmdd") from None
    if not 1970 < day.year < 2200:
        raise _RowError(f"day {fields[0]} is out of range")
    if not (fields[1].isdecimal() and fields[1].isascii()) or int(fields[1][:4]) > 25:
        raise _RowError(f"hour {fields[1]!r:.40} is not between 0 and 25")
    return day, int(fields[1]), _price(fields[column], factor)


def _pjm_day(
    day: date,
    entries: list[tuple[int, int, float]],
    zone: ZoneInfo,
    values: dict[int, float],
    bad: list[BadPriceRow],
    notes: list[str],
) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    midnight = int(start.timestamp())
    length = _day_seconds(day, zone) // _HOUR
    hours = [hour for _, hour, _ in entries]
    numbered_through = length != 24 and sorted(hours) == list(range(length))
    given: Counter[int] = Counter()
    for line, hour, price in entries:
        if numbered_through:
            values[midnight + hour * _HOUR] = price
            continue
        if not 0 <= hour <= 23:
            bad.append(BadPriceRow(line, f"hour {hour} does not exist on {day}"))
            continue
        epochs = (midnight + hour * _HOUR,) if length == 24 else _clock_hour(day, hour, zone)
        if not epochs:
            notes.append(f"{day} has no hour {hour} (clock change): line {line} is not used")
            continue
        if given[hour] >= len(epochs):
            bad.append(BadPriceRow(line, f"hour {hour} of {day} is given again"))
            continue
        values[epochs[given[hour]]] = price
        given[hour] += 1
        if len(epochs) == 2 and hours.count(hour) == 1:
            values[epochs[1]] = price
            notes.append(f"{day} has hour {hour} twice (clock change): line {line} serves both")


def _clock_hour(day: date, hour: int, zone: ZoneInfo) -> tuple[int, ...]:
    """Unix times at which the local clock shows this hour: none, one or two."""
    found = []
    for fold in (0, 1):
        local = datetime(day.year, day.month, day.day, hour, tzinfo=zone, fold=fold)
        back = local.astimezone(UTC).astimezone(zone)
        epoch = int(local.timestamp())
        if back.replace(tzinfo=None) == local.replace(tzinfo=None) and epoch not in found:
            found.append(epoch)
    return tuple(found)


def _plain(
    rows: list[tuple[int, list[str]]],
    zone: ZoneInfo,
    factor: float,
    bad: list[BadPriceRow],
) -> dict[int, float]:
    values: dict[int, float] = {}
    for place, (line, fields) in enumerate(rows):
        try:
            if len(fields) < 2:
                raise _RowError("fewer than two fields")
            moment, aware = _moment(fields[0], zone)
            price = _price(fields[1], factor)
        except _RowError as error:
            if place > 0 or not _is_header(fields):
                bad.append(BadPriceRow(line, str(error)))
            continue
        epoch = int(moment.timestamp())
        if epoch in values and not aware:
            epoch = int(moment.replace(fold=1).timestamp())
        if epoch in values:
            bad.append(BadPriceRow(line, f"{fields[0]} is given again"))
            continue
        if not aware and moment.astimezone(UTC).astimezone(zone).hour != moment.hour:
            bad.append(BadPriceRow(line, f"{fields[0]} does not exist on the clock of {zone}"))
            continue
        values[epoch] = price
    return values


def _is_header(fields: list[str]) -> bool:
    return len(fields) >= 2 and not any(character.isdigit() for character in fields[0])


def _moment(field: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The moment a field names, and whether the field itself said its time zone."""
    try:
        if field.isdecimal() and field.isascii() and 9 <= len(field) <= 11:
            return datetime.fromtimestamp(int(field), UTC), True
        moment = datetime.fromisoformat(field)
        if not 1970 < moment.year < 2200:
            raise ValueError(field)
    except (ValueError, OverflowError, OSError):
        raise _RowError(f"timestamp {field!r:.40} is not an ISO 8601 time") from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone), False
    return moment, True


def _interval(values: dict[int, float]) -> int:
    """The usual distance of neighbouring timestamps, at most an hour."""
    if len(values) < 2:
        return _HOUR
    steps = np.diff(np.array(sorted(values), dtype=np.int64))
    return min(int(np.median(steps)), _HOUR)
