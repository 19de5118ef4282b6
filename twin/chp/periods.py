"""Trough, waist and peak of the grid's load, found from its curve.

The load is smoothed over an hour (around the day's end as well) and cut at a third and at two
thirds of the way from its lowest to its highest value: below is trough, above is peak, between
is waist. A stretch of trough or peak shorter than an hour counts as waist.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from twin.chp.model import FloatArray

_SMOOTHING_HOURS = 1.0
_SHORTEST_HOURS = 1.0


class Period(IntEnum):
    TROUGH = 0
    WAIST = 1
    PEAK = 2


def find_periods(load_w: FloatArray, slot_hours: float) -> NDArray[np.int8]:
    """The :class:`Period` of every slot, shape (slot,). A flat load is waist throughout."""
    slots = load_w.size
    width = min(max(1, round(_SMOOTHING_HOURS / slot_hours)), slots)
    wrapped = np.concatenate([load_w[slots - width // 2 :], load_w, load_w[: (width - 1) // 2]])
    smooth = np.convolve(wrapped, np.full(width, 1.0 / width), mode="valid")
    low, high = float(smooth.min()), float(smooth.max())
    periods = np.full(slots, Period.WAIST, dtype=np.int8)
    if high - low <= 1e-9 * max(abs(high), 1.0):
        return periods
    periods[smooth < low + (high - low) / 3.0] = Period.TROUGH
    periods[smooth > high - (high - low) / 3.0] = Period.PEAK
    shortest = round(_SHORTEST_HOURS / slot_hours)
    for first, end in _runs(periods):
        inside = first > 0 and end < slots
        if inside and periods[first] != Period.WAIST and end - first < shortest:
            periods[first:end] = Period.WAIST
    return periods


def _runs(periods: NDArray[np.int8]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(periods)) + 1
    return list(zip(np.r_[0, edges].tolist(), np.r_[edges, periods.size].tolist(), strict=True))
