"""How much of every order counts, frozen at the gate (protocol section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from market.book import Book
from market.order import Order, limit_is_within_cap
from market.rules import MarketRules as MarketRules
from market.units import SCALE, ceil_div


@dataclass(frozen=True, slots=True)
class TraderFacts:
    """What the chain says of a trader at the gate.

    `margin_micro` is what is available for this round, `epoch` the one this round is judged by,
    `eligible` whether its credential stands (True where the market needs none), `capacity_wh` the
    attested energy it may sell in the round (None where the market has no capacity source).
    """

    margin_micro: int
    epoch: int
    eligible: bool
    capacity_wh: int | None = None


def margin_need_micro(order: Order, rules: MarketRules) -> int:
    """Margin an order needs at full fill: its cost and collateral for its imbalance."""
    energy_wh = sum(ceil_div(abs(leg.coefficient) * order.max_units, SCALE) for leg in order.legs)
    cost = max(0, ceil_div(order.limit * order.max_units, SCALE))
    return cost + ceil_div(rules.imbalance_cap * energy_wh, SCALE)


def sold_energy_wh(order: Order) -> int:
    """Energy an order gives away at full fill, in Wh, not negative."""
    return sum(
        ceil_div(-leg.coefficient * order.max_units, SCALE)
        for leg in order.legs
        if leg.coefficient < 0
    )


def effective_maxima(
    book: Book, facts: Mapping[str, TraderFacts], rules: MarketRules
) -> tuple[int, ...]:
    """m of every order in book order: its maximum, or 0 where it does not count.

    Raises KeyError when `facts` lack a trader of the book.
    """
    maxima: list[int] = []
    for trader, positions in book.traders():
        if trader not in facts:
            raise KeyError(f"no facts about trader {trader}")
        fact = facts[trader]
        margin, capacity = fact.margin_micro, fact.capacity_wh
        for position in positions:
            order = book.orders[position].order
            need = margin_need_micro(order, rules)
            sold = sold_energy_wh(order)
            counts = (
                limit_is_within_cap(order, rules.price_cap)
                and order.epoch == fact.epoch
                and fact.eligible
                and need <= margin
                and (capacity is None or sold <= capacity)
            )
            if counts:
                margin -= need
                if capacity is not None:
                    capacity -= sold
            maxima.append(order.max_units if counts else 0)
    return tuple(maxima)
