"""Canonical integer prices of a component (docs/clearing.md).

1. Among all prices that support the relaxation's fills, take the middle between those with the
   greatest and the least sum: for a single product this is the midpoint rule.
2. Move that point onto the integer grid so that no filled column loses by the rounding, and what
   unfilled units gain is least: multi-leg orders keep half a grain of every leg in reserve.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags_array, hstack

from market.clearing.component import Component
from market.clearing.exact import ExactArray, FloatArray, greatest, held, quotients, rounded
from market.clearing.programme import INFINITY, Programme, ProgrammeError, solve
from market.clearing.relaxation import Relaxation, power_of_two_above, values_per_kwh
from market.units import SCALE

_PRICE_BITS = 10
_FACE_TOLERANCE = 1e-7
_GOLDEN = (5**0.5 - 1) / 2
_WEIGHT_SPREAD = 1e-3
_REACH_GRAINS = 4_096
_REACH_RESERVES = 4
_MAX_REACH_GRAINS = 1e7
_LEAST_FILL = 64
_LOSS_WEIGHT = 1e4
_MOVE_WEIGHT = 1e-7
_ROUNDING = 0.5 + 1e-7  # what the solver leaves short of a half is a half
_MAX_PRICE = (1 << 63) - 1


def canonical_prices(component: Component, relaxation: Relaxation) -> tuple[int, ...]:
    """Prices by place, nano per kWh."""
    none = np.zeros(component.count)
    return snap_to_grid(component, relaxation, middle_of_face(component, relaxation), none)


def reserved_prices(
    component: Component, relaxation: Relaxation, near: tuple[int, ...], share: float
) -> tuple[int, ...]:
    """Prices next to `near` at which a filled multi-leg order gains at least `share` of what
    rounding can cost it: up to a Wh of every leg whose price is negative."""
    kept = relaxation.filled & (relaxation.units * _LEAST_FILL > component.maxima.astype(float))
    kept[: component.levels] = False
    reserve = np.zeros(component.count)
    stake = at_stake(component, near).astype(np.float64)
    np.divide(share * stake, relaxation.units, out=reserve, where=kept)
    return snap_to_grid(component, relaxation, np.array(near, dtype=np.float64), reserve)


def at_stake(component: Component, prices: tuple[int, ...]) -> ExactArray:
    """What rounding can cost every column, in nano/kWh x Wh."""
    lost = np.maximum(0, -np.array(prices, dtype=np.int64))
    lost = held(lost, greatest(lost) * len(component.coefficients))
    return component.by_column(np.where(component.coefficients % SCALE, lost[component.places], 0))


def middle_of_face(component: Component, relaxation: Relaxation) -> FloatArray:
    """The middle between the supporting prices of greatest and of least weighted sum.

    Weights lie between 1 and 1.001 and differ by place, so that one point alone has that sum even
    where one price can fall for another to rise.
    Every price stays between the price terms of its product's levels and the relaxation's dual
    (which supports the fills), so that a price with a single bound does not run away. Falls back to
    the duals where rounding in the solver leaves no supporting prices.
    """
    duals = relaxation.prices
    lower, upper = _price_box(component, relaxation)
    scale = power_of_two_above(int(max(np.abs(lower).max(), np.abs(upper).max())), _PRICE_BITS)
    multi = slice(component.levels, None)
    values = values_per_kwh(component)[multi] / scale
    matrix = component.ratios[:, multi].T.tocsc()
    weights = 1.0 + np.arange(len(duals)) * _GOLDEN % 1.0 * _WEIGHT_SPREAD
    ends: list[FloatArray] = []
    for sign in (1.0, -1.0):
        programme = Programme(
            row_lower=np.where(relaxation.full[multi], -INFINITY, values - _FACE_TOLERANCE),
            row_upper=np.where(relaxation.filled[multi], values + _FACE_TOLERANCE, INFINITY),
            cost=np.where(sign > 0, weights, -weights),
            lower=lower / scale,
            upper=upper / scale,
            matrix=matrix,
        )
        try:
            ends.append(solve(programme).x * scale)
        except ProgrammeError:
            return duals
    return (ends[0] + ends[1]) / 2


def _price_box(component: Component, relaxation: Relaxation) -> tuple[FloatArray, FloatArray]:
    """Bounds that a product's own levels put on its price."""
    duals = relaxation.prices
    level = slice(0, component.levels)
    places, sells = component.places[level], component.sells
    price = component.price_terms.astype(np.float64)
    filled, open_ = relaxation.filled[level], ~relaxation.full[level]
    least, greatest_term = duals.copy(), duals.copy()
    np.minimum.at(least, places, price)
    np.maximum.at(greatest_term, places, price)
    lower, upper = np.full_like(duals, -np.inf), np.full_like(duals, np.inf)
    below, above = np.where(sells, filled, open_), np.where(sells, open_, filled)
    np.maximum.at(lower, places[below], price[below])
    np.minimum.at(upper, places[above], price[above])
    lower, upper = np.maximum(lower, least), np.minimum(upper, greatest_term)
    crossed = lower > upper
    lower[crossed] = upper[crossed] = duals[crossed]
    return lower, upper


