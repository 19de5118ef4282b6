"""The linear programme of a component: which columns trade, and its dual prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.clearing.component import Component
from market.clearing.exact import FloatArray, greatest, held, quotients
from market.clearing.programme import Programme, solve
from market.units import SCALE

BoolArray = NDArray[np.bool_]

ENERGY_BITS = 20
PRICE_BITS = 10
_AT_BOUND = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """`units` by column, `prices` by place (nano per kWh), columns filled at all or wholly.

    `welfare` in nano/kWh x Wh.
    """

    units: FloatArray
    prices: FloatArray
    filled: BoolArray
    full: BoolArray
    welfare: float


def power_of_two_above(value: int, bits: int) -> float:
    """The power of two (at least 1) that brings `value` below 2^bits when divided by it."""
    return float(2 ** max(0, value.bit_length() - bits))


def values_per_kwh(component: Component) -> FloatArray:
    """Limits in nano per kWh of every column's largest leg."""
    bound = greatest(component.limits) * SCALE
    return quotients(held(component.limits, bound) * SCALE, component.spans)


def energies_wh(component: Component) -> FloatArray:
    """What every column moves in its largest leg at its maximum, Wh."""
    bound = greatest(component.maxima) * greatest(component.spans)
    return quotients(held(component.maxima, bound) * held(component.spans, bound), SCALE)


def solve_relaxation(component: Component) -> Relaxation:
    """Maximise the accepted value subject to every product's balance, with divisible energy.

    Columns are measured in the energy of their largest leg, scaled by powers of two, so that the
    solver sees numbers near one. Raises ProgrammeError.
    """
    energies = energies_wh(component)
    energy_scale = power_of_two_above(int(energies.max()), ENERGY_BITS)
    values = values_per_kwh(component)
    price_scale = power_of_two_above(int(np.abs(values).max()), PRICE_BITS)
    spans = component.spans.astype(np.float64)
    upper = energies / energy_scale
    zeros = np.zeros(len(component.products))
    solution = solve(
        Programme(
            row_lower=zeros,
            row_upper=zeros,
            cost=-values / price_scale,
            lower=np.zeros(component.count),
            upper=upper,
            matrix=component.ratios,
        )
    )
    slack = _AT_BOUND * np.maximum(1.0, upper)
    filled, full = solution.x > slack, solution.x >= upper - slack
    # A column too small for the solver's tolerance counts by its reduced cost alone.
    tiny = upper <= 2 * slack
    full = full & (filled | tiny)
    units = np.clip(solution.x, 0.0, upper) * energy_scale * SCALE / spans
    return Relaxation(
        units=units,
        prices=-solution.row_duals * price_scale,
        filled=filled,
        full=full,
        welfare=-solution.objective * price_scale * energy_scale,
    )
