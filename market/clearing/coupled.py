"""Clears a component whose products are connected by multi-leg orders (docs/clearing.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from market.book import Book
from market.clearing.component import Component
from market.clearing.fills import balanced_fills, fills_without_the_unbalanced
from market.clearing.prices import canonical_prices, reserved_prices, surpluses
from market.clearing.relaxation import Relaxation, solve_relaxation
from market.clearing.uniform import hash_words, ration
from market.units import SCALE

_ACCEPTABLE_GAP = 5e-7
_RESERVED_SHARES = (0.125, 0.5, 1.0)


def clear_component(component: Component) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prices by place (nano per kWh) and units by column.

    The canonical prices with the nearest fills, unless these leave more than half a millionth of
    welfare open: then the least gap among those and further attempts, in a fixed order.
    """
    if not component.columns:
        return (0,) * len(component.products), ()
    relaxation = solve_relaxation(component)
    best: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    least = 0
    for prices, units in _attempts(component, relaxation):
        gap, welfare = gap_and_welfare_scaled(component, prices, units)
        if best is None or gap < least:
            best, least = (prices, units), gap
        if gap <= _ACCEPTABLE_GAP * welfare:
            break
    assert best is not None
    return best


def _attempts(
    component: Component, relaxation: Relaxation
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    canonical = canonical_prices(component, relaxation)
    for wide in (False, True):
        yield canonical, balanced_fills(component, relaxation, canonical, wide=wide)
    if any(price < 0 for price in canonical):
        for share in _RESERVED_SHARES:
            prices = reserved_prices(component, relaxation, canonical, share)
            yield prices, balanced_fills(component, relaxation, prices)
        yield prices, fills_without_the_unbalanced(component, prices)
    yield canonical, fills_without_the_unbalanced(component, canonical)


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
