"""What producers with market power decide, what the market answers, and what each could do best.

A producer that sets output is a Cournot player: its output stands, whatever prices come to. One
that sets only certificates commits itself to how many it sells; its electricity is offered at cost
and must at least earn those certificates. Price takers and consumers answer to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.green_quota.arrays import Market
from twin.green_quota.best_response import Choice, Choices, best_choice
from twin.green_quota.clearing import Clearing, NoSupplyError, PriceTakers
from twin.green_quota.response import Pieces, pieces
from twin.green_quota.system import BoolArray, FloatArray

_NUDGE = 1e-7


@dataclass(frozen=True, slots=True)
class Answer:
    """What the market comes to; ``output``, ``offered`` and ``margin`` (producer,), scaled."""

    cleared: Clearing
    output: FloatArray
    offered: FloatArray
    margin: FloatArray


class Game:
    """The market at one quota. Decisions are ``output`` and ``sold`` (producer,), scaled; only
    what a producer sets is read of them."""

    def __init__(self, market: Market, ratio: float, curves: dict[object, PriceTakers]) -> None:
        self.market, self.ratio = market, ratio
        self._curves = curves
        self._pieces: dict[object, Pieces] = {}

    def answer(self, output: FloatArray, sold: FloatArray) -> Answer | None:
        """What prices, outputs and margins follow; None where the quota then cannot be met."""
        market = self.market
        takes = ~market.sets_output
        offered = self._offered(output, sold)
        takers = self._takers(takes, np.where(market.sets_certificates, sold, 0.0))
        green = takes & market.renewable & ~market.sets_certificates
        energy, certificates = float(output[~takes].sum()), float(offered[~green].sum())
        try:
            cleared = takers.clear(self.ratio, energy, certificates)
        except NoSupplyError:
            return None
        produced = np.where(market.sets_output, output, 0.0)
        produced[takes & ~green], produced[green] = cleared.brown, cleared.green
        offered = np.where(green, produced, offered)
        margin = (
            cleared.wholesale * produced
            + cleared.certificate * offered
            - market.variable_cost(produced)
        )
        return Answer(cleared, produced, offered, margin)

    def best(self, player: int, output: FloatArray, sold: FloatArray) -> Choice | None:
        """The player's best decision against the others'; None where the quota is never met."""
        market = self.market
        others = np.arange(market.marginal.size) != player
        energy = float(output[market.sets_output & others].sum())
        offered = self._offered(output, sold)
        green = market.renewable & ~market.sets_output & ~market.sets_certificates
        certificates = float(offered[~green & others].sum())
        least = np.where(market.sets_certificates & others, sold, 0.0)
        if not market.sets_certificates[player]:
            found = [self._of_output(player, energy, certificates, least)]
        elif market.sets_output[player]:
            found = [self._of_both(player, energy, certificates, least)]
        else:
            found = [
                self._of_certificates_produced(player, energy, certificates, least),
                self._of_certificates_kept(player, energy, certificates, least),
            ]
        choices = [choice for choice in map(best_choice, found) if choice is not None]
        if not choices:
            return None
        chosen = max(choices, key=lambda choice: choice.profit)
        return self._reached(player, chosen, output, sold)

    def _reached(self, player: int, choice: Choice, output: FloatArray, sold: FloatArray) -> Choice:
        """The choice, or one a hair inside its piece where prices jump at the edge.

        Its profit stays what it is worth in the limit, so that what the jump costs counts.
        """
        earned: list[tuple[float, float, float]] = []
        for share in (0.0, _NUDGE):
            mine = choice.output + share * (choice.inside[0] - choice.output)
            sells = choice.sold + share * (choice.inside[1] - choice.sold)
            answer = self.answer(*self.with_decision(player, mine, sells, output, sold))
            profit = -np.inf if answer is None else float(answer.margin[player])
            earned.append((profit, mine, sells))
            if profit >= choice.profit - 1e-10:
                break
        _, mine, sells = max(earned, key=lambda each: each[0])
        return Choice(mine, sells, choice.profit, choice.inside)

    def with_decision(
        self, player: int, mine: float, sells: float, output: FloatArray, sold: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Everybody's decisions with the player's replaced."""
        output, sold = output.copy(), sold.copy()
        output[player], sold[player] = mine, min(sells, mine) if self._both(player) else sells
        return output, sold

    def _both(self, player: int) -> bool:
        market = self.market
        return bool(market.sets_output[player] and market.sets_certificates[player])

    def _offered(self, output: FloatArray, sold: FloatArray) -> FloatArray:
        """Certificates of those who set something, (producer,)."""
        market = self.market
        earned = np.where(market.renewable & market.sets_output, output, 0.0)
        return np.where(market.sets_certificates, sold, earned)

    def _takers(self, who: BoolArray, least: FloatArray) -> PriceTakers:
        market = self.market
        key = (who.tobytes(), least.tobytes())
        if key not in self._curves:
            if len(self._curves) > 200:
                self._curves.clear()
            self._curves[key] = PriceTakers(
                market.marginal[who],
                market.slope[who],
                np.maximum(market.least, least)[who],
                market.most[who],
                (market.renewable & ~market.sets_certificates)[who],
                market.buy_out,
            )
        return self._curves[key]

    def _pieces_of(self, player: int, least: FloatArray, *, with_player: bool) -> Pieces:
        market = self.market
        who = ~market.sets_output
        if not with_player:
            who = who & (np.arange(who.size) != player)
        key = (player, with_player, least.tobytes())
        if key not in self._pieces:
            brown = np.flatnonzero(who & ~(market.renewable & ~market.sets_certificates))
            followed = int(np.searchsorted(brown, player)) if with_player else None
            self._pieces[key] = pieces(self._takers(who, least), self.ratio, followed)
        return self._pieces[key]

    def _of_output(
        self, player: int, energy: float, certificates: float, least: FloatArray
    ) -> Choices:
        """z is the output; a renewable producer sells what it earns."""
        sells = 1.0 if self.market.renewable[player] else 0.0
        found = self._pieces_of(player, least, with_player=False)
        onto = np.array([[1.0, 0.0], [energy, 1.0], [certificates, sells]])
        own = np.array([0.0, 1.0])
        bounds = np.array([[-self.market.least[player], 1.0], [self.market.most[player], -1.0]])
        output = np.broadcast_to(own, (found.wholesale.shape[0], 2))
        return self._choices(player, found, onto, output, sells * own, bounds)

    def _of_both(
        self, player: int, energy: float, certificates: float, least: FloatArray
    ) -> Choices:
        """z is the output and the certificates sold."""
        found = self._pieces_of(player, least, with_player=False)
        onto = np.array([[1.0, 0.0, 0.0], [energy, 1.0, 0.0], [certificates, 0.0, 1.0]])
        bounds = np.array(
            [
                [-self.market.least[player], 1.0, 0.0],
                [self.market.most[player], -1.0, 0.0],
                [0.0, 0.0, 1.0],
                [0.0, 1.0, -1.0],
            ]
        )
        output = np.broadcast_to([0.0, 1.0, 0.0], (found.wholesale.shape[0], 3))
        return self._choices(player, found, onto, output, np.array([0.0, 0.0, 1.0]), bounds)

    def _of_certificates_produced(
        self, player: int, energy: float, certificates: float, least: FloatArray
    ) -> Choices:
        """z is what is sold, and as much is produced: more would cost more than it is paid."""
        found = self._pieces_of(player, least, with_player=False)
        onto = np.array([[1.0, 0.0], [energy, 1.0], [certificates, 1.0]])
        own = np.array([0.0, 1.0])
        bounds = np.array([[-self.market.least[player], 1.0], [self.market.most[player], -1.0]])
        cost = np.array([self.market.marginal[player], self.market.slope[player]])
        dear = cost - found.wholesale @ onto
        output = np.broadcast_to(own, (found.wholesale.shape[0], 2))
        return self._choices(player, found, onto, output, own, bounds, dear)

    def _of_certificates_kept(
        self, player: int, energy: float, certificates: float, least: FloatArray
    ) -> Choices:
        """z is what is sold; what is produced follows the wholesale price and is more."""
        found = self._pieces_of(player, least, with_player=True)
        onto = np.array([[1.0, 0.0], [energy, 0.0], [certificates, 1.0]])
        own = np.array([0.0, 1.0])
        output = found.followed @ onto
        bounds = np.array([[0.0, 1.0], [self.market.most[player], -1.0]])
        return self._choices(player, found, onto, output, own, bounds, output - own)

    def _choices(
        self,
        player: int,
        found: Pieces,
        onto: FloatArray,
        output: FloatArray,
        sold: FloatArray,
        bounds: FloatArray,
        *more: FloatArray,
    ) -> Choices:
        wholesale, certificate = found.wholesale @ onto, found.certificate @ onto
        marginal, slope = self.market.marginal[player], self.market.slope[player]
        worth = wholesale - 0.5 * slope * output
        worth[:, 0] -= marginal
        profit = worth[:, :, None] * output[:, None, :] + certificate[:, :, None] * sold
        profit = 0.5 * (profit + profit.transpose(0, 2, 1))
        count = profit.shape[0]
        limits = np.concatenate(
            [
                found.limits @ onto,
                np.broadcast_to(bounds, (count, *bounds.shape)),
                *(each[:, None, :] for each in more),
            ],
            axis=1,
        )
        return Choices(profit, limits, sold, output)
