"""Canonical integer prices of a component (docs/clearing.md).

1. Among all prices that support the relaxation's fills, take the middle between those with the
   greatest and the least sum: for a single product this is the midpoint rule.
2. Move that point onto the integer grid so that no filled column loses by the rounding, and what
   unfilled units gain is least: multi-leg orders keep half a grain of every leg in reserve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.clearing.component import Column, Component
from market.clearing.programme import INFINITY, Programme, ProgrammeError, solve
from market.clearing.relaxation import Relaxation, power_of_two_above
from market.units import SCALE

FloatArray = NDArray[np.float64]

_PRICE_BITS = 10
_FACE_TOLERANCE = 1e-7
_REACH_GRAINS = 4_096
_REACH_RESERVES = 4
_MAX_REACH_GRAINS = 1e7
_LEAST_FILL = 64
_LOSS_WEIGHT = 1e4
_MOVE_WEIGHT = 1e-7
_MAX_PRICE = (1 << 63) - 1


def canonical_prices(component: Component, relaxation: Relaxation) -> tuple[int, ...]:
    """Prices by place, nano per kWh."""
    none = (0.0,) * len(component.columns)
    return snap_to_grid(component, relaxation, middle_of_face(component, relaxation), none)


def reserved_prices(
    component: Component, relaxation: Relaxation, near: Sequence[int], share: float
) -> tuple[int, ...]:
    """Prices next to `near` at which a filled multi-leg order gains at least `share` of what
    rounding can cost it: up to a Wh of every leg whose price is negative."""
    reserve = [
        share * at_stake(column, near) / float(relaxation.units[j])
        if not column.is_level
        and relaxation.filled[j]
        and relaxation.units[j] * _LEAST_FILL > column.maximum
        else 0.0
        for j, column in enumerate(component.columns)
    ]
    return snap_to_grid(component, relaxation, np.array(near, dtype=np.float64), reserve)


def at_stake(column: Column, prices: Sequence[int]) -> int:
    """What rounding can cost an order, in nano/kWh x Wh."""
    legs = zip(column.products, column.coefficients, strict=True)
    return sum(max(0, -prices[k]) for k, c in legs if c % SCALE)


def middle_of_face(component: Component, relaxation: Relaxation) -> FloatArray:
    """The middle between the supporting prices of greatest and of least sum.

    Every price stays between the price terms of its product's levels and the relaxation's dual
    (which supports the fills), so that a price with a single bound does not run away. Falls back to
    the duals where rounding in the solver leaves no supporting prices.
    """
    duals = relaxation.prices
    lower, upper = _price_box(component, relaxation)
    scale = power_of_two_above(int(max(np.abs(lower).max(), np.abs(upper).max())), _PRICE_BITS)
    rows: list[tuple[float, float]] = []
    entries: list[list[tuple[int, float]]] = [[] for _ in component.products]
    for j, column in enumerate(component.columns):
        if column.is_level:
            continue
        value = column.limit * SCALE / column.span / scale
        for k, c in zip(column.products, column.coefficients, strict=True):
            entries[k].append((len(rows), c / column.span))
        rows.append(
            (
                -INFINITY if relaxation.full[j] else value - _FACE_TOLERANCE,
                value + _FACE_TOLERANCE if relaxation.filled[j] else INFINITY,
            )
        )
    ends: list[FloatArray] = []
    for sign in (1.0, -1.0):
        programme = Programme(
            np.array([low for low, _ in rows]), np.array([high for _, high in rows])
        )
        for k in range(len(component.products)):
            programme.add(sign, float(lower[k]) / scale, float(upper[k]) / scale, entries[k])
        try:
            ends.append(solve(programme).x * scale)
        except ProgrammeError:
            return duals
    return (ends[0] + ends[1]) / 2


def _price_box(component: Component, relaxation: Relaxation) -> tuple[FloatArray, FloatArray]:
    """Bounds that a product's own levels put on its price."""
    duals = relaxation.prices
    least, greatest = duals.copy(), duals.copy()
    lower, upper = np.full_like(duals, -np.inf), np.full_like(duals, np.inf)
    for j, column in enumerate(component.columns):
        if not column.is_level:
            continue
        k, price = column.products[0], float(column.price_term)
        least[k], greatest[k] = min(least[k], price), max(greatest[k], price)
        if relaxation.filled[j] if column.sells else not relaxation.full[j]:
            lower[k] = max(lower[k], price)
        if not relaxation.full[j] if column.sells else relaxation.filled[j]:
            upper[k] = min(upper[k], price)
    lower, upper = np.maximum(lower, least), np.minimum(upper, greatest)
    crossed = lower > upper
    lower[crossed] = upper[crossed] = duals[crossed]
    return lower, upper


