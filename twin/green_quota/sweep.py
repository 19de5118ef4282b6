"""Equilibria over many quotas: what the ratio does to prices, profits and market power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.green_quota.arrays import market_of
from twin.green_quota.equilibrium import Equilibrium, Mode, competitive_outcome, everybody
from twin.green_quota.market_power import MarketPowerSearch
from twin.green_quota.system import QuotaError, QuotaSystem, check_ratio


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One quota: its equilibrium, or why there is none."""

    ratio: float
    equilibrium: Equilibrium | None
    missing_because: str = ""


def sweep(system: QuotaSystem, ratios: Sequence[float], mode: Mode) -> tuple[SweepPoint, ...]:
    """The equilibrium at every ratio, in their order; curves of supply are made once.

    A quota without equilibrium is a point that says so. Raises QuotaError for a system or a ratio
    that cannot be, and where no point has an equilibrium.
    """
    for ratio in ratios:
        check_ratio(ratio)
    market = market_of(system)
    if mode is Mode.MARKET_POWER:
        solve = MarketPowerSearch(system, market).at
    else:
        price_taking = market.price_taking
        takers = everybody(price_taking)

        def solve(ratio: float) -> Equilibrium:
            return competitive_outcome(system, price_taking, takers, ratio)

    points: list[SweepPoint] = []
    for ratio in ratios:
        try:
            points.append(SweepPoint(ratio, solve(ratio)))
        except QuotaError as error:
            points.append(SweepPoint(ratio, None, str(error)))
    if points and all(point.equilibrium is None for point in points):
        raise QuotaError(points[0].missing_because)
    return tuple(points)


def ratios_between(first: float, last: float, steps: int) -> tuple[float, ...]:
    """``steps`` equally spaced quotas with both ends. Raises QuotaError for fewer than two."""
    check_ratio(first)
    check_ratio(last)
    if steps < 2 or not first < last:
        raise QuotaError(
            f"a sweep goes upward in at least 2 steps, not from {first:g} to {last:g} in {steps}"
        )
    return tuple(np.linspace(first, last, steps).tolist())
