"""Multi-leg orders that differ in grain alone: coarse ones for range, fine ones for exactness.

Such orders have legs in the same products in the same proportions, in the same direction or the
opposite one (a node order of a meshed grid in kWh, and in Wh). What they move together is all that
matters to the products; here it is split so that the coarse ones stand at whole units and the
finest has room to move either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.clearing.component import Component
from market.clearing.exact import ExactArray
from market.clearing.relaxation import Relaxation

_PARALLEL = 2e-6


@dataclass(frozen=True, slots=True)
class Grains:
    """Columns that move the same, finest first, each with its direction (1 or -1) against the
    finest."""

    columns: tuple[int, ...]
    directions: tuple[int, ...]


def grains_of(component: Component, usable: list[int]) -> list[Grains]:
    """Groups of at least two among the usable multi-leg columns."""
    by_places: dict[tuple[int, ...], list[int]] = {}
    for j in usable:
        if j >= component.levels:
            by_places.setdefault(tuple(k for k, _ in component.legs(j)), []).append(j)
    found: list[Grains] = []
    for alike in by_places.values():
        rest = sorted(alike, key=lambda j: (int(component.spans[j]), j))
        while len(rest) > 1:
            directions = {j: _direction(component, rest[0], j) for j in rest}
            group = [j for j in rest if directions[j] != 0]
            if len(group) > 1:
                found.append(Grains(tuple(group), tuple(directions[j] for j in group)))
            rest = [j for j in rest if directions[j] == 0]
    return found


def _direction(component: Component, reference: int, column: int) -> int:
    """1 or -1 if the columns' legs are in the same or in opposite proportions, else 0."""

    def ratios(j: int) -> np.ndarray:
        span = int(component.spans[j])
        return np.array([c / span for _, c in component.legs(j)])

    own, other = ratios(reference), ratios(column)
    for direction in (1, -1):
        if float(np.abs(own - direction * other).max()) <= _PARALLEL:
            return direction
    return 0


def split_by_grain(
    component: Component, relaxation: Relaxation, groups: list[Grains], start: ExactArray
) -> tuple[ExactArray, set[int]]:
    """Fills to start from, and the columns that need not move because a finer one can.

    What a group moves in the relaxation goes to whole units from the coarsest on, so that the
    finest ends near the middle of its range.
    """
    units = start.astype(object)
    settled: set[int] = set()
    for group in groups:
        spans = [int(component.spans[j]) for j in group.columns]
        maxima = [int(component.maxima[j]) for j in group.columns]
        if spans[0] == spans[-1]:
            continue
        wanted = sum(
            direction * span * float(relaxation.units[j])
            for j, direction, span in zip(group.columns, group.directions, spans, strict=True)
        )
        middle = group.directions[0] * spans[0] * maxima[0] / 2
        left = wanted - middle
        fills = [0] * len(spans)
        for place in range(len(spans) - 1, 0, -1):
            towards = group.directions[place] * left / spans[place]
            fills[place] = max(0, min(maxima[place], round(towards)))
            left -= group.directions[place] * spans[place] * fills[place]
        fills[0] = max(0, min(maxima[0], round(group.directions[0] * (left + middle) / spans[0])))
        for j, filled in zip(group.columns, fills, strict=True):
            units[j] = filled
        if 0 < fills[0] < maxima[0]:
            settled.update(group.columns[1:])
    return units, settled
