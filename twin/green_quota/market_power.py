"""Nash equilibrium of the producers that hold back, with everybody else taking prices.

Producers answer each other in turn with their globally best decision (diagonalisation: S. A.
Gabriel et al., "Complementarity Modeling in Energy Markets", 2013), sped up by Anderson's
extrapolation, until nobody moves. Where that ends, nobody gains by deviating alone: that is what
the last round has shown, and :mod:`twin.green_quota.deviation` looks for the opposite anew. An
equilibrium in pure decisions need not exist, and need not be the only one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.green_quota.arrays import Market, market_of
from twin.green_quota.clearing import NoSupplyError, PriceTakers
from twin.green_quota.equilibrium import Equilibrium, Mode, everybody, outcome, unmet
from twin.green_quota.game import Game
from twin.green_quota.system import FloatArray, QuotaError, QuotaSystem, check_ratio

MOST_GAIN = 1e-6
"""What a deviation may gain at most, relative to the producer's profit scale."""
LEAST_SCALE = 1e-6
"""A profit scale is at least this times highest price times demand at price 0."""
_STILL = 1e-11
_ROUNDS = 80
_PATIENCE = 20
"""Rounds without a smaller step after which best answers are taken to go in circles."""
_MEMORY = 6
_MORE_STARTS = 4
"""Drawn starts (always the same ones), tried after those near the competitive outcome."""


class NoEquilibriumError(QuotaError):
    """No equilibrium in pure decisions was found; names who would deviate from the last try."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Output and certificates sold (producer,), scaled, where the search ended, and its gain."""

    output: FloatArray
    sold: FloatArray
    gain: float
    deviating: int


def market_power_equilibrium(system: QuotaSystem, ratio: float | None = None) -> Equilibrium:
    """The equilibrium in which the producers that withhold do so as far as it pays.

    Its ``deviation_gain`` is the largest gain of a deviation, over the margin before fixed costs
    (or 1e-6 of highest price times demand at price 0 where that is more).

    Raises:
        QuotaError: nobody withholds, or the quota is 1 (which leaves the wholesale price open).
        NoEquilibriumError: no equilibrium in pure decisions was found.
    """
    market = market_of(system)
    alpha = system.ratio if ratio is None else ratio
    return MarketPowerSearch(system, market).at(alpha)


class MarketPowerSearch:
    """Equilibria of one system at many quotas; starts from the one found before."""

    def __init__(self, system: QuotaSystem, market: Market) -> None:
        if not market.strategic:
            raise QuotaError(
                f"{system.name}: nobody holds anything back: give at least one producer "
                "withholds = 'electricity', 'certificates' or 'both'"
            )
        self._system, self._market = system, market
        self._everybody = everybody(market.price_taking)
        self._curves: dict[object, PriceTakers] = {}
        self._last: Decisions | None = None

    def at(self, ratio: float) -> Equilibrium:
        """The equilibrium at this quota; see :func:`market_power_equilibrium`."""
        check_ratio(ratio)
        if ratio == 1.0:
            raise QuotaError(
                "a quota of 1 leaves the wholesale price open, and with it what withholding "
                "pays: ask for one below 1"
            )
        game = Game(self._market, ratio, self._curves)
        ended: list[Decisions] = []
        for output, sold in self._starts(ratio):
            found = search(game, output, sold)
            if found.gain <= MOST_GAIN:
                self._last = found
                return self._outcome(game, found)
            ended.append(found)
        best = min(ended, key=lambda each: each.gain)
        name = self._market.names[best.deviating]
        raise NoEquilibriumError(
            f"{self._system.name}: no equilibrium in pure decisions was found at a quota of "
            f"{ratio:g}: where the search came closest, {name} would gain {best.gain:.2g} of its "
            "profit by deciding otherwise"
        )

    def _starts(self, ratio: float) -> list[tuple[FloatArray, FloatArray]]:
        market = self._market
        try:
            cleared = self._everybody.clear(ratio)
        except NoSupplyError:
            raise unmet(self._system, market, ratio) from None
        output = np.empty(len(market.names))
        output[~market.renewable], output[market.renewable] = cleared.brown, cleared.green
        starts = [(output, np.where(market.renewable, output, 0.0))]
        starts.append((0.5 * (output + market.least), 0.25 * starts[0][1]))
        rng = np.random.default_rng(0)
        for _ in range(_MORE_STARTS):
            drawn = market.least + rng.random(output.size) * (np.minimum(market.most, 1.0))
            drawn = np.clip(drawn, market.least, market.most)
            starts.append((drawn, drawn * rng.random(output.size)))
        if self._last is not None:
            starts.insert(0, (self._last.output, self._last.sold))
        return starts

    def _outcome(self, game: Game, found: Decisions) -> Equilibrium:
        answer = game.answer(found.output, found.sold)
        if answer is None:
            raise AssertionError("an equilibrium clears")
        return outcome(
            self._system,
            self._market,
            game.ratio,
            answer.cleared,
            answer.output,
            answer.offered,
            mode=Mode.MARKET_POWER,
            deviation_gain=max(found.gain, 0.0),
        )


