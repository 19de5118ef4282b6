"""Trades that change nobody's position: groups that sell to themselves, and round trips.

**Rule of attribution.** A call auction has no counterparties: all who buy a lot buy from all who
sell it. What is certain is the net position. So of what a group of related accounts bought and
sold in one lot

    wash = min(bought, sold)

is the energy that the group could have left untraded without a change of its position or of its
risk: no change of beneficial interest, which is what ACER's Guidance Note 1/2017 on wash trades
(REMIT, Regulation (EU) 1227/2011, articles 2(2) and 5) asks for; 7 U.S.C. 6c(a) forbids the same.
It is the most that can be called wash. Beside it stands the part that would have met inside the
group had every buyer been served by every seller in proportion, `bought * sold / traded` (rounded
down): what an even split of the pool gives. A group of one is an account that crossed its own
orders.

An account that produces and consumes may bid both in full (power exchanges call it gross bidding):
its orders cross and nothing is hidden. So one account alone is a finding only from
`findings.CROSSING_SHARE` of the market's trade on, a group always.

Only orders of one leg count: an order of several legs (a converter, a store) takes and gives in
one.

**Round trips.** Two accounts, related or not, that trade one product back and forth over rounds:
each round's pool is split in proportion, `sold by A * bought by B / traded`; a round trip of A and
B is the lesser of what went either way. Forecasts are corrected in that way too, so a pair is only
named where it is at least `ROUND_TRIP_SHARE` of all that either of them traded of these products,
and happened in `ROUND_TRIP_PRODUCTS` products or more. Flows within one round are wash trades, not
trips.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from market.product import Product
from market.surveillance.ratios import PPM
from market.surveillance.recleared import Offers, Recleared
from market.surveillance.trading import Lot, Trading, Units

ROUND_TRIP_SHARE = 500_000
ROUND_TRIP_PRODUCTS = 2
ROUND_TRIP_WINDOW = 100
"""Rounds of a market between the first and the last flow of a trip, at most."""


@dataclass(frozen=True, slots=True)
class Washed:
    """What a group (or one account) bought from itself in a lot, Wh; `pro_rata_wh` as in the
    module's text. `netted`: the lot cleared again without it, None where it cannot be."""

    lot: Lot
    who: str
    accounts: tuple[str, ...]
    bought_wh: int
    sold_wh: int
    wash_wh: int
    pro_rata_wh: int
    traded_wh: int
    crossing: bool
    netted: Recleared | None

    @property
    def price_effect(self) -> int | None:
        """What it added to the price, nano per kWh."""
        if self.netted is None or self.netted.volume_wh == 0:
            return None
        return self.lot.price - self.netted.price


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Energy that went from one account to another and back, Wh, rounded down, over several rounds
    of the same products; `share_ppm` of the busier one's trading in these products."""

    market: int
    first: str
    second: str
    products: tuple[Product, ...]
    rounds: tuple[int, ...]
    wh: int
    share_ppm: int


def washes(trading: Trading, units: Units, ignored: Collection[str] = ()) -> Iterator[Washed]:
    """Every lot in which a unit both bought and sold by orders of one leg, lots in their order."""
    alone = _single_leg(trading)
    turnover = alone.turnover(units.of_account)
    lots = len(trading.lots)
    everything = trading.turnover(units.of_account)
    traded = everything.by_lot(everything.bought_wh, lots)
    both = np.minimum(turnover.bought_wh, turnover.sold_wh)
    for row in np.flatnonzero(np.asarray(both > 0, dtype=np.bool_)).tolist():
        number, unit = int(turnover.lot[row]), int(turnover.unit[row])
        if units.names[unit] in ignored:
            continue
        lot, wash = trading.lots[number], int(both[row])
        bought, sold = int(turnover.bought_wh[row]), int(turnover.sold_wh[row])
        offers = Offers.of(trading, number, units.of_account)
        yield Washed(
            lot=lot,
            who=units.names[unit],
            accounts=_accounts(trading, units, number, unit),
            bought_wh=bought,
            sold_wh=sold,
            wash_wh=wash,
            pro_rata_wh=bought * sold // traded[number],
            traded_wh=traded[number],
            crossing=_crosses(alone, units, number, unit),
            netted=None if lot.connected else offers.netted(unit, wash),
        )


def round_trips(trading: Trading, ignored: Collection[str] = ()) -> tuple[RoundTrip, ...]:
    """Pairs of accounts that traded back and forth, as the module's text says."""
    alone = _single_leg(trading)
    units = Units.accounts(trading)
    turnover = alone.turnover(units.of_account)
    net = turnover.bought_wh - turnover.sold_wh
    bought = turnover.by_lot(np.maximum(net, 0), len(trading.lots))
    by_product: defaultdict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for row in np.flatnonzero(np.asarray(net != 0, dtype=np.bool_)).tolist():
        lot = trading.lots[int(turnover.lot[row])]
        if lot.connected or not bought[int(turnover.lot[row])]:
            continue
        if trading.accounts[int(turnover.unit[row])] not in ignored:
            by_product[lot.market, lot.product.id].append(
                (int(turnover.lot[row]), int(turnover.unit[row]), int(net[row]))
            )
    strong = _strong(by_product.values(), bought)
    pairs: defaultdict[tuple[int, int, int], list[_Trip]] = defaultdict(list)
    for (market, product), rows in by_product.items():
        for (one, other), trip in _trips(trading, rows, bought, product, strong):
            pairs[market, one, other].append(trip)
    found = [
        _round_trip(trading, market, one, other, trips)
        for (market, one, other), trips in sorted(pairs.items())
        if len({trip.product for trip in trips}) >= ROUND_TRIP_PRODUCTS
    ]
    return tuple(trip for trip in found if trip.share_ppm >= ROUND_TRIP_SHARE)


