"""Integer fills that balance every product exactly, near the relaxation's (docs/clearing.md).

At given prices the gap falls exactly as accepted value rises, so the fills are chosen for value:
a small integer programme over deviations from the relaxation, then an exact repair that needs no
solver (`market/clearing/repair.py`). Only columns with S >= 0 are ever filled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from market.clearing.component import Component
from market.clearing.exact import ExactArray, dot, narrowed, rounded
from market.clearing.prices import at_stake
from market.clearing.programme import INFINITY, ProgrammeDraft, ProgrammeError, solve
from market.clearing.relaxation import Relaxation, power_of_two_above, solve_relaxation
from market.clearing.repair import repair
from market.units import SCALE

_PRICE_BITS = 4
_REACH_WH = 64
_CURTAILED_A_SIDE = 2
_SEARCH_LIMIT_WH = 1 << 24
_WIDE_COLUMNS = 200
_GAP_SHARE = 2e-7
_MAX_NODES = 500
_ELASTIC_NODES = 50
_UNSOUGHT_SHARE = 0.1
_SLACK_COST = 1e3
_SLACK_USED = 1e-6
_LEAVE_OUT_ROUNDS = 6
_ONE_BY_ONE = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Units by column; products (by place) left unbalanced and columns left losing, if allowed."""

    units: ExactArray
    products: tuple[int, ...]
    losing: tuple[int, ...]


def balanced_fills(
    component: Component, relaxation: Relaxation, prices: tuple[int, ...], *, wide: bool = False
) -> ExactArray | None:
    """Units by column; every product's quantities add up to zero, every filled order gains. None
    where the search finds none.

    `wide` lets every gaining column move: slower, for components with few single-leg orders.
    """
    surplus = component.surpluses(prices)
    start = _starts(component, relaxation, surplus)
    free = _gaining(component, surplus) if wide else _free_columns(component, relaxation, surplus)
    found = _search(component, prices, surplus, start, free)
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
        found = _search(rest, prices, surplus, start, free)
        if found is None:
            free = _gaining(rest, surplus)
            found = _search(rest, prices, surplus, start, free)
        if found is None:
            found = _search(rest, prices, surplus, start, free, elastic=True)
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


