"""Clears a component whose products are connected by multi-leg orders (docs/clearing.md)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market.book import Book
from market.clearing.component import Component
from market.clearing.fills import balanced_fills
from market.clearing.prices import canonical_prices, snap_to_grid, surpluses
from market.clearing.relaxation import solve_relaxation
from market.clearing.uniform import hash_words, ration
from market.units import SCALE

_ACCEPTABLE_GAP = 5e-7


def clear_component(component: Component) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prices by place (nano per kWh) and units by column.

    The canonical prices are kept unless the relaxation's own duals certify a better result where
    the canonical ones leave more than half a millionth of welfare open.
    """
    if not component.columns:
        return (0,) * len(component.products), ()
    relaxation = solve_relaxation(component)
    prices = canonical_prices(component, relaxation)
    best = (prices, balanced_fills(component, relaxation, prices))
    gap, welfare = gap_and_welfare_scaled(component, *best)
    if gap > _ACCEPTABLE_GAP * welfare:
        prices = snap_to_grid(component, relaxation, relaxation.prices)
        other = (prices, balanced_fills(component, relaxation, prices))
        if gap_and_welfare_scaled(component, *other)[0] < gap:
            best = other
    return best


def gap_and_welfare_scaled(
    component: Component, prices: Sequence[int], units: Sequence[int]
) -> tuple[int, int]:
    """Gap and welfare of a balanced outcome, times SCALE, exact."""
    surplus = surpluses(component, prices)
    bound = sum(
        max(s, 0) * column.maximum for s, column in zip(surplus, component.columns, strict=True)
    )
    welfare = SCALE * sum(
        column.limit * u for column, u in zip(component.columns, units, strict=True)
    )
    return bound - welfare, welfare


def spread_over_orders(
    book: Book, maxima: Sequence[int], component: Component, units: Sequence[int]
) -> dict[int, int]:
    """Fill of every order of the component by its position; a level's orders share by the tie
    rule."""
    fills: dict[int, int] = {}
    for column, filled in zip(component.columns, units, strict=True):
        if len(column.positions) == 1:
            fills[column.positions[0]] = filled
            continue
        shares = ration(
            np.array([maxima[i] for i in column.positions], dtype=np.uint64),
            filled,
            hash_words([book.orders[i].digest for i in column.positions]),
        )
        fills.update(zip(column.positions, (int(s) for s in shares), strict=True))
    return fills
