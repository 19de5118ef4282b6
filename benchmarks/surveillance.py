"""How long the supervisor's report takes over a large ledger that has been read.

Run: python benchmarks/surveillance.py [ORDERS]
Days of quarter-hours, 40 sellers and 160 buyers; one pair of them washes. The time is that of
`market.surveillance.survey`: reading a chain and proving its rounds again is the audit's.
"""

from __future__ import annotations

import argparse
import platform
import time
from functools import cache

import numpy as np
from eth_utils.address import to_checksum_address

from market.book import Book
from market.clearing import clear
from market.order import Leg, Order, SignedOrder
from market.product import ProductGrid
from market.surveillance import (
    CostCurve,
    Costs,
    Link,
    LinkKind,
    Observed,
    SettledRound,
    findings_of,
    survey,
)
from market.synthetic import rules_for
from market.units import SCALE

SLOTS, SELLERS, BUYERS = 96, 40, 160
NANO = 10**9


@cache
def account(number: int) -> str:
    return str(to_checksum_address(f"0x{number + 1:040x}"))


def a_day(number: int, random: np.random.Generator) -> SettledRound:
    """Every seller offers in every slot, every buyer bids in a quarter of them."""
    grid = ProductGrid(1, 1, number * SLOTS, SLOTS)
    orders = []
    for slot in range(SLOTS):
        sells = [(seller, -1, 0.05, 0.25) for seller in range(SELLERS)]
        buys = [
            (SELLERS + buyer, 1, 0.10, 0.40)
            for buyer in random.choice(BUYERS, BUYERS // 4, replace=False).tolist()
        ]
        for trader, sign, low, high in (*sells, *buys):
            price = int(random.uniform(low, high) * NANO)
            legs = (Leg(number * SLOTS + slot, sign * SCALE),)
            units = int(random.integers(500, 5_000))
            orders.append(Order(1, number, legs, units, sign * price, account(trader), 0, slot))
    # Any different hashes do: nothing here looks behind them.
    signed = [SignedOrder(order, bytes(64), random.bytes(32)) for order in orders]
    book = Book.build(1, number, grid, signed)
    maxima = tuple(each.order.max_units for each in book.orders)
    clearing = clear(book, maxima, rules_for(grid))
    return SettledRound(book, maxima, clearing, 900, number * 86_400 - 7_200, number * 86_400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("orders", nargs="?", type=int, default=200_000)
    wanted = parser.parse_args().orders
    random = np.random.default_rng(7)
    a_days = SLOTS * (SELLERS + BUYERS // 4)
    rounds = tuple(a_day(number, random) for number in range(1, max(1, wanted // a_days) + 1))
    costs = Costs(tuple(CostCurve(account(s), "", "coal", NANO // 20) for s in range(SELLERS)))
    owner = account(9_999)
    links = tuple(Link(account(a), owner, LinkKind.OWNER, "0x00") for a in (0, SELLERS))
    orders = sum(each.book.count for each in rounds)
    started = time.process_time()
    report = survey(Observed(rounds, links=links, costs=costs))
    found = findings_of(report)
    taken = time.process_time() - started
    (market,) = report.markets
    recleared = sum(
        (each.without is not None) + (each.at_cost is not None)
        for each in (*market.supplied, *market.supplied_by_groups)
    )
    print(f"{orders:,} orders in {len(rounds)} rounds, {market.lots:,} products with trade")
    print(f"{taken:.1f} s, {orders / taken:,.0f} orders/s, {recleared:,} lots cleared again")
    print(f"{len(market.washed):,} washed lots, {len(found)} findings")
    print(f"{platform.processor() or platform.machine()}; Python {platform.python_version()}")


if __name__ == "__main__":
    main()
