"""What price takers supply at which price: a curve of straight pieces, steps and flats included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.green_quota.system import FloatArray

_AT_ONCE = 4_000_000
"""Numbers held at a time while corners are added up."""


@dataclass(frozen=True, slots=True)
class SupplyCurve:
    """The supply of some producers, (n,), who are paid what ``marginal + slope * q`` costs.

    ``quantity`` and ``price`` (corner,) never fall; below the first corner the price may fall, and
    above the last it may rise, without end. Between two corners everybody's output is straight.
    At a price at which a producer's cost is flat there are two corners, ``after`` tells the second.
    """

    marginal: FloatArray
    slope: FloatArray
    least: FloatArray
    most: FloatArray
    quantity: FloatArray
    price: FloatArray
    after: FloatArray

    def outputs_at_corner(self, corner: int) -> FloatArray:
        """Everybody's output there, (n,)."""
        at = slice(corner, corner + 1)
        outputs: FloatArray = _outputs(self, self.price[at], self.after[at])[0]
        return outputs

    def outputs_between(self, corner: int, share: float) -> FloatArray:
        """Everybody's output at ``share`` of the way from ``corner`` to the next one."""
        before = self.outputs_at_corner(corner)
        if share == 0.0:
            return before
        between: FloatArray = before + share * (self.outputs_at_corner(corner + 1) - before)
        return between

    def outputs_of(self, quantity: float) -> FloatArray:
        """Everybody's output where together they supply ``quantity``."""
        last = self.quantity.size - 1
        corner = int(np.searchsorted(self.quantity, quantity, side="right")) - 1
        if corner < 0 or corner >= last:
            return self.outputs_at_corner(min(max(corner, 0), last))
        width = self.quantity[corner + 1] - self.quantity[corner]
        share = (quantity - self.quantity[corner]) / width if width > 0.0 else 0.0
        return self.outputs_between(corner, float(share))

    def corner_outputs(self, of: int) -> FloatArray:
        """One producer's output at every corner, (corner,)."""
        chosen = slice(of, of + 1)
        return _supplied(
            self.marginal[chosen],
            self.slope[chosen],
            self.least[chosen],
            self.most[chosen],
            self.price,
            self.after,
        )[:, 0]


def supply_curve(
    marginal: FloatArray, slope: FloatArray, least: FloatArray, most: FloatArray
) -> SupplyCurve:
    """The curve of producers given as arrays (n,); of none it is the axis at quantity 0."""
    if not marginal.size:
        nothing = np.zeros(1)
        return SupplyCurve(marginal, slope, least, most, nothing, nothing, nothing)
    begin, end = marginal + slope * least, marginal + slope * most
    prices = np.unique(np.concatenate([begin, end]))
    flat = np.unique(marginal[(slope == 0.0) & (most > least)])
    price = np.concatenate([prices, flat])
    after = np.concatenate([np.zeros(prices.size), np.ones(flat.size)])
    order = np.lexsort((after, price))
    price, after = price[order], after[order]
    rows = max(_AT_ONCE // marginal.size, 1)
    quantity = np.concatenate(
        [
            _supplied(
                marginal, slope, least, most, price[at : at + rows], after[at : at + rows]
            ).sum(axis=1)
            for at in range(0, price.size, rows)
        ]
    )
    return SupplyCurve(marginal, slope, least, most, np.maximum.accumulate(quantity), price, after)


def _outputs(curve: SupplyCurve, price: FloatArray, after: FloatArray) -> FloatArray:
    return _supplied(curve.marginal, curve.slope, curve.least, curve.most, price, after)


def _supplied(
    marginal: FloatArray,
    slope: FloatArray,
    least: FloatArray,
    most: FloatArray,
    price: FloatArray,
    after: FloatArray,
) -> FloatArray:
    """Outputs (corner, n)."""
    gain = price[:, None] - marginal
    rising = slope > 0.0
    wanted = np.where(
        rising,
        gain / np.where(rising, slope, 1.0),
        np.where((gain > 0.0) | ((gain == 0.0) & (after[:, None] > 0.0)), np.inf, -np.inf),
    )
    # At the price at which a limit is reached the limit itself, without rounding.
    wanted = np.where(
        price[:, None] >= marginal + slope * most, np.where(rising, most, wanted), wanted
    )
    supplied: FloatArray = np.clip(wanted, least, most)
    return supplied
