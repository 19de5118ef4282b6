"""Integer fills that balance every product exactly, near the relaxation's (docs/clearing.md).

At given prices the gap falls exactly as accepted value rises, so the fills are chosen for value:
a small integer programme over deviations from the relaxation, then an exact repair that needs no
solver. Only columns with S >= 0 are ever filled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market.clearing.component import Column, Component
from market.clearing.prices import surpluses
from market.clearing.programme import Programme, ProgrammeError, solve
from market.clearing.relaxation import Relaxation, power_of_two_above
from market.units import SCALE

_PRICE_BITS = 4
_REACH_WH = 64
_CURTAILED_A_SIDE = 2
_SEARCH_LIMIT_WH = 1 << 24
_WIDE_COLUMNS = 200
_GAP_SHARE = 2e-7


def balanced_fills(
    component: Component, relaxation: Relaxation, prices: Sequence[int], *, wide: bool = False
) -> tuple[int, ...]:
    """Units by column; every product's quantities add up to zero, every filled order gains.

    `wide` lets every gaining column move: slower, for components with few single-leg orders.
    """
    surplus = surpluses(component, prices)
    start = [
        _start(column, float(relaxation.units[j]), bool(relaxation.full[j]), surplus[j])
        for j, column in enumerate(component.columns)
    ]
    free = _gaining(component, surplus) if wide else _free_columns(component, relaxation, surplus)
    searched = _search(component, surplus, start, free)
    candidates = [repair(component, prices, surplus, units) for units in (searched, start) if units]
    return max(candidates, key=lambda units: _value(component, units))


def _start(column: Column, units: float, full: bool, surplus: int) -> int:
    if surplus < 0:
        return 0
    return column.maximum if full else max(0, min(column.maximum, round(units)))


def _value(component: Component, units: Sequence[int]) -> int:
    return sum(c.limit * u for c, u in zip(component.columns, units, strict=True))


def imbalance_wh(component: Component, units: Sequence[int]) -> list[int]:
    """What is left over of every product, in Wh; positive: more bought than sold."""
    sums = [0] * len(component.products)
    for column, filled in zip(component.columns, units, strict=True):
        if filled:
            for k, q in zip(column.products, column.quantities_wh(filled), strict=True):
                sums[k] += q
    return sums


def _search(
    component: Component, surplus: Sequence[int], start: Sequence[int], free: Sequence[int]
) -> tuple[int, ...] | None:
    """The best deviations from `start` that balance, or None where the search finds none."""
    residual = imbalance_wh(component, start)
    if not any(residual):
        return tuple(start)
    reach = 2 * max(abs(r) for r in residual) + _REACH_WH
    if reach > _SEARCH_LIMIT_WH:
        return None
    row_lower = [-float(r) for r in residual]
    row_upper = list(row_lower)
    largest = max((abs(component.columns[j].limit) for j in free), default=1)
    scale = power_of_two_above(largest, _PRICE_BITS)
    pending: list[tuple[int, float, float, float, list[tuple[int, float]]]] = []
    legs: list[tuple[int, float, float, int]] = []  # product, lower, upper, first of two rows
    for j in free:
        column = component.columns[j]
        steps = max(1, -(-reach * SCALE // column.span))
        low = float(-min(start[j], steps))
        high = float(min(column.maximum - start[j], steps))
        cost = -column.limit / scale
        if column.is_level:
            sign = -1.0 if column.sells else 1.0
            pending.append((j, cost, low, high, [(column.products[0], sign)]))
            continue
        # q + e = floor(c (u + d) / SCALE): c d / SCALE + f - 1 < e <= c d / SCALE + f.
        entries: list[tuple[int, float]] = []
        for k, c in zip(column.products, column.coefficients, strict=True):
            fraction = (c * start[j] % SCALE) / SCALE
            row = len(row_lower)
            entries.append((row, -c / SCALE))
            row_lower.append(fraction - 1 + 0.5 / SCALE)
            row_upper.append(fraction + 0.1 / SCALE)
            bound = float(reach + 1) * abs(c) / column.span + 1
            legs.append((k, -bound, bound, row))
        pending.append((j, cost, low, high, entries))
    programme = Programme(np.array(row_lower), np.array(row_upper))
    for _, cost, low, high, entries in pending:
        programme.add(cost, low, high, entries, integral=True)
    for k, low, high, row in legs:
        programme.add(0.0, low, high, [(k, 1.0), (row, 1.0)], integral=True)
    bound = sum(
        max(s, 0) * column.maximum for s, column in zip(surplus, component.columns, strict=True)
    )
    enough = bound / SCALE * (1 - _GAP_SHARE) - _value(component, start)
    try:
        moves = solve(programme, feasibility_tolerance=1e-8, target=-enough / scale).x
    except ProgrammeError:
        return None
    units = list(start)
    for (j, *_), move in zip(pending, moves[: len(pending)], strict=True):
        moved = start[j] + round(float(move))
        units[j] = max(0, min(component.columns[j].maximum, moved))
    return tuple(units)


def _gaining(component: Component, surplus: Sequence[int]) -> list[int]:
    columns = enumerate(component.columns)
    gaining = [j for j, _ in columns if surplus[j] >= 0]
    gaining.sort(key=lambda j: (surplus[j] / component.columns[j].span, j))
    return sorted(gaining[:_WIDE_COLUMNS])


def _free_columns(
    component: Component, relaxation: Relaxation, surplus: Sequence[int]
) -> list[int]:
    """Columns that may move: whatever the relaxation fills in part, levels that neither gain nor
    lose much, the cheapest full levels of every product and side to curtail, and full multi-leg
    orders where a product has too few of those."""
    free: set[int] = set()
    by_side: dict[tuple[int, bool], list[int]] = {}
    multis: dict[int, list[int]] = {}
    for j, column in enumerate(component.columns):
        if surplus[j] < 0:
            continue
        if not relaxation.full[j]:
            if relaxation.filled[j] or column.is_level:
                free.add(j)
        elif column.is_level:
            by_side.setdefault((column.products[0], column.sells), []).append(j)
        else:
            for k in column.products:
                multis.setdefault(k, []).append(j)
    for members in by_side.values():
        free.update(sorted(members, key=lambda j: (surplus[j], j))[:_CURTAILED_A_SIDE])
    with_levels = {k for k, _ in by_side}
    for k, members in multis.items():
        if k not in with_levels:
            cheapest = sorted(members, key=lambda j: (surplus[j] / component.columns[j].span, j))
            free.update(cheapest[:_CURTAILED_A_SIDE])
    return sorted(free)


def repair(
    component: Component, prices: Sequence[int], surplus: Sequence[int], units: Sequence[int]
) -> tuple[int, ...]:
    """Balances every product exactly, without a solver, and lets nobody trade beyond its limit.

    Levels that gain take up a difference, best first; then levels are curtailed, least gain first;
    where a product's levels do not suffice, its multi-leg orders are left out one by one.
    """
    fills = list(units)
    for j, column in enumerate(component.columns):
        if surplus[j] < 0 or _realised(column, prices, fills[j]) < 0:
            fills[j] = 0
    by_product: list[list[int]] = [[] for _ in component.products]
    for j, column in enumerate(component.columns):
        if surplus[j] >= 0:
            for k in column.products:
                by_product[k].append(j)
    pending = True
    while pending:
        pending = False
        for k, residual in enumerate(imbalance_wh(component, fills)):
            left = _absorb(component, surplus, fills, by_product[k], residual)
            if left != 0:
                _leave_out(component, surplus, fills, by_product[k], k, left)
                pending = True
                break
    return tuple(fills)


def _realised(column: Column, prices: Sequence[int], units: int) -> int:
    cost = sum(
        prices[k] * q for k, q in zip(column.products, column.quantities_wh(units), strict=True)
    )
    return column.limit * units - cost


def _absorb(
    component: Component,
    surplus: Sequence[int],
    fills: list[int],
    members: Sequence[int],
    residual: int,
) -> int:
    """Changes levels until `residual` Wh (positive: too much bought) are gone; returns the rest."""
    levels = [j for j in members if component.columns[j].is_level]
    helping = [j for j in levels if component.columns[j].sells == (residual > 0)]
    hurting = [j for j in levels if component.columns[j].sells != (residual > 0)]
    left = abs(residual)
    for j in sorted(helping, key=lambda j: (-surplus[j], j)):
        step = min(left, component.columns[j].maximum - fills[j])
        fills[j] += step
        left -= step
    for j in sorted(hurting, key=lambda j: (surplus[j], j)):
        step = min(left, fills[j])
        fills[j] -= step
        left -= step
    return left if residual > 0 else -left


def _leave_out(
    component: Component,
    surplus: Sequence[int],
    fills: list[int],
    members: Sequence[int],
    product: int,
    residual: int,
) -> None:
    """Empties the least gaining multi-leg order that adds to the difference."""
    adding: list[tuple[int, int]] = []
    for j in members:
        column = component.columns[j]
        if column.is_level or fills[j] == 0:
            continue
        quantity = column.quantities_wh(fills[j])[column.products.index(product)]
        if quantity * residual > 0:
            adding.append((surplus[j] * fills[j], j))
    fills[min(adding)[1]] = 0