def search(game: Game, output: FloatArray, sold: FloatArray) -> Decisions:
    """Best answers in turn from these decisions on, until they stand still or rounds run out."""
    players = game.market.strategic
    if len(players) == 1:
        return _alone(game, output, sold)
    place = np.array(players)
    asked: list[FloatArray] = []
    moved: list[FloatArray] = []
    best, since = np.inf, 0
    for _ in range(_ROUNDS):
        new_output, new_sold = _round(game, output, sold)
        asked.append(np.concatenate([output[place], sold[place]]))
        moved.append(np.concatenate([new_output[place], new_sold[place]]) - asked[-1])
        step = float(np.abs(moved[-1]).max())
        output, sold = new_output, new_sold
        if step <= _STILL:
            break
        if step > 2.0 * best:
            asked, moved = asked[-1:], moved[-1:]
        best, since = (step, 0) if step < best else (best, since + 1)
        if since == _PATIENCE:
            break
        guess = _extrapolated(asked[-_MEMORY:], moved[-_MEMORY:])
        output, sold = output.copy(), sold.copy()
        output[place], sold[place] = guess[: place.size], guess[place.size :]
        output = np.clip(output, game.market.least, game.market.most)
        sold = np.clip(sold, 0.0, game.market.most)
        both = game.market.sets_output & game.market.sets_certificates
        sold = np.where(both, np.minimum(sold, output), sold)
    gain, deviating = gains(game, output, sold)
    return Decisions(output, sold, gain, deviating)


def _alone(game: Game, output: FloatArray, sold: FloatArray) -> Decisions:
    """Of a single player its best answer is all there is."""
    (player,) = game.market.strategic
    choice = game.best(player, output, sold)
    if choice is None:
        return Decisions(output, sold, np.inf, player)
    output, sold = game.with_decision(player, choice.output, choice.sold, output, sold)
    answer = game.answer(output, sold)
    earned = -np.inf if answer is None else float(answer.margin[player])
    gain = (choice.profit - earned) / max(abs(earned), LEAST_SCALE)
    return Decisions(output, sold, gain if np.isfinite(earned) else np.inf, player)


def _round(game: Game, output: FloatArray, sold: FloatArray) -> tuple[FloatArray, FloatArray]:
    for player in game.market.strategic:
        choice = game.best(player, output, sold)
        if choice is not None:
            output, sold = game.with_decision(player, choice.output, choice.sold, output, sold)
    return output, sold


def gains(game: Game, output: FloatArray, sold: FloatArray) -> tuple[float, int]:
    """The largest gain of a deviation, relative to the profit scale, and whose it is."""
    answer = game.answer(output, sold)
    worst, deviating = -np.inf, game.market.strategic[0]
    for player in game.market.strategic:
        choice = game.best(player, output, sold)
        if answer is None:
            gain = -np.inf if choice is None else np.inf
        else:
            earned = float(answer.margin[player])
            better = -np.inf if choice is None else choice.profit - earned
            gain = better / max(abs(earned), LEAST_SCALE)
        if gain > worst:
            worst, deviating = gain, player
    return (np.inf if answer is None else float(worst)), deviating


def _extrapolated(asked: list[FloatArray], moved: list[FloatArray]) -> FloatArray:
    """Anderson's next guess from the latest decisions and what best answers moved them by."""
    latest = asked[-1] + moved[-1]
    if len(asked) < 2:
        return latest
    change = np.diff(np.array(moved), axis=0).T
    reach = np.diff(np.array(asked), axis=0).T + change
    weights, *_ = np.linalg.lstsq(change, moved[-1], rcond=1e-10)
    guess: FloatArray = latest - reach @ weights
    return guess
