"""The linear programme of a component: which columns trade, and its dual prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.clearing.component import Component
from market.clearing.programme import Programme, solve
from market.units import SCALE

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ENERGY_BITS = 20
_PRICE_BITS = 10
_AT_BOUND = 1e-7


@dataclass(frozen=True, slots=True)
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


def solve_relaxation(component: Component) -> Relaxation:
    """Maximise the accepted value subject to every product's balance, with divisible energy.

    Columns are measured in the energy of their largest leg, scaled by powers of two, so that the
    solver sees numbers near one. Raises ProgrammeError.
    """
    columns = component.columns
    energies = [c.maximum * c.span // SCALE for c in columns]
    energy_scale = power_of_two_above(max(energies), _ENERGY_BITS)
    values = [c.limit * SCALE / c.span for c in columns]  # nano per kWh of the largest leg
    price_scale = power_of_two_above(int(max(abs(v) for v in values)), _PRICE_BITS)
    zeros = np.zeros(len(component.products))
    programme = Programme(zeros, zeros)
    for column, value in zip(columns, values, strict=True):
        programme.add(
            -value / price_scale,
            0.0,
            column.maximum * column.span / SCALE / energy_scale,
            [
                (k, c / column.span)
                for k, c in zip(column.products, column.coefficients, strict=True)
            ],
        )
    solution = solve(programme)
    upper = np.array(programme.upper)
    slack = _AT_BOUND * np.maximum(1.0, upper)
    filled, full = solution.x > slack, solution.x >= upper - slack
    # A column too small for the solver's tolerance counts by its reduced cost alone.
    tiny = upper <= 2 * slack
    full = full & (filled | tiny)
    spans = np.array([float(c.span) for c in columns])
    units = np.clip(solution.x, 0.0, upper) * energy_scale * SCALE / spans
    return Relaxation(
        units=units,
        prices=-solution.row_duals * price_scale,
        filled=filled,
        full=full,
        welfare=-solution.objective * price_scale * energy_scale,
    )
