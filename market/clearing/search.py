"""The integer programme that balances a component to the Wh (docs/clearing.md, step 4).

Columns move by whole units next to where they start; legs are rounded as in settlement. A product
with a level that neither gains nor loses, with room both ways, takes up any difference for nothing:
it stays out, at its price. What remains falls into blocks that nothing connects, mostly of one
slot, and each is a programme of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from market.clearing.component import Component
from market.clearing.exact import ExactArray, dot, narrowed
from market.clearing.prices import at_stake
from market.clearing.programme import INFINITY, ProgrammeDraft, ProgrammeError, solve
from market.clearing.relaxation import power_of_two_above
from market.units import SCALE

REACH_WH = 64
_PRICE_BITS = 4
_SEARCH_LIMIT_WH = 1 << 20
_MOST_STEPS = 1 << 20
_GAP_SHARE = 2e-7
_MAX_NODES = 500
_ELASTIC_NODES = 50
_UNSOUGHT_SHARE = 0.1
_SLACK_COST = 1e3
_SLACK_USED = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Units by column; products (by place) left unbalanced and columns left losing, if allowed."""

    units: ExactArray
    products: tuple[int, ...] = ()
    losing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """What every block is sought with: fills to start from and, at these, what is left over of each
    product, what each column gains and what rounding can cost it; the products that stay out."""

    component: Component
    prices: tuple[int, ...]
    surplus: ExactArray
    start: ExactArray
    residual: list[int]
    realised: ExactArray
    stake: ExactArray
    absorbers: dict[int, int]
    reach: int
    tolerance: float


def search(
    component: Component,
    prices: tuple[int, ...],
    surplus: ExactArray,
    start: ExactArray,
    free: list[int],
    *,
    elastic: bool = False,
) -> Found | None:
    """The best deviations from `start` of the columns `free` that balance and let nobody lose, or
    None where the search finds none. `elastic`: where it finds none, products may stay unbalanced
    and orders lose, at a high price, so that the result names them."""
    residual = component.imbalance_wh(start)
    realised = component.realised(prices, start)
    losing = np.flatnonzero(realised < 0).tolist()
    if not any(residual) and not losing:
        return Found(start)
    reach = reach_wh(residual)
    if reach > _SEARCH_LIMIT_WH:
        return None
    free = sorted({*free, *losing})
    absorbers = _absorbers(component, prices, surplus, start, residual, free, reach)
    blocks = _blocks(component, free, absorbers)
    bound = dot(np.maximum(surplus, 0), component.maxima)
    setting = _Setting(
        component=component,
        prices=prices,
        surplus=surplus,
        start=start,
        residual=residual,
        realised=realised,
        stake=at_stake(component, prices),
        absorbers=absorbers,
        reach=reach,
        tolerance=bound / SCALE * _GAP_SHARE / max(1, len(blocks)),
    )
    units = start.astype(object)
    unbalanced: list[int] = []
    lost: list[int] = []
    for columns, places in blocks:
        if not any(residual[k] for k in places) and all(realised[j] >= 0 for j in columns):
            continue
        found = _solve_block(setting, columns, places, elastic=False)
        if found is None and elastic:
            found = _solve_block(setting, columns, places, elastic=True)
        if found is None:
            return None
        units[columns] = found.units
        unbalanced += found.products
        lost += found.losing
    left = component.imbalance_wh(units)
    for k, j in absorbers.items():
        units[j] -= left[k] if component.coefficients[j] > 0 else -left[k]
    return Found(narrowed(units), tuple(sorted(unbalanced)), tuple(lost))


def reach_wh(residual: list[int]) -> int:
    """How far columns may move in their largest leg, Wh."""
    return 2 * max(abs(left) for left in residual) + REACH_WH


