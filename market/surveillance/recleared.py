"""What a price would have been: a lot cleared again with some of its orders changed.

Only for lots that no counted order of several legs touches: there the price follows from the lot's
own orders, by the very rule that settled it (`market.clearing.uniform`, protocol section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.clearing.exact import ExactArray, IntArray
from market.clearing.uniform import MAX_LIMIT, clear_product
from market.surveillance.costs import CostCurve
from market.surveillance.trading import Trading

_STEPS = 32
_MOST_UNITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Recleared:
    """`price` in nano per kWh, of nothing traded where `volume_wh` is 0."""

    price: int
    volume_wh: int


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """The orders of one lot: what is asked or bid (nano per kWh) and how much of it counts, Wh."""

    prices: IntArray
    counted_wh: ExactArray
    sells: np.ndarray[tuple[int], np.dtype[np.bool_]]
    units: IntArray

    @classmethod
    def of(cls, trading: Trading, lot: int, unit_of: IntArray) -> Offers:
        rows = trading.rows_of(lot)
        return cls(
            trading.price[rows],
            trading.counted_wh[rows],
            trading.sells[rows],
            unit_of[trading.account[rows]],
        )

    def clear(
        self, prices: IntArray | None = None, counted_wh: ExactArray | None = None
    ) -> Recleared:
        """With other prices or amounts in the place of these."""
        at = self.prices if prices is None else prices
        amounts = self.counted_wh if counted_wh is None else counted_wh
        # Ties decide who trades, not at which price: their keys do not matter here.
        found = clear_product(
            np.where(self.sells, -at, at),
            amounts.astype(np.uint64),
            self.sells,
            np.zeros((len(at), 4), dtype=np.uint64),
        )
        return Recleared(found.price, found.volume)

    def without(self, unit: int) -> Recleared:
        """Without what a unit offers for sale."""
        own = self.sells & (self.units == unit)
        return self.clear(counted_wh=np.where(own, 0, self.counted_wh))

    def at_cost(self, unit: int, cost: CostCurve) -> Recleared:
        """With what a unit offers for sale asked at its marginal cost.

        Cheapest first; an offer that spans a rising cost is divided into steps, each asked at the
        cost of its last Wh.
        """
        own = np.flatnonzero(self.sells & (self.units == unit))
        total = sum(int(wh) for wh in self.counted_wh[own])
        steps = 1 if cost.slope == 0 else min(_STEPS, total)
        ends = [total * (step + 1) // steps for step in range(steps)]
        amounts = [
            min(end - begin, _MOST_UNITS) for begin, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        at_cost = [min(cost.marginal(end), MAX_LIMIT) for end in ends]
        others = np.delete(np.arange(len(self.prices)), own)
        with_cost = Offers(
            np.concatenate((self.prices[others], np.array(at_cost, dtype=np.int64))),
            np.concatenate((self.counted_wh[others], np.array(amounts, dtype=object))),
            np.concatenate((self.sells[others], np.ones(steps, dtype=np.bool_))),
            np.concatenate((self.units[others], np.full(steps, unit, dtype=np.int64))),
        )
        return with_cost.clear()

    def netted(self, unit: int, wash_wh: int) -> Recleared:
        """Without `wash_wh` of what a unit bought from itself: off its dearest bids and its
        cheapest asks, which trade first."""
        counted = self.counted_wh.astype(object)
        for side, sign in ((self.sells, 1), (~self.sells, -1)):
            own = np.flatnonzero(side & (self.units == unit))
            left = wash_wh
            for place in own[np.argsort(sign * self.prices[own], kind="stable")].tolist():
                taken = min(left, int(counted[place]))
                counted[place] -= taken
                left -= taken
        return self.clear(counted_wh=counted)
