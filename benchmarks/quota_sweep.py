"""A hundred quotas: exact equilibria against the same ones by cvxpy, one programme each.

Run: python -m benchmarks.quota_sweep. Seconds are processor seconds of one thread, best of three
repeats for ours and the mean of all programmes for cvxpy: built anew for each quota, and built
once with the quota as a parameter and solved again. Both find the same consumption, or it fails.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from twin.green_quota.arrays import Market, market_of
from twin.green_quota.deviation import best_deviations
from twin.green_quota.equilibrium import Mode
from twin.green_quota.published import published_system
from twin.green_quota.sweep import SweepPoint, ratios_between, sweep
from twin.green_quota.system import Cost, Demand, Kind, Producer, QuotaSystem

RATIOS = ratios_between(0.0, 0.99, 100)
PEER_RATIOS = RATIOS[::5]
ANEW_RATIOS = RATIOS[::10]
REPEATS = 3
MANY = 200


def many_producers(count: int) -> QuotaSystem:
    """Producers of all costs, half of them renewable."""
    rng = np.random.default_rng(2)
    return QuotaSystem(
        f"{count} producers",
        tuple(
            Producer(
                f"p{place}",
                Kind.RENEWABLE if place % 2 else Kind.THERMAL,
                maintenance=Cost(0.0, float(rng.uniform(5.0, 95.0)), float(rng.uniform(0.0, 0.4))),
                available_mwh=float(rng.uniform(10.0, 200.0)),
            )
            for place in range(count)
        ),
        Demand(100.0, 0.01),
        0.3,
    )


def timed(what: Callable[[], tuple[SweepPoint, ...]]) -> tuple[float, tuple[SweepPoint, ...]]:
    """Processor seconds of the fastest repeat, and the points."""
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        points = what()
        taken.append(time.process_time() - began)
    return min(taken), points


class ByCvxpy:
    """The welfare programme of a market, scaled, with the quota as a parameter."""

    def __init__(self, market: Market) -> None:
        import cvxpy as cp  # seconds to import: only where it is compared

        self.ratio = cp.Parameter(nonneg=True)
        output = cp.Variable(len(market.names))
        missing, self.consumed = cp.Variable(nonneg=True), cp.Variable(nonneg=True)
        rules: list[Any] = [
            cp.sum(output) == self.consumed,
            output @ market.renewable.astype(float) + missing >= self.ratio * self.consumed,
            output >= market.least,
            output <= market.most,
        ]
        bought_out: Any = 0.0
        if np.isfinite(market.buy_out):
            bought_out = missing * market.buy_out
        else:
            rules.append(missing == 0)
        curved = cp.multiply(market.slope / 2, cp.square(output))
        costs = market.marginal @ output + cp.sum(curved) + bought_out
        worth = self.consumed - cp.square(self.consumed) / 2
        self._programme = cp.Problem(cp.Maximize(worth - costs), rules)

    def consumption(self, ratio: float) -> float:
        """What is consumed at a quota, in units of the demand at price 0."""
        self.ratio.value = ratio
        self._programme.solve(solver="CLARABEL")
        return float(self.consumed.value)


def by_cvxpy(market: Market) -> tuple[float, float, dict[float, float]]:
    """Seconds a programme built anew, and solved again; consumption by quota, scaled."""
    ByCvxpy(market).consumption(ANEW_RATIOS[0])
    began = time.process_time()
    for value in ANEW_RATIOS:
        ByCvxpy(market).consumption(value)
    anew = (time.process_time() - began) / len(ANEW_RATIOS)
    programme = ByCvxpy(market)
    programme.consumption(PEER_RATIOS[0])
    began = time.process_time()
    found = {value: programme.consumption(value) for value in PEER_RATIOS}
    return anew, (time.process_time() - began) / len(PEER_RATIOS), found


def compare(system: QuotaSystem) -> float:
    """Prints one comparison; returns how many times faster ours is."""
    seconds, points = timed(lambda: sweep(system, RATIOS, Mode.COMPETITIVE))
    market = market_of(system)
    anew, again, found = by_cvxpy(market)
    apart, residual = 0.0, 0.0
    for point in points:
        if point.equilibrium is None:
            sys.exit(f"no equilibrium: {point.missing_because}")
        residual = max(residual, point.equilibrium.residual)
        if point.ratio in found:
            consumed = point.equilibrium.consumed / market.energy_unit
            apart = max(apart, abs(consumed - found[point.ratio]))
    if apart > 1e-4:
        sys.exit(f"consumption differs by {apart:.1e} of the demand at price 0")
    ours = seconds / len(RATIOS)
    print(f"{system.name}, price takers: {seconds:.3f} s for 100 quotas, {ours * 1e3:.3f} ms each")
    print(f"  cvxpy, built anew: {anew * 1e3:.2f} ms each, {anew / ours:.0f} times slower")
    print(f"  cvxpy, solved again: {again * 1e3:.2f} ms each, {again / ours:.0f} times slower")
    print(
        f"  residual at most {residual:.0e}; consumption apart by at most {apart:.0e} of its scale"
    )
    return anew / ours


def main() -> None:
    system = published_system()
    faster = compare(system)
    compare(many_producers(MANY))
    seconds, points = timed(lambda: sweep(system, RATIOS, Mode.MARKET_POWER))
    found = [point.equilibrium for point in points if point.equilibrium is not None]
    began = time.process_time()
    tried = [best_deviations(each) for each in found[::20]]
    searched = (time.process_time() - began) / len(tried)
    gain = max(each.relative_gain for of in tried for each in of)
    each = seconds / len(RATIOS)
    print(f"{system.name}, market power: {seconds:.3f} s for 100 quotas, {each * 1e3:.3f} ms each")
    print(f"  {len(found)} of 100 have an equilibrium")
    print(
        f"  a grid closed in on, to check one: {searched * 1e3:.0f} ms, "
        f"{searched / each:.0f} times slower; best deviation found gains {gain:+.0e}"
    )
    print(json.dumps({"market_power_sweep_s": seconds, "faster_than_cvxpy": faster}))


if __name__ == "__main__":
    main()
