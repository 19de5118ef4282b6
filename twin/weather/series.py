"""Weather over time, checked: what is missing or impossible is named by row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from twin.horizon import Horizon

FloatArray = NDArray[np.float64]

OUTDOOR = "outdoor_dry_bulb_temperature"
HUMIDITY = "outdoor_relative_humidity"
DIFFUSE = "diffuse_solar_irradiance"
DIRECT = "direct_solar_irradiance"
COLUMNS = (OUTDOOR, HUMIDITY, DIFFUSE, DIRECT)
"""Names as in CityLearn's weather files: C, %, W/m2 on the ground, W/m2 across the beam."""

RANGES = {
    OUTDOOR: (-60.0, 60.0, "C"),
    HUMIDITY: (0.0, 110.0, "%"),
    DIFFUSE: (-5.0, 1_400.0, "W/m2"),
    DIRECT: (-5.0, 1_400.0, "W/m2"),
}
HOUR = 3600


class WeatherError(ValueError):
    """Weather that cannot be used: says where it is wrong, and how to mend it."""


class WeatherGapError(LookupError):
    """Weather is asked for at a time that the series does not hold."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on earth: degrees north and east, metres above the sea."""

    latitude: float
    longitude: float
    altitude_m: float = 0.0

    def __post_init__(self) -> None:
        if not (-90.0 <= self.latitude <= 90.0 and -180.0 <= self.longitude <= 180.0):
            raise WeatherError(
                f"latitude {self.latitude:g} and longitude {self.longitude:g} are no place: give "
                "degrees north (-90 to 90) and east (-180 to 180)"
            )


@dataclass(frozen=True, slots=True)
class WeatherSeries:
    """Hourly weather without gaps; every array is (hour,).

    ``start_epochs`` (Unix seconds) begin the hours over which irradiances are means; temperature
    and humidity hold for their middle.
    """

    place: Place
    start_epochs: NDArray[np.int64]
    outdoor_c: FloatArray
    humidity_percent: FloatArray
    diffuse_w_per_m2: FloatArray
    direct_w_per_m2: FloatArray

    def on(self, horizon: Horizon) -> Mapping[str, FloatArray]:
        """Every column on the slots of a horizon, (slot,): temperature and humidity interpolated
        between the middles of hours, irradiance held over the hour.

        Raises WeatherGapError where the horizon reaches beyond the series.
        """
        starts = horizon.start_epochs()
        first, last = int(self.start_epochs[0]), int(self.start_epochs[-1]) + HOUR
        if int(starts[0]) < first or int(starts[-1]) + horizon.slot_seconds > last:
            raise WeatherGapError(
                f"the weather lasts from {_text(first)} to {_text(last)}; "
                f"{_text(int(starts[0]))} to {_text(int(horizon.end.timestamp()))} is asked for"
            )
        middle = starts + horizon.slot_seconds / 2.0
        centre = self.start_epochs + HOUR / 2.0
        hour = (starts - first) // HOUR
        return {
            OUTDOOR: np.interp(middle, centre, self.outdoor_c),
            HUMIDITY: np.interp(middle, centre, self.humidity_percent),
            DIFFUSE: self.diffuse_w_per_m2[hour],
            DIRECT: self.direct_w_per_m2[hour],
        }


def assemble(
    name: str,
    place: Place,
    rows: Sequence[int],
    epochs: NDArray[np.int64],
    columns: Mapping[str, FloatArray],
    fill_gaps_up_to_hours: int = 0,
) -> WeatherSeries:
    """Check hourly columns (NaN is missing) and put them together.

    Args:
        name: of the file, for messages.
        rows: the row of the file that each hour stands in.
        fill_gaps_up_to_hours: interpolate linearly over at most as many missing hours in a row.

    Raises WeatherError for duplicated, unsorted, missing or impossible hours.
    """
    if len(rows) == 0:
        raise WeatherError(f"{name} holds no hour of weather")
    _check_order(name, rows, epochs)
    place_of = (epochs - epochs[0]) // HOUR
    hours = int(place_of[-1]) + 1
    row_of = np.full(hours, -1)
    row_of[place_of] = rows
    whole: dict[str, FloatArray] = {}
    for column, values in columns.items():
        _check_range(name, rows, column, values)
        spread = np.full(hours, np.nan)
        spread[place_of] = values
        whole[column] = _filled(name, column, spread, row_of, int(epochs[0]), fill_gaps_up_to_hours)
    return WeatherSeries(
        place=place,
        start_epochs=int(epochs[0]) + HOUR * np.arange(hours, dtype=np.int64),
        outdoor_c=whole[OUTDOOR],
        humidity_percent=np.clip(whole[HUMIDITY], 0.0, 100.0),
        diffuse_w_per_m2=np.maximum(whole[DIFFUSE], 0.0),
        direct_w_per_m2=np.maximum(whole[DIRECT], 0.0),
    )


def _check_order(name: str, rows: Sequence[int], epochs: NDArray[np.int64]) -> None:
    steps = np.diff(epochs)
    for wrong, what in ((steps == 0, "gives again"), (steps < 0, "goes back to")):
        if wrong.any():
            place = int(np.argmax(wrong)) + 1
            raise WeatherError(
                f"{name}, row {rows[place]}: {what} the hour {_text(int(epochs[place]))}; "
                "keep one row for every hour, in order of time"
            )
    if (steps % HOUR).any():
        place = int(np.argmax(steps % HOUR != 0)) + 1
        raise WeatherError(
            f"{name}, row {rows[place]}: begins {_text(int(epochs[place]))}, which is no whole "
            "hour after the row before; give hourly weather"
        )


def _check_range(name: str, rows: Sequence[int], column: str, values: FloatArray) -> None:
    low, high, unit = RANGES[column]
    wrong = np.isfinite(values) & ((values < low) | (values > high))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise WeatherError(
            f"{name}, row {rows[place]}, column {column}: {values[place]:g} {unit} is not between "
            f"{low:g} and {high:g}; check the unit and the order of columns"
        )


def _filled(
    name: str, column: str, values: FloatArray, rows: NDArray[np.int64], first: int, limit: int
) -> FloatArray:
    missing = ~np.isfinite(values)
    if not missing.any():
        return values
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        hours = int(end - begin)
        at_edge = begin == 0 or end == values.size
        if hours <= limit and not at_edge:
            continue
        row = int(rows[begin])
        where = f"row {row}" if row >= 0 else f"after row {int(rows[begin - 1])}"
        raise WeatherError(
            f"{name}, {where}, column {column}: {hours} h are missing from "
            f"{_text(first + HOUR * int(begin))}; "
            + (
                "the series must begin and end with values: cut it there"
                if at_edge
                else f"give the values, or ask for gaps of up to {hours} h to be interpolated "
                "(fill_gaps_up_to_hours; --fill-gaps on the command line)"
            )
        )
    known = np.flatnonzero(~missing)
    return np.interp(np.arange(values.size), known, values[known])


def _text(epoch: int) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M} UTC"
