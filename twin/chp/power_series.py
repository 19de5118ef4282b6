"""Wind and load series from CSV files: ``timestamp,power``, one header line.

Timestamps are ISO 8601 and begin their interval; without an offset they are UTC. Rows come in
order and evenly, every value is a number: what is not so is refused with its line, for a gap in
wind or load changes what a plan is worth.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.chp.model import FloatArray
from twin.horizon import Horizon

WATTS = {"W": 1.0, "kW": 1e3, "MW": 1e6}
"""Factor from a unit of the file to W."""


class PowerFileError(ValueError):
    """A file of powers cannot be used; the message names line and repair."""


@dataclass(frozen=True, slots=True)
class PowerSeries:
    """Mean power of even intervals, W. ``start_epochs`` ascending Unix seconds, (interval,)."""

    start_epochs: NDArray[np.int64]
    power_w: FloatArray
    interval_seconds: int

    def on(self, horizon: Horizon) -> FloatArray:
        """Mean power of every slot, shape (slot,), W.

        Raises PowerFileError where the horizon reaches beyond the series.
        """
        edges = np.r_[horizon.start_epochs(), int(horizon.end.timestamp())]
        known = np.r_[self.start_epochs, self.start_epochs[-1] + self.interval_seconds]
        if edges[0] < known[0] or edges[-1] > known[-1]:
            raise PowerFileError(
                f"the series lasts from {_text(known[0])} to {_text(known[-1])}; "
                f"{_text(edges[0])} to {_text(edges[-1])} is asked for"
            )
        energy = np.r_[0.0, np.cumsum(self.power_w * self.interval_seconds)]
        at_edges = np.interp(edges, known, energy)
        power: FloatArray = np.diff(at_edges) / horizon.slot_seconds
        return power


def read_power(path: str | Path, unit: str = "MW") -> PowerSeries:
    """Read a series. ``unit`` is one of :data:`WATTS`. Raises PowerFileError, see the module."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PowerFileError(f"{path} is not UTF-8 text: {error}") from error
    return parse_power(text, unit, str(path))


def parse_power(text: str, unit: str = "MW", name: str = "series") -> PowerSeries:
    """Parse the text of a file; see :func:`read_power`."""
    if unit not in WATTS:
        raise PowerFileError(f"unit {unit!r} is unknown; known are {', '.join(WATTS)}")
    rows = csv.reader(io.StringIO(text))
    if next(rows, None) is None:
        raise PowerFileError(f"{name} is empty: a header and rows timestamp,power are needed")
    epochs, values = [], []
    for row in rows:
        if not any(field.strip() for field in row):
            continue
        place = f"{name}, line {rows.line_num}"
        if len(row) < 2:
            raise PowerFileError(f"{place}: two columns are needed, timestamp and power")
        epochs.append(_epoch(row[0].strip(), place))
        values.append(WATTS[unit] * _number(row[1].strip(), place))
        if len(epochs) > 1:
            _check_step(epochs, place)
    if len(epochs) < 2:
        raise PowerFileError(f"{name} holds {len(epochs)} rows; at least two are needed")
    return PowerSeries(
        np.array(epochs, dtype=np.int64), np.array(values, dtype=float), epochs[1] - epochs[0]
    )


def _check_step(epochs: list[int], place: str) -> None:
    step, usual = epochs[-1] - epochs[-2], epochs[1] - epochs[0]
    if step == 0:
        raise PowerFileError(f"{place}: {_text(epochs[-1])} is given twice; keep one")
    if step < 0:
        raise PowerFileError(
            f"{place}: {_text(epochs[-1])} comes after a later time; sort the file"
        )
    if step != usual:
        missing = _text(epochs[-2] + usual)
        raise PowerFileError(
            f"{place}: {missing} is missing (rows are {usual} s apart); fill the gap in the file"
        )


def _epoch(field: str, place: str) -> int:
    try:
        moment = datetime.fromisoformat(field)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(aware.timestamp())
    except (ValueError, OverflowError):
        raise PowerFileError(f"{place}: {field!r:.40} is not an ISO 8601 time") from None


def _number(field: str, place: str) -> float:
    try:
        value = float(field)
    except ValueError:
        raise PowerFileError(f"{place}: power {field!r:.40} is not a number") from None
    if not math.isfinite(value) or value < 0.0:
        raise PowerFileError(f"{place}: power {field} is negative or not finite")
    return value


def _text(epoch: int) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).isoformat()
