"""Clears a component whose products are connected by multi-leg orders (docs/clearing.md)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from market.clearing.component import Component
from market.clearing.exact import ExactArray, dot
from market.clearing.fills import balanced_fills, fills_without_the_unbalanced
from market.clearing.prices import canonical_prices, reserved_prices
from market.clearing.relaxation import Relaxation, solve_relaxation
from market.clearing.repair import repair
from market.units import SCALE

_ACCEPTABLE_GAP = 5e-7
_RESERVED_SHARES = (0.125, 0.5, 1.0)

Outcome = tuple[tuple[int, ...], ExactArray]
"""Prices by place (nano per kWh) and units by column."""


def clear_component(component: Component) -> Outcome:
    """Prices by place (nano per kWh) and units by column.

    The least gap among the attempts of the first stage in which any found fills (docs/clearing.md);
    the first attempt that leaves at most half a millionth of welfare open ends the search.
    """
    relaxation = solve_relaxation(component)
    for stage in _stages(component, relaxation):
        best: Outcome | None = None
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


def _stages(component: Component, relaxation: Relaxation) -> Iterator[Iterator[Outcome]]:
    canonical = canonical_prices(component, relaxation)
    yield _nearest_fills(component, relaxation, canonical)
    prices = canonical
    if any(price < 0 for price in canonical):
        for share in _RESERVED_SHARES:
            prices = reserved_prices(component, relaxation, canonical, share)
            yield _nearest_fills(component, relaxation, prices)
    units = fills_without_the_unbalanced(component, prices)
    kept = repair(component, canonical, component.surpluses(canonical), units)
    yield iter([(prices, units), (canonical, kept)])


def _nearest_fills(
    component: Component, relaxation: Relaxation, prices: tuple[int, ...]
) -> Iterator[Outcome]:
    for wide in (False, True):
        units = balanced_fills(component, relaxation, prices, wide=wide)
        if units is not None:
            yield prices, units


def gap_and_welfare_scaled(
    component: Component, prices: tuple[int, ...], units: ExactArray
) -> tuple[int, int]:
    """Gap and welfare of a balanced outcome, times SCALE, exact."""
    bound = dot(np.maximum(component.surpluses(prices), 0), component.maxima)
    welfare = SCALE * dot(component.limits, units)
    return bound - welfare, welfare
