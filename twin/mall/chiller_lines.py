"""The chillers' part-load curve as straight lines, for programmes that must be convex.

Cycling makes the exact curve bend the wrong way at small loads. The lines are the lower convex
hull of points on it; how far they lie from the curve at most is known and carried along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.mall.chiller import ChillerPlant, FloatArray

_POINTS = 25
_FINE = 20_001


@dataclass(frozen=True, slots=True)
class LoadLines:
    """Power is the highest of ``slope * load + intercept``, (line,), in shares of full power.

    ``error`` is the largest distance from the exact curve on [0, 1], a share of full power.
    """

    slope: FloatArray
    intercept: FloatArray
    error: float

    def power(self, load: FloatArray) -> FloatArray:
        """Power at loads (any shape), as a share of full power."""
        highest: FloatArray = np.max(np.multiply.outer(load, self.slope) + self.intercept, axis=-1)
        return highest


def load_lines(plant: ChillerPlant) -> LoadLines:
    """Lines below which no part of the curve lies by more than ``error``.

    The error is measured on a fine grid; between its points the curve's and the lines' steepest
    slopes bound what could be missed, and that is added.
    """
    load = np.linspace(0.0, 1.0, _POINTS)
    corners = _lower_hull(load, plant.part_power(load))
    x, y = load[corners], plant.part_power(load[corners])
    slope = np.diff(y) / np.diff(x)
    intercept = y[:-1] - slope * x[:-1]
    fine = np.linspace(0.0, 1.0, _FINE)
    exact = plant.part_power(fine)
    lines = np.max(np.multiply.outer(fine, slope) + intercept, axis=-1)
    step = 1.0 / (_FINE - 1)
    steepest = float(np.abs(np.diff(exact)).max() / step + slope.max())
    return LoadLines(slope, intercept, float(np.abs(exact - lines).max()) + steepest * step / 2.0)


def _lower_hull(x: FloatArray, y: FloatArray) -> list[int]:
    """Corners of the lower convex hull (monotone chain, Andrew 1979), ascending."""
    hull: list[int] = []
    for place in range(x.size):
        while len(hull) > 1:
            first, last = hull[-2], hull[-1]
            turn = (x[last] - x[first]) * (y[place] - y[first])
            if turn > (y[last] - y[first]) * (x[place] - x[first]):
                break
            hull.pop()
        hull.append(place)
    return hull
