"""The best a single producer can do against what the others do: exact over all pieces.

Profit is a quadratic on each piece of :mod:`twin.green_quota.response`. Its best point there is
where it is flat, or on an edge, or at a corner; all of them are tried on every piece at once, so
the best of all is the global one. One decision (output, or certificates) is a line, two a plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from twin.green_quota.system import FloatArray

_TOLERANCE = 1e-10
_FLAT = 1e-13
_AS_GOOD = 1e-13
_AT_ONCE = 2_000
"""Pieces looked at together; what does not fit into memory is looked at in turn."""


@dataclass(frozen=True, slots=True)
class Choices:
    """A producer's profit over its decisions z, piece by piece, as coefficients of (1, z).

    ``profit`` (piece, 1 + d, 1 + d) is symmetric: profit = (1, z)' profit (1, z). ``limits``
    (piece, limit, 1 + d) are at least 0. ``sold`` (1 + d) and ``output`` (piece, 1 + d).
    """

    profit: FloatArray
    limits: FloatArray
    sold: FloatArray
    output: FloatArray


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision: ``output`` and certificates ``sold``, what it earns, and a point further inside.

    ``inside`` (output, sold) lies in the piece's interior: prices may jump at its edge.
    """

    output: float
    sold: float
    profit: float
    inside: tuple[float, float]


def best_choice(choices: Choices) -> Choice | None:
    """The best decision; of equally good ones the one that holds back least. None: none is left."""
    count = choices.profit.shape[0]
    blocks = (_block(choices, at, at + _AT_ONCE) for at in range(0, count, _AT_ONCE))
    found = [choice for choice in map(_best_of_block, blocks) if choice is not None]
    if not found:
        return None
    best = max(choice.profit for choice in found)
    good = [choice for choice in found if choice.profit >= best - _AS_GOOD]
    return max(good, key=lambda choice: (choice.sold, choice.output))


def _block(choices: Choices, first: int, end: int) -> Choices:
    part = slice(first, end)
    return Choices(choices.profit[part], choices.limits[part], choices.sold, choices.output[part])


def _best_of_block(choices: Choices) -> Choice | None:
    line = choices.profit.shape[1] == 2
    points, feasible = _on_line(choices) if line else _in_plane(choices)
    if not feasible.any():
        return None
    homogeneous = np.concatenate([np.ones((*points.shape[:2], 1)), points], axis=2)
    profit = np.einsum("pci,pij,pcj->pc", homogeneous, choices.profit, homogeneous)
    profit = np.where(feasible, profit, -np.inf)
    best = profit.max()
    output = np.einsum("pci,pi->pc", homogeneous, choices.output)
    sold = homogeneous @ choices.sold
    good = profit >= best - _AS_GOOD
    piece, point = np.unravel_index(
        np.lexsort((output.ravel(), sold.ravel(), good.ravel()))[-1], profit.shape
    )
    middle = homogeneous[piece][feasible[piece]].mean(axis=0)
    return Choice(
        output=float(output[piece, point]),
        sold=float(sold[piece, point]),
        profit=float(profit[piece, point]),
        inside=(float(middle @ choices.output[piece]), float(middle @ choices.sold)),
    )


def _on_line(choices: Choices) -> tuple[FloatArray, FloatArray]:
    """Ends and flat points (piece, 3, 1), and which of them are allowed."""
    constant, change = choices.limits[:, :, 0], choices.limits[:, :, 1]
    level = np.abs(change) < _FLAT
    bound = -constant / np.where(level, 1.0, change)
    low = np.where(~level & (change > 0.0), bound, -np.inf).max(axis=1)
    high = np.where(~level & (change < 0.0), bound, np.inf).min(axis=1)
    allowed = ~(level & (constant < -_TOLERANCE)).any(axis=1) & (low <= high + _TOLERANCE)
    high = np.maximum(low, high)
    low, high = np.where(allowed, low, 0.0), np.where(allowed, high, 0.0)
    curvature = choices.profit[:, 1, 1]
    bent = curvature < -_FLAT
    flat = np.where(bent, -choices.profit[:, 0, 1] / np.where(bent, curvature, 1.0), low)
    points = np.stack([low, high, np.clip(flat, low, high)], axis=1)
    return points[:, :, None], np.repeat(allowed[:, None], 3, axis=1)


def _in_plane(choices: Choices) -> tuple[FloatArray, FloatArray]:
    """Corners, best points of edges, flat points (piece, candidate, 2), and which are allowed."""
    limits, profit = choices.limits, choices.profit
    first, second = np.array(list(combinations(range(limits.shape[1]), 2))).T
    a, b = limits[:, first], limits[:, second]
    corners = _crossing(a[..., 1], a[..., 2], -a[..., 0], b[..., 1], b[..., 2], -b[..., 0])
    square = limits[..., 1] ** 2 + limits[..., 2] ** 2
    real = square > _FLAT
    scale = np.where(real, square, 1.0)
    foot = -limits[..., 0:1] * limits[..., 1:] / scale[..., None]
    along = np.stack([-limits[..., 2], limits[..., 1]], axis=2) / np.sqrt(scale)[..., None]
    inner, linear = profit[:, 1:, 1:], profit[:, 1:, 0]
    slope = np.einsum("pci,pi->pc", along, linear) + np.einsum(
        "pci,pij,pcj->pc", along, inner, foot
    )
    curvature = np.einsum("pci,pij,pcj->pc", along, inner, along)
    bent = real & (curvature < -_FLAT)
    edges = (
        foot + np.where(bent, -slope / np.where(bent, curvature, 1.0), np.nan)[..., None] * along
    )
    flat = _crossing(
        inner[:, 0, 0], inner[:, 0, 1], -linear[:, 0], inner[:, 1, 0], inner[:, 1, 1], -linear[:, 1]
    )
    points = np.concatenate([corners, edges, flat[:, None]], axis=1)
    homogeneous = np.concatenate([np.ones((*points.shape[:2], 1)), points], axis=2)
    held = np.einsum("pci,pli->pcl", homogeneous, limits)
    allowed = (held >= -_TOLERANCE).all(axis=2)
    return np.where(np.isfinite(points), points, 0.0), allowed


def _crossing(
    a: FloatArray, b: FloatArray, u: FloatArray, c: FloatArray, d: FloatArray, v: FloatArray
) -> FloatArray:
    """Where a x + b y = u and c x + d y = v; NaN where that is no point."""
    determinant = a * d - b * c
    sound = np.abs(determinant) > _FLAT
    safe = np.where(sound, determinant, 1.0)
    point = np.stack([u * d - b * v, a * v - u * c], axis=-1) / safe[..., None]
    crossing: FloatArray = np.where(sound[..., None], point, np.nan)
    return crossing
