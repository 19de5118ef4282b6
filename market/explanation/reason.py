"""The one reason for which an order was filled as it was."""

from __future__ import annotations

from enum import StrEnum

from market.eligibility import GateRule
from market.explanation.cleared import ClearedRound


class Reason(StrEnum):
    """Every order of a book has exactly one.

    The first six did not count at the gate (protocol section 4). All others counted:

    * FILLED: in full; it gains at the price, or at least does not lose.
    * AT_THE_MARGIN: its limit is the price (within a nano a kWh of each leg), so it is filled in
      part or not at all, and shares what is left with its equals.
    * NO_COUNTERPARTY: nobody on the other side of its only product.
    * OUT_OF_THE_MONEY: unfilled; it would lose at the price.
    * LEFT_OUT: gains, and still is not filled in full: connected products balance in whole Wh.
    * ROUNDED_IN: filled though it would lose without rounding its legs to whole Wh.
    """

    PRICE_CAP = "price_cap"
    EPOCH = "epoch"
    CREDENTIAL = "credential"
    MARGIN = "margin"
    CAPACITY = "capacity"
    DELEGATION = "delegation"
    FILLED = "filled"
    AT_THE_MARGIN = "at_the_margin"
    NO_COUNTERPARTY = "no_counterparty"
    OUT_OF_THE_MONEY = "out_of_the_money"
    LEFT_OUT = "left_out"
    ROUNDED_IN = "rounded_in"


GATE_REASONS = {
    GateRule.PRICE_CAP: Reason.PRICE_CAP,
    GateRule.EPOCH: Reason.EPOCH,
    GateRule.CREDENTIAL: Reason.CREDENTIAL,
    GateRule.MARGIN: Reason.MARGIN,
    GateRule.CAPACITY: Reason.CAPACITY,
    GateRule.DELEGATION: Reason.DELEGATION,
}


def reason_of(cleared: ClearedRound, position: int) -> Reason:
    """Why the order at this place of the book was filled as it was."""
    broken = cleared.judgements[position].broken
    if broken is not None:
        return GATE_REASONS[broken]
    if cleared.is_rounded_in(position):
        return Reason.ROUNDED_IN
    if cleared.clearing.fills[position] == cleared.maxima[position]:
        return Reason.FILLED
    if not has_counterparty(cleared, position):
        return Reason.NO_COUNTERPARTY
    if cleared.surpluses[position] < 0:
        return Reason.OUT_OF_THE_MONEY
    return Reason.LEFT_OUT if cleared.is_left_out(position) else Reason.AT_THE_MARGIN


def has_counterparty(cleared: ClearedRound, position: int) -> bool:
    """Whether anybody could have been the other side of a single-leg order."""
    order, indices = cleared.book.orders[position].order, cleared.book.leg_indices[position]
    if order.multi_leg or indices[0] in cleared.connected:
        return True
    return (not order.sells) in cleared.sides.get(indices[0], ())
