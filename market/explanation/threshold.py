"""With which limit an order would have been filled."""

from __future__ import annotations

from market.explanation.cleared import ClearedRound


def is_cleared_alone(cleared: ClearedRound, position: int) -> bool:
    """Whether the order has one product, and no order of several legs touches that."""
    indices = cleared.book.leg_indices[position]
    return len(indices) == 1 and indices[0] not in cleared.connected


def limit_that_fills(cleared: ClearedRound, position: int) -> int | None:
    """The lowest limit with which an unfilled order would have been filled, at least in part, or
    would be one of those at the margin.

    None for an order that was filled at all, that did not count, that was left out though it gains,
    and where no limit would help. For a product cleared alone the limit is exact: with it, and the
    others' orders as they are, a new clearing has the order at the margin or fills it, with a
    nano-unit less it does not. Elsewhere it is the limit that breaks even at the round's prices:
    needed, and enough unless the prices of the connected products move with it.
    """
    unfilled = cleared.maxima[position] > 0 and cleared.clearing.fills[position] == 0
    if not unfilled or cleared.is_left_out(position):
        return None
    if not is_cleared_alone(cleared, position):
        return cleared.break_even_limit(position)
    bounds = cleared.bounds[cleared.book.leg_indices[position][0]]
    if cleared.book.orders[position].order.sells:
        return None if bounds.low is None else -bounds.low
    return bounds.high
