"""Sellers lot by lot: what they offered and sold, at what margin, and whether they were needed.

* **Lerner index** (Lerner 1934): `(p - c) / p`, c the marginal cost at what was sold. Where no
  cost is declared c is the dearest ask of the seller's that was filled: whoever asks its cost or
  more has a margin of at least that, so the index is a *lower bound*. Undefined where p <= 0.
* **Residual supply index** (Sheffrin 2001, California ISO): `(offered - own offered) / demand`, of
  everything offered in the lot; demand is the energy bought at the settled price.
* **Pivotal supplier** (the test of FERC's market-power screens, Order 697): demand cannot be met
  without it, `offered - own offered < demand`. So an index of 1 or more is not pivotal.
* **What the price would have been** without a seller's offer, and with its offer at its declared
  cost: the lot cleared again. Only for sellers that were pivotal or sold `RECLEARED_SHARE` or more
  of it.
* **Bid-cost mark-up** `ask - c`, c the declared marginal cost of the offer's last Wh, mean over
  all that was offered, sold or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from market.surveillance.costs import CostCurve, Costs
from market.surveillance.ratios import PPM, nearest, ppm, weighted_mean
from market.surveillance.recleared import Offers, Recleared
from market.surveillance.trading import Lot, Trading, Turnover, Units

RECLEARED_SHARE = 50_000
"""Millionths of a lot's sales from which it is cleared again without the seller."""

