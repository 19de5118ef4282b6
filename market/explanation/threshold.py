"""With which limit an order would have been filled."""

from __future__ import annotations

from market.explanation.cleared import ClearedRound


def is_cleared_alone(cleared: ClearedRound, position: int) -> bool:
    """Whether the order has one product, and no order of several legs touches that."""
    indices = cleared.book.leg_indices[position]
    return len(indices) == 1 and indices[0] not in cleared.connected


def limit_that_fills(cleared: ClearedRound, position: int) -> int | None:
    """The lowest limit with which the order would have been filled, at least in part, or would be
    one of those at the margin; None where no limit would.

    For a product cleared alone that is exact: with it, and the others' orders as they are, a new
    clearing has the order at the margin or fills it. Elsewhere it is the limit that breaks even at
    the round's prices: needed, but perhaps not enough.
    """
    if not is_cleared_alone(cleared, position):
        return cleared.break_even_limit(position)
    bounds = cleared.bounds.get(cleared.book.leg_indices[position][0])
    if bounds is None:
        return None
    if cleared.book.orders[position].order.sells:
        return None if bounds.low is None else -bounds.low
    return bounds.high