def snap_to_grid(
    component: Component,
    relaxation: Relaxation,
    point: FloatArray,
    reserves: Sequence[float],
) -> tuple[int, ...]:
    """Integer prices next to `point` at which the filled columns still gain, at least `reserves`
    (nano per kWh by column).

    A small programme in grains around the rounded point, where surpluses are known exactly. A
    filled column that cannot be kept costs its weight; the fills then leave it out.
    """
    base = [max(-_MAX_PRICE, min(_MAX_PRICE, round(float(p)))) for p in point]
    weights = _unfilled_weights(component, relaxation)
    # In grains of the largest leg, like everything below.
    extra = [
        reserve * SCALE / column.span
        for column, reserve in zip(component.columns, reserves, strict=True)
    ]
    reach = min(_REACH_GRAINS + _REACH_RESERVES * max(extra), _MAX_REACH_GRAINS)
    rows: list[tuple[float, float]] = []
    entries: list[list[tuple[int, float]]] = [[] for _ in base]
    elastic: list[tuple[int, float, float]] = []  # row, value, cost
    for j, column in enumerate(component.columns):
        surplus = column.surplus_scaled(base) / column.span
        ratios = [c / column.span for c in column.coefficients]
        total = sum(abs(r) for r in ratios)
        if relaxation.filled[j] and surplus < (reach + 1) * total:
            reserve = 0.0 if column.is_level else total / 2 + 1e-6
            for k, ratio in zip(column.products, ratios, strict=True):
                entries[k].append((len(rows), ratio))
            elastic.append((len(rows), -1.0, _LOSS_WEIGHT))
            rows.append((-INFINITY, surplus - reserve - extra[j]))
        if not relaxation.full[j] and abs(surplus) < (reach + 1) * total:
            for k, ratio in zip(column.products, ratios, strict=True):
                entries[k].append((len(rows), ratio))
            elastic.append((len(rows), 1.0, float(weights[j])))
            untouched = 0.0 if column.is_level or relaxation.filled[j] else total / 2 + 1e-6
            rows.append((surplus + untouched, INFINITY))
    if not rows:
        return tuple(base)
    programme = Programme(np.array([low for low, _ in rows]), np.array([high for _, high in rows]))
    for column_entries in entries:
        programme.add(_MOVE_WEIGHT, 0.0, reach, column_entries)
        programme.add(_MOVE_WEIGHT, 0.0, reach, [(row, -value) for row, value in column_entries])
    for row, value, cost in elastic:
        programme.add(cost, 0.0, INFINITY, [(row, value)])
    try:
        moves = solve(programme).x
    except ProgrammeError:
        return tuple(base)
    return tuple(
        max(-_MAX_PRICE, min(_MAX_PRICE, p + round(float(moves[2 * k] - moves[2 * k + 1]))))
        for k, p in enumerate(base)
    )


def _unfilled_weights(component: Component, relaxation: Relaxation) -> FloatArray:
    """Energy of every column that the relaxation leaves unfilled, as a share of the greatest."""
    energy = np.array(
        [
            max(0.0, column.maximum - float(units)) * column.span / SCALE
            for column, units in zip(component.columns, relaxation.units, strict=True)
        ]
    )
    greatest = float(energy.max(initial=0.0))
    return np.maximum(energy / greatest, 1e-6) if greatest > 0 else np.ones_like(energy)


def surpluses(component: Component, prices: Sequence[int]) -> list[int]:
    """S of every column at integer prices, exact."""
    return [column.surplus_scaled(prices) for column in component.columns]
