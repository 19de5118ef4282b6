"""Weather files: EPW (EnergyPlus), and CSV with the columns of CityLearn."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from twin.weather.series import (
    COLUMNS,
    DIFFUSE,
    DIRECT,
    HOUR,
    HUMIDITY,
    OUTDOOR,
    FloatArray,
    Place,
    WeatherError,
    WeatherSeries,
    assemble,
)

TIMESTAMP = "timestamp"

_EPW_HEADER_LINES = 8
_EPW_MISSING = {OUTDOOR: 99.9, HUMIDITY: 999.0, DIFFUSE: 9999.0, DIRECT: 9999.0}
_EPW_PLACES = {OUTDOOR: 6, HUMIDITY: 8, DIRECT: 14, DIFFUSE: 15}
_EPW_NAMES = {OUTDOOR: "temp_air", HUMIDITY: "relative_humidity", DIFFUSE: "dhi", DIRECT: "dni"}
_MISSING_WORDS = ("", "nan", "na", "null", "none", "-")


def read_weather(
    path: str | Path,
    *,
    year: int,
    place: Place | None = None,
    start: datetime | None = None,
    fill_gaps_up_to_hours: int = 0,
) -> WeatherSeries:
    """Read weather by the ending of the file's name: ``.epw`` or ``.csv``.

    Args:
        year: taken for EPW, whose months may stem from different years.
        place: needed for CSV, which does not tell; EPW tells its own.
        start: when the first row of a CSV without a column ``timestamp`` begins (aware).

    Raises WeatherError where the file cannot be used, naming row and column.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".epw":
        return read_epw(path, year, fill_gaps_up_to_hours)
    if suffix != ".csv":
        raise WeatherError(f"{path}: weather is read from .epw and .csv files")
    if place is None:
        raise WeatherError(f"{path}: a CSV does not say where it is: give latitude and longitude")
    return read_csv(path, place, start, fill_gaps_up_to_hours)


def read_csv(
    path: str | Path,
    place: Place,
    start: datetime | None = None,
    fill_gaps_up_to_hours: int = 0,
) -> WeatherSeries:
    """Read a CSV with the columns :data:`twin.weather.series.COLUMNS`; others are left aside.

    With a column ``timestamp`` (ISO 8601, start of the hour, UTC unless it says otherwise) rows may
    be anywhere in time. Without one, as in CityLearn's files, rows are hours one after another
    from ``start``.
    """
    name = Path(path).name
    table = _table(path)
    if not table:
        raise WeatherError(f"{name} holds no rows below its header")
    absent = [column for column in COLUMNS if column not in table[0]]
    if absent:
        raise WeatherError(
            f"{name} lacks the column {', '.join(absent)}; it has {', '.join(table[0])}"
        )
    timed = TIMESTAMP in table[0]
    if not timed and (start is None or start.tzinfo is None):
        raise WeatherError(
            f"{name} has no column {TIMESTAMP!r}: say when its first row begins, with a time zone"
        )
    rows = list(range(2, len(table) + 2))
    if timed:
        epochs = [_epoch(name, row, line[TIMESTAMP]) for row, line in zip(rows, table, strict=True)]
    else:
        assert start is not None
        first = int(start.timestamp())
        epochs = [first + HOUR * place_ for place_ in range(len(table))]
    columns = {
        column: np.array(
            [
                _number(name, row, column, line[column])
                for row, line in zip(rows, table, strict=True)
            ]
        )
        for column in COLUMNS
    }
    return assemble(
        name, place, rows, np.array(epochs, dtype=np.int64), columns, fill_gaps_up_to_hours
    )


def read_epw(path: str | Path, year: int, fill_gaps_up_to_hours: int = 0) -> WeatherSeries:
    """Read an EPW file through pvlib; all its months are taken to be of ``year``.

    Raises WeatherError for a file that is none, and for hours that are missing or given twice.
    """
    name = Path(path).name
    lines = _text(path).splitlines()
    _check_epw(name, lines)
    from pvlib.iotools import read_epw as pvlib_read_epw

    try:
        data, header = pvlib_read_epw(str(path), coerce_year=year)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WeatherError(f"{name} cannot be read as EPW: {error}") from error
    columns: dict[str, FloatArray] = {}
    for column, known in _EPW_NAMES.items():
        values = data[known].to_numpy(dtype=float)
        columns[column] = np.where(values >= _EPW_MISSING[column], np.nan, values)
    zone = timedelta(hours=float(header["TZ"]))
    rows, epochs = [], []
    for row, line in enumerate(lines[_EPW_HEADER_LINES:], _EPW_HEADER_LINES + 1):
        month, day, hour = (int(field) for field in line.split(",")[1:4])
        moment = datetime(year, month, day, tzinfo=UTC) + timedelta(hours=hour - 1) - zone
        rows.append(row)
        epochs.append(int(moment.timestamp()))
    where = Place(float(header["latitude"]), float(header["longitude"]), float(header["altitude"]))
    return assemble(
        name, where, rows, np.array(epochs, dtype=np.int64), columns, fill_gaps_up_to_hours
    )


def _check_epw(name: str, lines: list[str]) -> None:
    """What pvlib would only answer with a stack of its own."""
    if not lines or not lines[0].startswith("LOCATION,"):
        raise WeatherError(f"{name}, row 1: an EPW file begins with LOCATION")
    if len(lines) <= _EPW_HEADER_LINES:
        raise WeatherError(f"{name} ends within its header: {_EPW_HEADER_LINES} rows, then hours")
    for row, line in enumerate(lines[_EPW_HEADER_LINES:], _EPW_HEADER_LINES + 1):
        fields = line.split(",")
        if len(fields) < 34:
            raise WeatherError(f"{name}, row {row}: {len(fields)} fields; an EPW hour has 35")
        try:
            month, day, hour = (int(field) for field in fields[1:4])
            datetime(2001, month, day, tzinfo=UTC)
        except ValueError:
            said = "-".join(fields[1:4])
            raise WeatherError(f"{name}, row {row}: {said} is no month, day and hour") from None
        if not 1 <= hour <= 24:
            raise WeatherError(f"{name}, row {row}: hour {hour} is not from 1 to 24")
        for column, place in _EPW_PLACES.items():
            if math.isnan(_number(name, row, column, fields[place])):
                raise WeatherError(
                    f"{name}, row {row}, column {column}: empty; EPW marks a missing value as "
                    f"{_EPW_MISSING[column]:g}"
                )


def _table(path: str | Path) -> list[Mapping[str, str]]:
    reader = csv.DictReader(_text(path).splitlines(), restval="")
    try:
        return [{key: value for key, value in row.items() if key is not None} for row in reader]
    except csv.Error as error:
        raise WeatherError(f"{path}, row {reader.line_num}: no CSV: {error}") from error


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise WeatherError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WeatherError(f"{path} is not UTF-8 text: {error}") from error


def _number(name: str, row: int, column: str, field: str) -> float:
    if field.strip().lower() in _MISSING_WORDS:
        return math.nan
    try:
        value = float(field)
    except ValueError:
        raise WeatherError(
            f"{name}, row {row}, column {column}: {field!r:.40} is not a number"
        ) from None
    if math.isinf(value):
        raise WeatherError(f"{name}, row {row}, column {column}: {field!r:.40} is unbounded")
    return value


def _epoch(name: str, row: int, field: str) -> int:
    try:
        moment = datetime.fromisoformat(field.strip())
    except ValueError:
        raise WeatherError(
            f"{name}, row {row}, column {TIMESTAMP}: {field!r:.40} is not an ISO 8601 time"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
