"""An exact repair that needs no solver: it always ends with a result that balances."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from market.clearing.component import Component
from market.clearing.exact import ExactArray, narrowed
from market.units import SCALE


def repair(
    component: Component, prices: tuple[int, ...], surplus: ExactArray, units: ExactArray
) -> ExactArray:
    """Balances every product exactly, without a solver, and lets nobody trade beyond its limit.

    Levels that gain take up a difference, best first; then levels are curtailed, least gain first;
    where a product's levels do not suffice, its multi-leg orders are left out one by one, least
    gain first. Products in ascending order; each order is left out at most once, so it ends.
    """
    lost = np.asarray((surplus < 0) | (component.realised(prices, units) < 0), dtype=np.bool_)
    fills = [int(filled) for filled in np.where(lost, 0, units)]
    residual = component.imbalance_wh(np.array(fills, dtype=object))
    members: list[list[int]] = [[] for _ in residual]
    for j, k in zip(component.owners.tolist(), component.places.tolist(), strict=True):
        if surplus[j] >= 0:
            members[k].append(j)
    open_places = [k for k, left in enumerate(residual) if left != 0]
    heapify(open_places)
    while open_places:
        k = heappop(open_places)
        residual[k] = _absorb(component, surplus, fills, members[k], residual[k])
        if residual[k] == 0:
            continue
        j = _least_gaining(component, surplus, fills, members[k], k, residual[k])
        for place, coefficient in component.legs(j):
            residual[place] -= coefficient * fills[j] // SCALE
            heappush(open_places, place)
        fills[j] = 0
    return narrowed(np.array(fills, dtype=object))


def _absorb(
    component: Component,
    surplus: ExactArray,
    fills: list[int],
    members: list[int],
    residual: int,
) -> int:
    """Changes levels until `residual` Wh (positive: too much bought) are gone; returns the rest."""
    levels = [j for j in members if j < component.levels]
    helping = [j for j in levels if (component.coefficients[j] < 0) == (residual > 0)]
    hurting = [j for j in levels if (component.coefficients[j] < 0) != (residual > 0)]
    left = abs(residual)
    for j in sorted(helping, key=lambda j: (-int(surplus[j]), j)):
        step = min(left, int(component.maxima[j]) - fills[j])
        fills[j] += step
        left -= step
    for j in sorted(hurting, key=lambda j: (int(surplus[j]), j)):
        step = min(left, fills[j])
        fills[j] -= step
        left -= step
    return left if residual > 0 else -left


def _least_gaining(
    component: Component,
    surplus: ExactArray,
    fills: list[int],
    members: list[int],
    place: int,
    residual: int,
) -> int:
    """The filled multi-leg order with the least gain among those that add to the difference."""
    adding: list[tuple[int, int]] = []
    for j in members:
        if j >= component.levels and fills[j] > 0:
            coefficient = dict(component.legs(j))[place]
            if coefficient * fills[j] // SCALE * residual > 0:
                adding.append((int(surplus[j]) * fills[j], j))
    return min(adding)[1]