@dataclass(frozen=True, slots=True)
class _Trip:
    """A pair's way there and back in one product; `busier` Wh is the greater of their trading."""

    product: int
    rounds: tuple[int, ...]
    wh: Fraction
    traded: tuple[int, int]


def _strong(products: Iterable[list[tuple[int, int, int]]], bought: list[int]) -> frozenset[int]:
    """Accounts that can be in a round trip of the wanted share at all.

    With x the greatest part that B ever was of those who bought, what A passed to B is at most x of
    A's sales, and what came back at most all of A's purchases: together at most 2x / (1 + x) of A's
    trading. So x, and likewise B's greatest part of a lot's sales, is `s / (2 - s)` or more.
    """
    sides: tuple[set[int], set[int]] = set(), set()
    for rows in products:
        for lot, account, net in rows:
            if abs(net) * (2 * PPM - ROUND_TRIP_SHARE) >= bought[lot] * ROUND_TRIP_SHARE:
                sides[net > 0].add(account)
    return frozenset(sides[0] & sides[1])


def _trips(
    trading: Trading,
    rows: list[tuple[int, int, int]],
    bought: list[int],
    product: int,
    strong: Collection[int],
) -> Iterator[tuple[tuple[int, int], _Trip]]:
    """Of one product: only accounts that were on either side in different rounds can be in one."""
    sides: defaultdict[int, set[bool]] = defaultdict(set)
    total: defaultdict[int, int] = defaultdict(int)
    for _, account, net in rows:
        sides[account].add(net > 0)
        total[account] += abs(net)
    able = sorted(a for a, each in sides.items() if len(each) == 2 and a in strong)
    by_lot: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for lot, account, net in rows:
        by_lot[lot][account] = net
    for place, one in enumerate(able):
        for other in able[place + 1 :]:
            there = back = Fraction(0)
            rounds: list[int] = []
            for lot, nets in sorted(by_lot.items()):
                a, b = nets.get(one, 0), nets.get(other, 0)
                if a * b >= 0:
                    continue
                flow = Fraction(abs(a * b), bought[lot])
                there, back = (there + flow, back) if a < 0 else (there, back + flow)
                rounds.append(trading.lots[lot].round)
            if there and back and max(rounds) - min(rounds) <= ROUND_TRIP_WINDOW:
                trip = _Trip(product, tuple(rounds), min(there, back), (total[one], total[other]))
                yield (one, other), trip


def _round_trip(
    trading: Trading, market: int, one: int, other: int, trips: list[_Trip]
) -> RoundTrip:
    wh = sum((trip.wh for trip in trips), Fraction(0))
    busier = max(sum(trip.traded[side] for trip in trips) for side in (0, 1))
    # There and back: each Wh of a trip is traded twice by each of them.
    return RoundTrip(
        market=market,
        first=trading.accounts[one],
        second=trading.accounts[other],
        products=tuple(Product.from_id(trip.product) for trip in trips),
        rounds=tuple(sorted({number for trip in trips for number in trip.rounds})),
        wh=int(wh),
        share_ppm=int(2 * wh * PPM / busier),
    )


def _single_leg(trading: Trading) -> Trading:
    rows = ~trading.several
    return Trading(
        trading.lots,
        trading.accounts,
        trading.lot[rows],
        trading.account[rows],
        trading.sells[rows],
        trading.several[rows],
        trading.price[rows],
        trading.counted_wh[rows],
        trading.filled_wh[rows],
    )


def _accounts(trading: Trading, units: Units, lot: int, unit: int) -> tuple[str, ...]:
    """Who of the unit traded in the lot."""
    rows = trading.rows_of(lot)
    active = (units.of_account[trading.account[rows]] == unit) & np.asarray(
        trading.filled_wh[rows] > 0, dtype=np.bool_
    )
    return tuple(
        trading.accounts[place] for place in np.unique(trading.account[rows][active]).tolist()
    )


def _crosses(trading: Trading, units: Units, lot: int, unit: int) -> bool:
    """Whether one account's own bid met its own ask."""
    rows = trading.rows_of(lot)
    own = units.of_account[trading.account[rows]] == unit
    filled = np.asarray(trading.filled_wh[rows] > 0, dtype=np.bool_)
    sides: Mapping[bool, set[int]] = {
        side: set(trading.account[rows][own & filled & (trading.sells[rows] == side)].tolist())
        for side in (True, False)
    }
    return bool(sides[True] & sides[False])