def _search(
    component: Component,
    prices: tuple[int, ...],
    surplus: ExactArray,
    start: ExactArray,
    free: list[int],
    *,
    elastic: bool = False,
) -> _Found | None:
    """The best deviations from `start` that balance and let nobody lose, or None where the search
    finds none. `elastic`: products may stay unbalanced and orders lose, at a high price, so that
    the result names them."""
    if _holds(component, prices, start):
        return _Found(start, (), ())
    residual = component.imbalance_wh(start)
    reach = 2 * max(abs(r) for r in residual) + _REACH_WH
    if reach > _SEARCH_LIMIT_WH:
        return None
    stake = at_stake(component, prices)
    realised = component.realised(prices, start)
    row_lower = [-float(r) for r in residual]
    row_upper = list(row_lower)
    largest = max((abs(int(component.limits[j])) for j in free), default=1)
    scale = power_of_two_above(largest, _PRICE_BITS)
    pending: list[tuple[int, float, float, float, list[tuple[int, float]]]] = []
    # product, lower, upper, row of its rounding, entry in the row of its order's gain
    rounding: list[tuple[int, float, float, int, tuple[int, float] | None]] = []
    gains: list[tuple[int, int]] = []  # row, column
    for j in free:
        legs, limit, filled = component.legs(j), int(component.limits[j]), int(start[j])
        span, maximum = int(component.spans[j]), int(component.maxima[j])
        steps = max(1, -(-reach * SCALE // span))
        low = float(-min(filled, steps))
        high = float(min(maximum - filled, steps))
        cost = -limit / scale
        if j < component.levels:
            pending.append((j, cost, low, high, [(k, c / SCALE) for k, c in legs]))
            continue
        # q + e = floor(c (u + d) / SCALE): c d / SCALE + f - 1 < e <= c d / SCALE + f.
        entries: list[tuple[int, float]] = []
        for k, c in legs:
            fraction = (c * filled % SCALE) / SCALE
            row = len(row_lower)
            entries.append((row, -c / SCALE))
            row_lower.append(fraction - 1 + 0.5 / SCALE)
            row_upper.append(fraction + 0.1 / SCALE)
            bound = float(reach + 1) * abs(c) / span + 1
            rounding.append((k, -bound, bound, row, None))
        # Rounding takes up to a Wh a leg: at a negative price that may be more than the gain.
        if int(stake[j]) * SCALE > int(surplus[j]) * max(filled + int(low), 0):
            # limit d - p . e >= -(what it gains at the start)
            worth = power_of_two_above(max(abs(prices[k]) for k, _ in legs), 0)
            row = len(row_lower)
            row_lower.append(-int(realised[j]) / worth + 1e-6)
            row_upper.append(INFINITY)
            gains.append((row, j))
            entries.append((row, limit / worth))
            first = len(rounding) - len(legs)
            for place, (k, _) in enumerate(legs, first):
                rounding[place] = (*rounding[place][:4], (row, -prices[k] / worth))
        pending.append((j, cost, low, high, entries))
    draft = ProgrammeDraft(row_lower, row_upper)
    for _, cost, low, high, entries in pending:
        draft.add(cost, low, high, entries, integral=True)
    for k, low, high, row, loss in rounding:
        entries = [(k, 1.0), (row, 1.0)] if loss is None else [(k, 1.0), (row, 1.0), loss]
        draft.add(0.0, low, high, entries, integral=True)
    # Columns of the programme, each with a product or (from -1 down) an order.
    slacks: list[tuple[int, int]] = []
    if elastic:
        relaxed = [(k, k, sign) for k in range(len(component.products)) for sign in (1.0, -1.0)]
        relaxed += [(row, -1 - j, 1.0) for row, j in gains]
        slacks.extend(
            (draft.add(_SLACK_COST, 0.0, INFINITY, [(row, sign)]), what)
            for row, what, sign in relaxed
        )
    # Where prices are negative rounding costs something whatever the fills.
    rounding_loss = sum(stake[(np.arange(component.count) >= component.levels) & (start > 0)])
    bound = dot(np.maximum(surplus, 0), component.maxima)
    enough = bound / SCALE * (1 - _GAP_SHARE) - dot(component.limits, start)
    try:
        x = solve(
            draft.finished(),
            feasibility_tolerance=1e-8,
            absolute_gap=float(rounding_loss) * _UNSOUGHT_SHARE / scale,
            target=-enough / scale,
            max_nodes=_ELASTIC_NODES if elastic else _MAX_NODES,
        ).x
    except ProgrammeError:
        return None
    units = start.astype(object)
    for (j, *_), move in zip(pending, x[: len(pending)], strict=True):
        moved = int(start[j]) + round(float(move))
        units[j] = max(0, min(int(component.maxima[j]), moved))
    used = [place for column, place in slacks if x[column] > _SLACK_USED]
    return _Found(
        narrowed(units),
        tuple(sorted({k for k in used if k >= 0})),
        tuple(-1 - place for place in used if place < 0),
    )


def _gaining(component: Component, surplus: ExactArray) -> list[int]:
    gaining = np.flatnonzero((surplus >= 0) & (component.maxima > 0)).tolist()
    gaining.sort(key=lambda j: (int(surplus[j]) / int(component.spans[j]), j))
    return sorted(gaining[:_WIDE_COLUMNS])


def _free_columns(component: Component, relaxation: Relaxation, surplus: ExactArray) -> list[int]:
    """Columns that may move: whatever the relaxation fills in part, levels that neither gain nor
    lose much, the cheapest full levels of every product and side to curtail, and full multi-leg
    orders where a product has too few of those."""
    may = (surplus >= 0) & (component.maxima > 0)
    levels = np.arange(component.count) < component.levels
    free = set(np.flatnonzero(may & ~relaxation.full & (relaxation.filled | levels)).tolist())
    by_side: dict[tuple[int, bool], list[int]] = {}
    for j in np.flatnonzero(may & relaxation.full & levels).tolist():
        by_side.setdefault((int(component.places[j]), bool(component.sells[j])), []).append(j)
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
