"""Looks for a producer that gains by deviating, otherwise than the equilibrium was found.

The search for an equilibrium goes through straight pieces of the market's answer. This one knows
none of them: it tries decisions over the whole of what a producer may do, has the market cleared
for each, and closes in around the best. It can miss a gain, but not invent one. Both rely on the
same clearing, which the tests compare with another solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.green_quota.arrays import Market, market_of
from twin.green_quota.equilibrium import Equilibrium
from twin.green_quota.game import Game
from twin.green_quota.market_power import LEAST_SCALE, MOST_GAIN, NoEquilibriumError
from twin.green_quota.system import FloatArray

_BEST_KEPT = 6
_SHRINK = 0.6


@dataclass(frozen=True, slots=True)
class Deviation:
    """The best that was found for a producer: decision in MWh and certificates, and its gain.

    ``relative_gain`` is over the margin before fixed costs, or over 1e-6 of highest price times
    demand at price 0 where that is more. Below 0: everything that was tried is worse.
    """

    producer: str
    output: float
    sold: float
    gain: float
    relative_gain: float


def best_deviations(
    found: Equilibrium, points: int = 31, rounds: int = 30
) -> tuple[Deviation, ...]:
    """For each strategic producer the best of a grid over its decisions, closed in on.

    ``points`` a decision on the grid, so their square for who decides on both; every quantity
    that is somebody's limit is tried as well. Meant for an equilibrium with market power.
    """
    market = market_of(found.system)
    game = Game(market, found.ratio, {})
    output, sold = found.output / market.energy_unit, found.offered / market.energy_unit
    answer = game.answer(output, sold)
    if answer is None:
        raise AssertionError("an equilibrium clears")
    unit = market.price_unit * market.energy_unit
    deviations = []
    for player in market.strategic:
        tried = _Search(game, player, output, sold)
        mine, sells, profit = tried.best(points, rounds)
        earned = float(answer.margin[player])
        deviations.append(
            Deviation(
                market.names[player],
                mine * market.energy_unit,
                sells * market.energy_unit,
                (profit - earned) * unit,
                (profit - earned) / max(abs(earned), LEAST_SCALE),
            )
        )
    return tuple(deviations)


def check_nobody_gains(tried: Sequence[Deviation]) -> None:
    """Raises NoEquilibriumError that names who gains most, if that is more than rounding."""
    worst = max(tried, key=lambda each: each.relative_gain, default=None)
    if worst is not None and worst.relative_gain > MOST_GAIN:
        raise NoEquilibriumError(
            f"no equilibrium: {worst.producer} would gain {worst.relative_gain:.2g} of its profit "
            f"by producing {worst.output:g} MWh and selling {worst.sold:g} certificates"
        )


class _Search:
    def __init__(self, game: Game, player: int, output: FloatArray, sold: FloatArray) -> None:
        self._game, self._player, self._output, self._sold = game, player, output, sold
        market = game.market
        self._low, self._high = float(market.least[player]), float(market.most[player])
        self._both = bool(market.sets_output[player] and market.sets_certificates[player])
        self._sells = bool(market.sets_certificates[player])

    def best(self, points: int, rounds: int) -> tuple[float, float, float]:
        """Output, certificates sold and margin of the best decision."""
        first = self._marks(points)
        if self._both:
            second = np.linspace(0.0, 1.0, points)
            decisions = [(x, x * share) for x in first for share in second]
            decisions += [(x, y) for x in first for y in self._marks(points) if y <= x]
        else:
            decisions = [(x, x) for x in first]
        scored = sorted(((self._profit(*each), each) for each in decisions), reverse=True)
        here = (float(self._output[self._player]), float(self._sold[self._player]))
        starts = [each for _, each in scored[:_BEST_KEPT]] + [here]
        width = (self._high - self._low) / max(points - 1, 1)
        ends = [self._closed_in(start, width, rounds) for start in starts]
        profit, (mine, sells) = max(ends)
        return mine, sells, profit

    def _marks(self, points: int) -> FloatArray:
        """A grid, and sums and differences of everybody's limits and outputs within reach."""
        low = 0.0 if self._sells and not self._both else self._low
        market: Market = self._game.market
        limits = np.concatenate([market.most, market.least, self._output, self._sold])
        near = np.concatenate([limits, self._output[self._player] + limits - self._output.mean()])
        marks = np.concatenate([np.linspace(low, self._high, points), near])
        return np.unique(np.clip(marks, low, self._high))

    def _closed_in(
        self, start: tuple[float, float], width: float, rounds: int
    ) -> tuple[float, tuple[float, float]]:
        best, at = self._profit(*start), start
        step = width
        for _ in range(rounds):
            moved = False
            for along, across in self._directions():
                trial = (at[0] + step * along, at[1] + step * across)
                profit = self._profit(*trial)
                if profit > best:
                    best, at, moved = profit, trial, True
            if not moved:
                step *= _SHRINK
        return best, at

    def _directions(self) -> list[tuple[float, float]]:
        if not self._both:
            return [(1.0, 1.0), (-1.0, -1.0)]
        ends = (-1.0, 0.0, 1.0)
        return [(a, b) for a in ends for b in ends if (a, b) != (0.0, 0.0)]

    def _profit(self, mine: float, sells: float) -> float:
        low = 0.0 if self._sells and not self._both else self._low
        if not low <= mine <= self._high or sells < 0.0 or (self._both and sells > mine):
            return -np.inf
        answer = self._game.answer(
            *self._game.with_decision(self._player, mine, sells, self._output, self._sold)
        )
        return -np.inf if answer is None else float(answer.margin[self._player])
