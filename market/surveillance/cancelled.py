"""Orders that were in a committed book and fell because their trader had bumped its epoch.

Quotes that are withdrawn again and again before the gate may be meant to be seen, not to trade
(layering, spoofing: REMIT guidance, article 2(2)(a)). The chain shows those that a new epoch
cancelled after the operator had taken them: they stand in the book and count with nothing. It does
not show signed cancellations off-chain, after which an order is not in the book, nor what anybody
saw of the book beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from market.payment import leg_energy_wh
from market.surveillance.trading import SettledRound

REPEATED = 3


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An account's orders that fell in a market: how many, in which rounds, on which side (Wh).
    `opposite_rounds`: of them those in which the other side of the same product traded for it."""

    market: int
    account: str
    orders: int
    all_orders: int
    rounds: tuple[int, ...]
    all_rounds: int
    sell_wh: int
    buy_wh: int
    opposite_rounds: tuple[int, ...]

    @property
    def repeated(self) -> bool:
        """Whether it happened in `REPEATED` rounds or more, and in half of all it took part in."""
        return len(self.rounds) >= REPEATED and 2 * len(self.rounds) >= self.all_rounds


def cancellations(rounds: Iterable[SettledRound]) -> tuple[Cancelled, ...]:
    """By market and account, those with any."""
    fallen: defaultdict[tuple[int, str], list[tuple[int, bool, int]]] = defaultdict(list)
    opposite: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    taken: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for settled in rounds:
        market, number = settled.key
        orders = settled.book.orders
        traded = _traded(settled) if settled.stale else frozenset()
        for position in settled.stale:
            order = orders[position].order
            key = market, order.trader
            # An order of several legs gives and takes: it counts on the side of its first leg.
            energy = sum(
                abs(leg_energy_wh(leg.coefficient, order.max_units))
                for leg in order.legs
                if (leg.coefficient < 0) == order.sells
            )
            fallen[key].append((number, order.sells, energy))
            if (order.trader, order.legs[0].product, not order.sells) in traded:
                opposite[key].add(number)
        for signed in orders:
            taken[market, signed.order.trader].append(number)
    return tuple(
        Cancelled(
            market=key[0],
            account=key[1],
            orders=len(each),
            all_orders=len(taken[key]),
            rounds=tuple(sorted({number for number, _, _ in each})),
            all_rounds=len(set(taken[key])),
            sell_wh=sum(wh for _, sells, wh in each if sells),
            buy_wh=sum(wh for _, sells, wh in each if not sells),
            opposite_rounds=tuple(sorted(opposite[key])),
        )
        for key, each in sorted(fallen.items())
    )


def _traded(settled: SettledRound) -> frozenset[tuple[str, int, bool]]:
    """Who traded which product on which side (True: sold) by orders of one leg."""
    return frozenset(
        (signed.order.trader, signed.order.legs[0].product, signed.order.sells)
        for signed, fill in zip(settled.book.orders, settled.clearing.fills, strict=True)
        if fill and not signed.order.multi_leg
    )
