"""Exact integers in arrays: 64-bit words where a bound proves that they suffice, else Python's own.

Every result whose terms stay below 2^62 is computed in int64; where the data allow more (units and
limits reach 2^64, coefficients 2^31), the same expressions run on arrays of Python integers.
"""

from __future__ import annotations

from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
ExactArray = NDArray[Any]
"""Whole numbers: int64, or Python integers (dtype object)."""

_WORD = 1 << 62
_FLOAT_WORD = 1 << 53


def greatest(values: ExactArray) -> int:
    """Greatest absolute value; 0 of none."""
    return max(abs(int(values.max())), abs(int(values.min()))) if len(values) else 0


def held(values: ExactArray, bound: int) -> ExactArray:
    """The values in a type in which every number up to `bound` is exact."""
    if bound < _WORD:
        return values.astype(np.int64, copy=False)
    # uint64 and int64 alike become Python integers.
    return values.astype(object, copy=False)


def narrowed(values: ExactArray) -> ExactArray:
    """The values as int64 where they fit."""
    return held(values, greatest(values))


def rounded(values: FloatArray) -> ExactArray:
    """The nearest whole numbers, halves to the even one."""
    whole = np.rint(values)
    if len(whole) == 0 or float(np.abs(whole).max()) < _WORD:
        return whole.astype(np.int64)
    return np.array([int(value) for value in whole.tolist()], dtype=object)


def quotients(numerators: ExactArray, denominators: ExactArray | int) -> FloatArray:
    """The floats nearest to the exact quotients."""
    below = abs(denominators) if isinstance(denominators, int) else greatest(denominators)
    if max(greatest(numerators), below) < _FLOAT_WORD:
        return np.asarray(numerators / denominators, dtype=np.float64)
    return np.asarray(numerators.astype(object) / denominators, dtype=np.float64)


def dot(left: ExactArray, right: ExactArray) -> int:
    """Exact sum of products."""
    return sum(map(mul, left.tolist(), right.tolist()))
