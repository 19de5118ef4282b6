"""Integer fills that balance every product exactly, near the relaxation's (docs/clearing.md).

At given prices the gap falls exactly as accepted value rises, so the fills are chosen for value:
a small integer programme over deviations from the relaxation, then an exact repair that needs no
solver (`market/clearing/repair.py`). Only columns with S >= 0 are ever filled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from market.clearing.component import Component
from market.clearing.exact import ExactArray, dot, narrowed, quotients, rounded
from market.clearing.grains import grains_of, split_by_grain
from market.clearing.relaxation import Relaxation, solve_relaxation
from market.clearing.repair import repair
from market.clearing.search import REACH_WH, search
from market.units import SCALE

_CURTAILED_A_SIDE = 2
_WIDE_COLUMNS = 200
_LEAVE_OUT_ROUNDS = 6
_ONE_BY_ONE = 3
_NEGLIGIBLE_SHARE = 1e-9
_COSTLESS_A_PRODUCT = 4


def balanced_fills(
    component: Component, relaxation: Relaxation, prices: tuple[int, ...], *, wide: bool = False
) -> ExactArray | None:
    """Units by column; every product's quantities add up to zero, every filled order gains. None
    where the search finds none.

    `wide` lets every gaining column move: slower, for components with few single-leg orders.
    """
    surplus = component.surpluses(prices)
    start = _starts(component, relaxation, surplus)
    free = _free_columns(component, relaxation, surplus)
    start, settled = split_by_grain(component, relaxation, grains_of(component, free), start)
    free = _gaining(component, surplus) if wide else [j for j in free if j not in settled]
    found = search(component, prices, surplus, narrowed(start), free)
    return found.units if found is not None and _holds(component, prices, found.units) else None


def fills_without_the_unbalanced(component: Component, prices: tuple[int, ...]) -> ExactArray:
    """As `balanced_fills`, leaving out the orders that keep a product from balancing.

    What gains at the prices is filled anew without them; where a product still does not balance,
    its least gaining filled multi-leg order is left out too; before those go the orders that only
    rounding makes lose. Orders left out count in the gap with all they would have gained.
    """
    surplus = component.surpluses(prices)
    left_out = np.asarray(surplus < 0, dtype=np.bool_)
    best: ExactArray | None = None
    for round_number in range(_LEAVE_OUT_ROUNDS):
        rest = replace(component, maxima=np.where(left_out, 0, component.maxima))
        relaxation = solve_relaxation(rest)
        start = _starts(rest, relaxation, surplus)
        free = _free_columns(rest, relaxation, surplus)
        found = search(rest, prices, surplus, start, free)
        if found is None:
            free = _gaining(rest, surplus)
            found = search(rest, prices, surplus, start, free)
        if found is None:
            found = search(rest, prices, surplus, start, free, elastic=True)
        units = repair(rest, prices, surplus, start if found is None else found.units)
        if best is None or dot(component.limits, units) > dot(component.limits, best):
            best = units
        if found is None or not (found.products or found.losing):
            break
        left_out[list(found.losing)] = True
        count = None if round_number >= _ONE_BY_ONE else 1
        for k in () if found.losing else found.products:
            adding = [
                (int(surplus[j]) * int(start[j]), j)
                for j in component.owners[component.places == k].tolist()
                if start[j] > 0 and j >= component.levels
            ]
            left_out[[j for _, j in sorted(adding)[:count]]] = True
    assert best is not None
    return best


def _starts(component: Component, relaxation: Relaxation, surplus: ExactArray) -> ExactArray:
    """The relaxation's fills as whole units; nothing of what loses at the prices."""
    units = rounded(relaxation.units)
    maxima = component.maxima
    if units.dtype != maxima.dtype:
        units, maxima = units.astype(object), maxima.astype(object)
    units = np.where(relaxation.full, maxima, np.clip(units, 0, maxima))
    return narrowed(np.where(surplus < 0, 0, units))


def _holds(component: Component, prices: tuple[int, ...], units: ExactArray) -> bool:
    """Whether every product balances and nobody loses."""
    balanced = not any(component.imbalance_wh(units))
    return balanced and bool((component.realised(prices, units) >= 0).all())


def _gaining(component: Component, surplus: ExactArray) -> list[int]:
    gaining = np.flatnonzero((surplus >= 0) & (component.maxima > 0)).tolist()
    gaining.sort(key=lambda j: (int(surplus[j]) / int(component.spans[j]), j))
    return sorted(gaining[:_WIDE_COLUMNS])


def _free_columns(component: Component, relaxation: Relaxation, surplus: ExactArray) -> list[int]:
    """Columns that may move: whatever the relaxation fills in part, what can move at next to no
    cost, levels that neither gain nor lose much, the cheapest full levels of every product and side
    to curtail, and full multi-leg orders where a product has too few of those."""
    may = (surplus >= 0) & (component.maxima > 0)
    levels = np.arange(component.count) < component.levels
    free = set(np.flatnonzero(may & ~relaxation.full & (relaxation.filled | levels)).tolist())
    free.update(_costless(component, surplus, may & ~levels))
    by_side: dict[tuple[int, bool], list[int]] = {}
    full_levels = np.flatnonzero(may & relaxation.full & levels)
    sides = zip(
        component.places[full_levels].tolist(), component.sells[full_levels].tolist(), strict=True
    )
    for j, side in zip(full_levels.tolist(), sides, strict=True):
        by_side.setdefault(side, []).append(j)
    for members in by_side.values():
        free.update(sorted(members, key=lambda j: (int(surplus[j]), j))[:_CURTAILED_A_SIDE])
    with_levels = {k for k, _ in by_side}
    multis: dict[int, list[int]] = {}
    for j in np.flatnonzero(may & relaxation.full & ~levels).tolist():
        for k, _ in component.legs(j):
            if k not in with_levels:
                multis.setdefault(k, []).append(j)
    for members in multis.values():
        cheapest = sorted(members, key=lambda j: (int(surplus[j]) / int(component.spans[j]), j))
        free.update(cheapest[:_CURTAILED_A_SIDE])
    return sorted(free)


def _costless(component: Component, surplus: ExactArray, among: NDArray[np.bool_]) -> set[int]:
    """Multi-leg orders whose moving leaves next to nothing open, the finest few of each product."""
    bound = dot(np.maximum(surplus, 0), component.maxima)
    gain_a_wh = quotients(np.where(among, surplus, 0), component.spans)  # nano per kWh
    cheap = np.flatnonzero(among & (gain_a_wh * REACH_WH <= bound / SCALE * _NEGLIGIBLE_SHARE))
    taken: dict[int, int] = {}
    chosen: set[int] = set()
    for j in cheap[np.argsort(component.spans[cheap], kind="stable")].tolist():
        places = [k for k, _ in component.legs(j)]
        if any(taken.get(k, 0) < _COSTLESS_A_PRODUCT for k in places):
            chosen.add(j)
            for k in places:
                taken[k] = taken.get(k, 0) + 1
    return chosen
