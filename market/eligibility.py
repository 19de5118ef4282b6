"""How much of every order counts, frozen at the gate (protocol section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from market.book import Book
from market.delegation import Session, SessionBreach, Traded, session_breach
from market.order import Order, SignedOrder, limit_is_within_cap
from market.rules import MarketRules as MarketRules
from market.units import SCALE, ceil_div

_NEVER_OPEN = (1 << 40) - 1
"""No session lasts beyond a gate at this second."""


_NOTHING = Traded()


@dataclass(frozen=True, slots=True)
class TraderFacts:
    """What the chain says of a trader at the gate.

    `margin_micro` is what is available for this round, `epoch` the one this round is judged by,
    `eligible` whether its credential stands (True where the market needs none), `capacity_wh` the
    attested energy it may sell in the round (None where the market has no capacity source).
    `session` is the one that this round is judged by, of use where somebody else signed for the
    trader (None: nobody may); it must last beyond `gate_at`, the second of the gate.
    """

    margin_micro: int
    epoch: int
    eligible: bool
    capacity_wh: int | None = None
    session: Session | None = None
    gate_at: int = _NEVER_OPEN


class GateRule(StrEnum):
    """What an order must satisfy to count at the gate, in the order in which it is judged."""

    PRICE_CAP = "price_cap"
    EPOCH = "epoch"
    CREDENTIAL = "credential"
    MARGIN = "margin"
    CAPACITY = "capacity"
    DELEGATION = "delegation"


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


def bought_energy_wh(order: Order) -> int:
    """Energy an order takes at full fill, in Wh, not negative."""
    return sum(
        ceil_div(leg.coefficient * order.max_units, SCALE)
        for leg in order.legs
        if leg.coefficient > 0
    )


def traded_energy(order: Order) -> Traded:
    """Energy an order takes and gives at full fill."""
    return Traded(bought_energy_wh(order), sold_energy_wh(order))


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the gate judged an order.

    `broken` is the first rule of protocol section 4 that it breaks, None where it counts. It needs
    `need_micro` of margin and sells `sold_wh`; `margin_left_micro` and `capacity_left_wh` (None
    where the market has no capacity source) are what the trader's earlier orders had left.
    Where the delegation is what it breaks, `breach` says how, and `delegated` is what the trader's
    delegate had bought and sold before it in the round.
    """

    broken: GateRule | None
    need_micro: int
    margin_left_micro: int
    sold_wh: int
    capacity_left_wh: int | None
    breach: SessionBreach | None = None
    delegated: Traded = _NOTHING


def judge(
    book: Book, facts: Mapping[str, TraderFacts], rules: MarketRules
) -> tuple[Judgement, ...]:
    """How the gate judges every order, in book order.

    Raises KeyError when `facts` lack a trader of the book.
    """
    judged: list[Judgement] = []
    for trader, positions in book.traders():
        if trader not in facts:
            raise KeyError(f"no facts about trader {trader}")
        fact = facts[trader]
        margin, capacity, delegated = fact.margin_micro, fact.capacity_wh, _NOTHING
        for position in positions:
            signed = book.orders[position]
            order = signed.order
            need = margin_need_micro(order, rules)
            sold = sold_energy_wh(order)
            broken: GateRule | None = None
            breach: SessionBreach | None = None
            if not limit_is_within_cap(order, rules.price_cap):
                broken = GateRule.PRICE_CAP
            elif order.epoch != fact.epoch:
                broken = GateRule.EPOCH
            elif not fact.eligible:
                broken = GateRule.CREDENTIAL
            elif need > margin:
                broken = GateRule.MARGIN
            elif capacity is not None and sold > capacity:
                broken = GateRule.CAPACITY
            elif signed.delegate is not None:
                breach = _breach(signed, fact, delegated)
                if breach is not None:
                    broken = GateRule.DELEGATION
            judged.append(Judgement(broken, need, margin, sold, capacity, breach, delegated))
            if broken is None:
                margin -= need
                if signed.delegate is not None:
                    delegated += traded_energy(order)
                if capacity is not None:
                    capacity -= sold
    return tuple(judged)


def _breach(signed: SignedOrder, fact: TraderFacts, delegated: Traded) -> SessionBreach | None:
    order = signed.order
    return session_breach(
        fact.session, signed.signer, order, traded_energy(order), delegated, fact.gate_at
    )


def effective_maxima(
    book: Book, facts: Mapping[str, TraderFacts], rules: MarketRules
) -> tuple[int, ...]:
    """m of every order in book order: its maximum, or 0 where it does not count.

    Raises KeyError when `facts` lack a trader of the book.
    """
    return tuple(
        0 if judgement.broken else signed.order.max_units
        for signed, judgement in zip(book.orders, judge(book, facts, rules), strict=True)
    )
