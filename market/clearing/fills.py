"""Integer fills that balance every product exactly, near the relaxation's (docs/clearing.md).

At given prices the gap falls exactly as accepted value rises, so the fills are chosen for value:
a small integer programme over deviations from the relaxation, then an exact repair that needs no
solver. Only columns with S >= 0 are ever filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from market.clearing.component import Column, Component
from market.clearing.prices import at_stake, surpluses
from market.clearing.programme import INFINITY, Programme, ProgrammeError, solve
from market.clearing.relaxation import Relaxation, power_of_two_above, solve_relaxation
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


@dataclass(frozen=True, slots=True)
class _Found:
    """Units by column; products (by place) left unbalanced and columns left losing, if allowed."""

    units: tuple[int, ...]
    products: tuple[int, ...]
    losing: tuple[int, ...]


def balanced_fills(
    component: Component, relaxation: Relaxation, prices: Sequence[int], *, wide: bool = False
) -> tuple[int, ...] | None:
    """Units by column; every product's quantities add up to zero, every filled order gains. None
    where the search finds none.

    `wide` lets every gaining column move: slower, for components with few single-leg orders.
    """
    surplus = surpluses(component, prices)
    start = _starts(component, relaxation, surplus)
    free = _gaining(component, surplus) if wide else _free_columns(component, relaxation, surplus)
    found = _search(component, prices, surplus, start, free)
    return found.units if found is not None and _holds(component, prices, found.units) else None


def fills_without_the_unbalanced(component: Component, prices: Sequence[int]) -> tuple[int, ...]:
    """As `balanced_fills`, leaving out the orders that keep a product from balancing.

    What gains at the prices is filled anew without them; where a product still does not balance,
    its least gaining filled multi-leg order is left out too; before those go the orders that only
    rounding makes lose. Orders left out count in the gap with all they would have gained.
    """
    surplus = surpluses(component, prices)
    left_out = {j for j, s in enumerate(surplus) if s < 0}
    best: tuple[int, ...] | None = None
    for round_number in range(_LEAVE_OUT_ROUNDS):
        columns = (
            replace(column, maximum=0) if j in left_out else column
            for j, column in enumerate(component.columns)
        )
        rest = replace(component, columns=tuple(columns))
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
        if best is None or _value(component, units) > _value(component, best):
            best = units
        if found is None or not (found.products or found.losing):
            break
        left_out.update(found.losing)
        for k in () if found.losing else found.products:
            adding = [
                (surplus[j] * start[j], j)
                for j, column in enumerate(rest.columns)
                if start[j] > 0 and not column.is_level and k in column.products
            ]
            count = len(adding) if round_number >= _ONE_BY_ONE else 1
            left_out.update(j for _, j in sorted(adding)[:count])
    assert best is not None
    return best


def _starts(component: Component, relaxation: Relaxation, surplus: Sequence[int]) -> list[int]:
    return [
        _start(column, float(relaxation.units[j]), bool(relaxation.full[j]), surplus[j])
        for j, column in enumerate(component.columns)
    ]


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


def _holds(component: Component, prices: Sequence[int], units: Sequence[int]) -> bool:
    """Whether every product balances and nobody loses."""
    return not any(imbalance_wh(component, units)) and all(
        _realised(column, prices, u) >= 0
        for column, u in zip(component.columns, units, strict=True)
    )


def _search(
    component: Component,
    prices: Sequence[int],
    surplus: Sequence[int],
    start: Sequence[int],
    free: Sequence[int],
    *,
    elastic: bool = False,
) -> _Found | None:
    """The best deviations from `start` that balance and let nobody lose, or None where the search
    finds none. `elastic`: products may stay unbalanced and orders lose, at a high price, so that
    the result names them."""
    if _holds(component, prices, start):
        return _Found(tuple(start), (), ())
    residual = imbalance_wh(component, start)
    reach = 2 * max(abs(r) for r in residual) + _REACH_WH
    if reach > _SEARCH_LIMIT_WH:
        return None
    row_lower = [-float(r) for r in residual]
    row_upper = list(row_lower)
    largest = max((abs(component.columns[j].limit) for j in free), default=1)
    scale = power_of_two_above(largest, _PRICE_BITS)
    pending: list[tuple[int, float, float, float, list[tuple[int, float]]]] = []
    # product, lower, upper, row of its rounding, entry in the row of its order's gain
    legs: list[tuple[int, float, float, int, tuple[int, float] | None]] = []
    gains: list[tuple[int, int]] = []  # row, column
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
            legs.append((k, -bound, bound, row, None))
        if _may_lose(column, prices, surplus[j], start[j] + int(low)):
            # limit d - p . e >= -(what it gains at the start)
            worth = power_of_two_above(max(abs(prices[k]) for k in column.products), 0)
            row = len(row_lower)
            row_lower.append(-_realised(column, prices, start[j]) / worth + 1e-6)
            row_upper.append(INFINITY)
            gains.append((row, j))
            entries.append((row, column.limit / worth))
            first = len(legs) - len(column.products)
            for place, k in enumerate(column.products, first):
                legs[place] = (*legs[place][:4], (row, -prices[k] / worth))
        pending.append((j, cost, low, high, entries))
    programme = Programme(np.array(row_lower), np.array(row_upper))
    for _, cost, low, high, entries in pending:
        programme.add(cost, low, high, entries, integral=True)
    for k, low, high, row, loss in legs:
        entries = [(k, 1.0), (row, 1.0)] if loss is None else [(k, 1.0), (row, 1.0), loss]
        programme.add(0.0, low, high, entries, integral=True)
    # Columns of the programme, each with a product or (from -1 down) an order.
    slacks: list[tuple[int, int]] = []
    if elastic:
        relaxed = [(k, k, sign) for k in range(len(component.products)) for sign in (1.0, -1.0)]
        relaxed += [(row, -1 - j, 1.0) for row, j in gains]
        slacks.extend(
            (programme.add(_SLACK_COST, 0.0, INFINITY, [(row, sign)]), what)
            for row, what, sign in relaxed
        )
    bound = sum(
        max(s, 0) * column.maximum for s, column in zip(surplus, component.columns, strict=True)
    )
    # Where prices are negative rounding costs something whatever the fills.
    rounding_loss = sum(
        at_stake(column, prices)
        for column, u in zip(component.columns, start, strict=True)
        if u > 0 and not column.is_level
    )
    enough = bound / SCALE * (1 - _GAP_SHARE) - _value(component, start)
    try:
        x = solve(
            programme,
            feasibility_tolerance=1e-8,
            absolute_gap=rounding_loss * _UNSOUGHT_SHARE / scale,
            target=-enough / scale,
            max_nodes=_ELASTIC_NODES if elastic else _MAX_NODES,
        ).x
    except ProgrammeError:
        return None
    units = list(start)
    for (j, *_), move in zip(pending, x[: len(pending)], strict=True):
        moved = start[j] + round(float(move))
        units[j] = max(0, min(component.columns[j].maximum, moved))
    used = [place for column, place in slacks if x[column] > _SLACK_USED]
    return _Found(
        tuple(units),
        tuple(sorted({k for k in used if k >= 0})),
        tuple(-1 - place for place in used if place < 0),
    )


def _may_lose(column: Column, prices: Sequence[int], surplus: int, units: int) -> bool:
    """Whether rounding, which takes up to a Wh a leg, can cost an order at a negative price more
    than it gains with these units."""
    return at_stake(column, prices) * SCALE > surplus * max(units, 0)


def _gaining(component: Component, surplus: Sequence[int]) -> list[int]:
    columns = enumerate(component.columns)
    gaining = [j for j, column in columns if surplus[j] >= 0 and column.maximum > 0]
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
        if surplus[j] < 0 or column.maximum == 0:
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
