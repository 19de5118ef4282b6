"""Clears a component whose products are connected by multi-leg orders (docs/clearing.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from market.book import Book
from market.clearing.component import Component
from market.clearing.fills import balanced_fills, fills_without_the_unbalanced, repair
from market.clearing.prices import canonical_prices, reserved_prices, surpluses
from market.clearing.relaxation import Relaxation, solve_relaxation
from market.clearing.uniform import hash_words, ration
from market.units import SCALE

_ACCEPTABLE_GAP = 5e-7
_RESERVED_SHARES = (0.125, 0.5, 1.0)


def clear_component(component: Component) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prices by place (nano per kWh) and units by column.

    The least gap among the attempts of the first stage in which any found fills (docs/clearing.md);
    the first attempt that leaves at most half a millionth of welfare open ends the search.
    """
    if not component.columns:
        return (0,) * len(component.products), ()
    relaxation = solve_relaxation(component)
    for stage in _stages(component, relaxation):
        best: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        least = 0
        for prices, units in stage:
            gap, welfare = gap_and_welfare_scaled(component, prices, units)
            if best is None or gap < least:
                best, least = (prices, units), gap
            if gap <= _ACCEPTABLE_GAP * welfare:
                break
        if best is not None:
            return best
    raise AssertionError("the last stage always finds fills")


def _stages(
    component: Component, relaxation: Relaxation
) -> Iterator[Iterator[tuple[tuple[int, ...], tuple[int, ...]]]]:
    canonical = canonical_prices(component, relaxation)
    yield _nearest_fills(component, relaxation, canonical)
    prices = canonical
    if any(price < 0 for price in canonical):
        for share in _RESERVED_SHARES:
            prices = reserved_prices(component, relaxation, canonical, share)
            yield _nearest_fills(component, relaxation, prices)
    units = fills_without_the_unbalanced(component, prices)
    kept = repair(component, canonical, surpluses(component, canonical), units)
    yield iter([(prices, units), (canonical, kept)])


def _nearest_fills(
    component: Component, relaxation: Relaxation, prices: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for wide in (False, True):
        units = balanced_fills(component, relaxation, prices, wide=wide)
        if units is not None:
            yield prices, units


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
