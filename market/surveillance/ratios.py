"""Shares and ratios as whole millionths, and exact sums by key.

Reports are compared byte for byte by whoever makes them again, so nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from market.clearing.exact import ExactArray, IntArray, greatest, held

PPM = 1_000_000
"""Millionths in one."""


def ppm(part: int, whole: int) -> int:
    """`part / whole` in millionths, rounded down; `whole` > 0."""
    return part * PPM // whole


def nearest(part: int, whole: int) -> int:
    """`part / whole` to the nearest whole number, halves up; `whole` > 0."""
    return (2 * part + whole) // (2 * whole)


def weighted_mean(values_and_weights: Iterable[tuple[int, int]]) -> int | None:
    """Mean to the nearest whole number, None without weight."""
    total = weight = 0
    for value, each in values_and_weights:
        total += value * each
        weight += each
    return nearest(total, weight) if weight else None


def exact_sums(keys: IntArray, values: ExactArray, count: int) -> ExactArray:
    """Sum of the values of every key 0 .. count - 1; Python integers where 64 bits do not do."""
    exact = held(values, greatest(values) * max(1, len(values)))
    sums = np.zeros(count, dtype=exact.dtype)
    np.add.at(sums, keys, exact)
    return sums