def steps(reach: int, span: int) -> int:
    """Units of a column that reach so far, at least one.

    Beyond about a million HiGHS may tighten bounds for ever, a step at a time.
    """
    return max(1, min(_MOST_STEPS, -(-reach * SCALE // span)))


def _absorbers(
    component: Component,
    prices: tuple[int, ...],
    surplus: ExactArray,
    start: ExactArray,
    residual: list[int],
    free: list[int],
    reach: int,
) -> dict[int, int]:
    """By place, a level without gain or loss that has room for all that can be left over.

    At a negative price rounding costs the orders, so the product stays in where it rounds.
    """
    most = [abs(left) for left in residual]
    rounds = [False] * len(residual)
    for j in free:
        if j >= component.levels:
            moved = steps(reach, int(component.spans[j]))
            for k, c in component.legs(j):
                most[k] += moved * abs(c) // SCALE + 2
                rounds[k] |= c % SCALE != 0
    found: dict[int, int] = {}
    for j in np.flatnonzero(surplus[: component.levels] == 0).tolist():
        k = int(component.places[j])
        room = min(int(start[j]), int(component.maxima[j]) - int(start[j]))
        if room > most[k] and not (prices[k] < 0 and rounds[k]) and k not in found:
            found[k] = j
    return found


def _blocks(
    component: Component, free: list[int], absorbers: dict[int, int]
) -> list[tuple[list[int], list[int]]]:
    """Columns and places of every block, by first place."""
    pairs = [(j, k) for j in free for k, _ in component.legs(j) if k not in absorbers]
    kept = [k for k in range(len(component.products)) if k not in absorbers]
    size = len(component.products) + component.count
    ends = (
        np.array([k for _, k in pairs], dtype=np.int64),
        np.array([j for j, _ in pairs], dtype=np.int64) + len(component.products),
    )
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), ends), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    found: dict[int, tuple[list[int], list[int]]] = {labels[k]: ([], []) for k in kept}
    for k in kept:
        found[labels[k]][1].append(k)
    for j in free:
        label = labels[len(component.products) + j]
        if label in found:
            found[label][0].append(j)
    return list(found.values())


def _solve_block(
    setting: _Setting, columns: list[int], places: list[int], *, elastic: bool
) -> Found | None:
    """Units of the block's columns."""
    component, prices, start = setting.component, setting.prices, setting.start
    row_of = {k: row for row, k in enumerate(places)}
    row_lower = [-float(setting.residual[k]) for k in places]
    row_upper = list(row_lower)
    # What the rest of the component needs of the block's products, and what the block can be worth.
    fixed = {k: setting.residual[k] for k in places}
    worth_scaled = 0
    values: dict[int, int] = {}
    for j in columns:
        filled = int(start[j])
        values[j] = int(setting.surplus[j])
        for k, c in component.legs(j):
            if k in row_of:
                values[j] += c * prices[k]
                fixed[k] -= c * filled // SCALE
        worth_scaled += max(0, int(setting.surplus[j])) * int(component.maxima[j])
        worth_scaled -= values[j] * filled
    worth_scaled -= SCALE * sum(prices[k] * left for k, left in fixed.items())
    largest = max((abs(value) for value in values.values()), default=1) // SCALE
    scale = power_of_two_above(largest, _PRICE_BITS)

    moves: list[tuple[float, float, float, list[tuple[int, float]]]] = []
    # row of the product, lower, upper, row of its rounding, entry in the row of its order's gain
    rounding: list[tuple[int, float, float, int, tuple[int, float] | None]] = []
    gains: list[tuple[int, int]] = []  # row, column
    for j in columns:
        legs, filled, span = component.legs(j), int(start[j]), int(component.spans[j])
        most = steps(setting.reach, span)
        low = float(-min(filled, most))
        high = float(min(int(component.maxima[j]) - filled, most))
        # Rounding takes up to a Wh a leg: at a negative price that may be more than the gain.
        loses = int(setting.stake[j]) * SCALE > int(setting.surplus[j]) * max(filled + int(low), 0)
        gain_row, unit = len(row_lower), 1.0
        entries: list[tuple[int, float]] = []
        own_worth = int(component.limits[j])
        if loses:
            # limit d - p . e >= -(what it gains at the start)
            unit = power_of_two_above(max(abs(prices[k]) for k, _ in legs), 0)
            row_lower.append(-int(setting.realised[j]) / unit + 1e-6)
            row_upper.append(INFINITY)
            gains.append((gain_row, j))
        for k, c in legs:
            if c % SCALE == 0 or k not in row_of:
                own_worth -= c * prices[k] // SCALE
                if k in row_of:
                    entries.append((row_of[k], c / SCALE))
                continue
            # q + e = floor(c (u + d) / SCALE): c d / SCALE + f - 1 < e <= c d / SCALE + f.
            fraction = (c * filled % SCALE) / SCALE
            entries.append((len(row_lower), -c / SCALE))
            bound = float(most * abs(c) // SCALE + 2)
            loss = (gain_row, -prices[k] / unit) if loses else None
            rounding.append((row_of[k], -bound, bound, len(row_lower), loss))
            row_lower.append(fraction - 1 + 0.5 / SCALE)
            row_upper.append(fraction + 0.1 / SCALE)
        if loses:
            entries.append((gain_row, own_worth / unit))
        moves.append((-values[j] / SCALE / scale, low, high, entries))

    draft = ProgrammeDraft(row_lower, row_upper)
    for cost, low, high, entries in moves:
        draft.add(cost, low, high, entries, integral=True)
    for product_row, low, high, row, loss in rounding:
        entries = [(product_row, 1.0), (row, 1.0)]
        draft.add(0.0, low, high, entries if loss is None else [*entries, loss], integral=True)
    # Columns of the programme, each with a product or (from -1 down) an order.
    slacks: list[tuple[int, int]] = []
    if elastic:
        relaxed = [(row, k, sign) for k, row in row_of.items() for sign in (1.0, -1.0)]
        relaxed += [(row, -1 - j, 1.0) for row, j in gains]
        slacks.extend(
            (draft.add(_SLACK_COST, 0.0, INFINITY, [(row, sign)]), what)
            for row, what, sign in relaxed
        )
    # Where prices are negative rounding costs something whatever the fills.
    rounding_loss = sum(
        int(setting.stake[j]) for j in columns if j >= component.levels and start[j] > 0
    )
    try:
        x = solve(
            draft.finished(),
            feasibility_tolerance=1e-8,
            absolute_gap=rounding_loss * _UNSOUGHT_SHARE / scale,
            target=(setting.tolerance - worth_scaled / SCALE) / scale,
            max_nodes=_ELASTIC_NODES if elastic else _MAX_NODES,
        ).x
    except ProgrammeError:
        return None
    units = [
        max(0, min(int(component.maxima[j]), int(start[j]) + round(float(move))))
        for j, move in zip(columns, x[: len(columns)], strict=True)
    ]
    used = [what for column, what in slacks if x[column] > _SLACK_USED]
    return Found(
        np.array(units, dtype=object),
        tuple(sorted({k for k in used if k >= 0})),
        tuple(-1 - what for what in used if what < 0),
    )