def snap_to_grid(
    component: Component, relaxation: Relaxation, point: FloatArray, reserves: FloatArray
) -> tuple[int, ...]:
    """Integer prices next to `point` at which the filled columns still gain, at least `reserves`
    (nano per kWh by column).

    A small programme in grains around the rounded point, where surpluses are known exactly. A
    filled column that cannot be kept costs its weight; the fills then leave it out.
    """
    base = _whole_prices(rounded(point).tolist())
    spans = component.spans.astype(np.float64)
    # In grains of the largest leg, like everything below.
    extra = reserves * SCALE / spans
    reach = min(_REACH_GRAINS + _REACH_RESERVES * float(extra.max()), _MAX_REACH_GRAINS)
    exact = component.surpluses(base)
    losing = relaxation.filled & np.asarray(exact < 0, dtype=np.bool_)
    missing = ~relaxation.full & np.asarray(exact > 0, dtype=np.bool_)
    if not (losing.any() or missing.any() or extra.any()):
        return base
    surplus = quotients(exact, component.spans)
    ratios = component.coefficients / spans[component.owners]
    total = component.by_column(np.abs(ratios))
    half_a_grain = total / 2 + 1e-6
    # Prices that bound each other's difference alone stay in order when all are rounded alike.
    ordered = _in_order(component)
    half_a_grain[ordered] = 0.0
    keeps = np.where(ordered, np.floor(surplus), surplus)
    leaves = np.where(ordered, np.ceil(surplus), surplus)
    # Row 2 j: column j keeps its gain; row 2 j + 1: what it leaves unfilled gains little.
    near = (reach + 1) * total
    wanted = np.column_stack(
        (
            relaxation.filled & (surplus < near),
            ~relaxation.full & (np.abs(surplus) < near),
        )
    )
    if not wanted.any():
        return base
    row_lower = np.column_stack(
        (
            np.full(component.count, -INFINITY),
            leaves + np.where(relaxation.filled, 0.0, half_a_grain),
        )
    )
    row_upper = np.column_stack((keeps - half_a_grain - extra, np.full(component.count, INFINITY)))
    cost = np.column_stack(
        (np.full(component.count, _LOSS_WEIGHT), _unfilled_weights(component, relaxation))
    )
    # Every row has the legs of its column, and may be missed at a cost.
    chosen = np.flatnonzero(wanted)
    legs = component.ratios.T.tocsr()[chosen // 2]
    both_ways = hstack((legs, -legs), format="csc")
    alternating = np.arange(2 * len(base)).reshape(2, -1).T.ravel()
    missed = diags_array(np.where(chosen % 2, 1.0, -1.0))
    moves, rows = len(alternating), len(chosen)
    programme = Programme(
        row_lower=row_lower[wanted],
        row_upper=row_upper[wanted],
        cost=np.concatenate((np.full(moves, _MOVE_WEIGHT), cost[wanted])),
        lower=np.zeros(moves + rows),
        upper=np.concatenate((np.full(moves, reach), np.full(rows, INFINITY))),
        matrix=hstack((both_ways[:, alternating], missed), format="csc"),
    )
    try:
        found = solve(programme).x[:moves]
    except ProgrammeError:
        return base
    steps = rounded(np.floor(found[0::2] - found[1::2] + _ROUNDING)).tolist()
    return _whole_prices([price + step for price, step in zip(base, steps, strict=True)])


def _in_order(component: Component) -> NDArray[np.bool_]:
    """Levels, and orders that take as much of one product as they give of another."""
    single = np.arange(component.count) < component.levels
    even = component.by_column(component.coefficients) == 0
    return np.asarray(single | (even & (np.diff(component.starts) == 2)), dtype=np.bool_)


def _whole_prices(prices: list[int]) -> tuple[int, ...]:
    return tuple(max(-_MAX_PRICE, min(_MAX_PRICE, price)) for price in prices)


def _unfilled_weights(component: Component, relaxation: Relaxation) -> FloatArray:
    """Energy of every column that the relaxation leaves unfilled, as a share of the greatest."""
    left = np.maximum(0.0, component.maxima.astype(np.float64) - relaxation.units)
    energy = left * component.spans / SCALE
    most = float(energy.max(initial=0.0))
    return np.maximum(energy / most, 1e-6) if most > 0 else np.ones_like(energy)