PRICE_RISE = 50_000
UNSERVED = 100_000
"""Millionths of the price, and of demand, from which being pivotal matters."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """A seller in a lot. Energy in Wh, prices in nano per kWh, indices in millionths.

    `cost` is the marginal cost behind `lerner_ppm`, `declared` whether it is a declared one (else
    the seller's own ask). None where there is nothing to say: nothing sold or traded, a price of 0
    or less, no declared cost, orders of several legs.
    """

    lot: Lot
    seller: str
    offered_wh: int
    sold_wh: int
    demand_wh: int
    all_offered_wh: int
    cost: int | None
    declared: bool
    lerner_ppm: int | None
    markup: int | None
    rsi_ppm: int | None
    without: Recleared | None
    at_cost: Recleared | None

    @property
    def pivotal(self) -> bool:
        """Whether what was bought cannot be supplied without it."""
        return self.demand_wh > 0 and self.all_offered_wh - self.offered_wh < self.demand_wh

    @property
    def sets_price(self) -> bool:
        """Whether it is pivotal and that matters: without it the price would rise by `PRICE_RISE`,
        or `UNSERVED` of demand would go without (where the lot cannot be cleared again: what it
        sold is that much). Where all supply is used the smallest seller is pivotal as well.
        """
        if not self.pivotal:
            return False
        if self.without is None:
            return self.sold_wh * PPM >= self.demand_wh * UNSERVED
        rise, lost = self.without.price - self.lot.price, self.demand_wh - self.without.volume_wh
        dearer = rise > 0 and rise * PPM >= abs(self.lot.price) * PRICE_RISE
        return dearer or lost * PPM >= self.demand_wh * UNSERVED


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """Looks at sellers; `ignored` are accounts that are no suppliers, such as a network's.

    `costs` None: no margins are looked at, as for groups, whose members have costs of their own.
    """

    trading: Trading
    units: Units
    costs: Costs | None
    tokenised: Collection[int] = ()
    ignored: Collection[str] = ()

    def __iter__(self) -> Iterator[Supplied]:
        """Every seller of every lot, lots in their order, sellers in alphabetical order."""
        turnover = self.trading.turnover(self.units.of_account)
        lots = len(self.trading.lots)
        offered = turnover.by_lot(turnover.offered_wh, lots)
        demand = turnover.by_lot(turnover.bought_wh, lots)
        sold = turnover.by_lot(turnover.sold_wh, lots)
        known: tuple[int, Offers] | None = None
        for row in range(len(turnover.lot)):
            lot, unit = int(turnover.lot[row]), int(turnover.unit[row])
            if int(turnover.offered_wh[row]) == 0 or self.units.names[unit] in self.ignored:
                continue
            if known is None or known[0] != lot:
                known = lot, Offers.of(self.trading, lot, self.units.of_account)
            yield self._supplied(turnover, row, known[1], offered[lot], demand[lot], sold[lot])

    def _supplied(
        self, turnover: Turnover, row: int, offers: Offers, offered: int, demand: int, sold: int
    ) -> Supplied:
        number, unit = int(turnover.lot[row]), int(turnover.unit[row])
        lot, name = self.trading.lots[number], self.units.names[unit]
        own, own_sold = int(turnover.offered_wh[row]), int(turnover.sold_wh[row])
        curve, cost = None, None
        if self.costs is not None:
            tokenised = lot.market in self.tokenised
            curve = self.costs.of(name, lot.market, lot.product.carrier, tokenised=tokenised)
            cost = self._cost(number, unit, own_sold, curve)
        judged = cost is not None and own_sold > 0 and lot.price > 0
        looked_at = demand > 0 and not lot.connected and own_sold > 0
        weighty = offered - own < demand or own_sold * PPM >= RECLEARED_SHARE * sold
        return Supplied(
            lot=lot,
            seller=name,
            offered_wh=own,
            sold_wh=own_sold,
            demand_wh=demand,
            all_offered_wh=offered,
            cost=cost,
            declared=curve is not None,
            lerner_ppm=ppm(lot.price - cost, lot.price) if judged and cost is not None else None,
            markup=None if curve is None else self._markup(number, unit, curve),
            rsi_ppm=ppm(offered - own, demand) if demand else None,
            without=offers.without(unit) if looked_at and weighty else None,
            at_cost=offers.at_cost(unit, curve) if looked_at and weighty and curve else None,
        )

    def _own_asks(self, lot: int, unit: int) -> list[tuple[int, int, int]]:
        """Ask, counted and filled Wh of a unit's single-leg offers, cheapest first."""
        trading, rows = self.trading, self.trading.rows_of(lot)
        mine = trading.sells[rows] & ~trading.several[rows]
        mine &= self.units.of_account[trading.account[rows]] == unit
        places = mine.nonzero()[0] + rows.start
        return sorted(
            (int(trading.price[i]), int(trading.counted_wh[i]), int(trading.filled_wh[i]))
            for i in places.tolist()
        )

    def _cost(self, lot: int, unit: int, sold_wh: int, curve: CostCurve | None) -> int | None:
        if curve is not None:
            return curve.marginal(sold_wh)
        filled = [ask for ask, _, filled in self._own_asks(lot, unit) if filled]
        return max(filled, default=None)

    def _markup(self, lot: int, unit: int, curve: CostCurve) -> int | None:
        total = end = 0
        for ask, counted, _ in self._own_asks(lot, unit):
            end += counted
            total += (ask - curve.marginal(end)) * counted
        return nearest(total, end) if end else None


@dataclass(frozen=True, slots=True)
class SellerSummary:
    """A seller over many lots of a market. Prices in nano per kWh, indices in millionths.

    Means are weighted by what was sold; `lerner_ppm` leaves out the `undefined_wh` sold at prices
    of 0 or less. Of the lots with trade in which it offered: in how many it was pivotal; its
    lowest and mean residual supply index. `price_without` and `price_at_cost` stand beside
    `price_then`: means over the `compared` lots (`compared_at_cost`) that could be cleared again
    and still trade, by what was traded. `lost_wh` is what would not have been traded at all
    without it."""

    seller: str
    sold_wh: int
    offered_wh: int
    price: int | None
    cost: int | None
    declared: bool
    lerner_ppm: int | None
    undefined_wh: int
    markup: int | None
    lots: int
    pivotal_lots: int
    price_setting_lots: int
    rounds: int
    pivotal_rounds: int
    price_setting_rounds: int
    hours_ppm: int
    lowest_rsi_ppm: int | None
    mean_rsi_ppm: int | None
    compared: int
    price_then: int | None
    price_without: int | None
    lost_wh: int
    compared_at_cost: int
    price_then_at_cost: int | None
    price_at_cost: int | None


def summarise(supplied: Collection[Supplied]) -> tuple[SellerSummary, ...]:
    """One row a seller, of rows of one market; those who sold most first."""
    by_seller: defaultdict[str, list[Supplied]] = defaultdict(list)
    for each in supplied:
        by_seller[each.seller].append(each)
    rows = [_summary(seller, each) for seller, each in by_seller.items()]
    return tuple(sorted(rows, key=lambda row: (-row.sold_wh, row.seller)))


def _summary(seller: str, rows: Collection[Supplied]) -> SellerSummary:
    sold = [row for row in rows if row.sold_wh]
    judged = [(row.lerner_ppm, row.sold_wh) for row in sold if row.lerner_ppm is not None]
    traded = [row for row in rows if row.demand_wh]
    pivotal = [row for row in traded if row.pivotal]
    setting = [row for row in pivotal if row.sets_price]
    without = [(row, row.without) for row in traded if row.without is not None]
    still = [(row, other) for row, other in without if other.volume_wh]
    at_cost = [(row, row.at_cost) for row in traded if row.at_cost and row.at_cost.volume_wh]
    indices = [row.rsi_ppm for row in traded if row.rsi_ppm is not None]
    seconds = sum(row.lot.slot_seconds for row in traded)
    return SellerSummary(
        seller=seller,
        sold_wh=sum(row.sold_wh for row in rows),
        offered_wh=sum(row.offered_wh for row in rows),
        price=weighted_mean((row.lot.price, row.sold_wh) for row in sold),
        cost=weighted_mean((row.cost, row.sold_wh) for row in sold if row.cost is not None),
        declared=bool(sold) and all(row.declared for row in sold),
        lerner_ppm=weighted_mean(judged),
        undefined_wh=sum(row.sold_wh for row in sold) - sum(wh for _, wh in judged),
        markup=weighted_mean(
            (row.markup, row.offered_wh) for row in rows if row.markup is not None
        ),
        lots=len(traded),
        pivotal_lots=len(pivotal),
        price_setting_lots=len(setting),
        rounds=len({row.lot.round for row in traded}),
        pivotal_rounds=len({row.lot.round for row in pivotal}),
        price_setting_rounds=len({row.lot.round for row in setting}),
        hours_ppm=ppm(sum(row.lot.slot_seconds for row in setting), seconds) if seconds else 0,
        lowest_rsi_ppm=min(indices, default=None),
        mean_rsi_ppm=sum(indices) // len(indices) if indices else None,
        compared=len(still),
        price_then=weighted_mean((row.lot.price, row.demand_wh) for row, _ in still),
        price_without=weighted_mean((other.price, row.demand_wh) for row, other in still),
        lost_wh=sum(max(0, row.demand_wh - other.volume_wh) for row, other in without),
        compared_at_cost=len(at_cost),
        price_then_at_cost=weighted_mean((row.lot.price, row.demand_wh) for row, _ in at_cost),
        price_at_cost=weighted_mean((other.price, row.demand_wh) for row, other in at_cost),
    )
