"""Orders that are alike to the market, and share what is left for them."""

from __future__ import annotations

from dataclasses import dataclass

from market.explanation.cleared import ClearedRound
from market.units import floor_div


@dataclass(frozen=True, slots=True)
class Tie:
    """Single-leg orders of one product, side and limit, book `positions` ascending.

    Of `offered_units` (M) they got `filled_units` (F); an order's share is floor(m F / M), and one
    more where its remainder is among the largest.
    """

    positions: tuple[int, ...]
    offered_units: int
    filled_units: int

    def share_units(self, maximum: int) -> int:
        """What an order of `maximum` units gets at least."""
        return floor_div(maximum * self.filled_units, self.offered_units)


def tie_of(cleared: ClearedRound, position: int) -> Tie | None:
    """The tie an order is in; None for one that does not count, or of several legs."""
    order, indices = cleared.book.orders[position].order, cleared.book.leg_indices[position]
    if order.multi_leg or cleared.maxima[position] == 0:
        return None
    positions = cleared.equals[indices[0], order.sells, order.limit]
    return Tie(
        positions,
        sum(cleared.maxima[each] for each in positions),
        sum(cleared.clearing.fills[each] for each in positions),
    )
