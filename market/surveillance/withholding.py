"""Goods that are there and are not sold while others need them.

**Certificates.** For every settled round of a market of certificates and every holder of the
class:

    withheld = max(0, min(held when the round opened, held at its gate) - own need - offered low)

Own need is what the holder itself still has to show for quotas; *offered low* is what it asked for
in the round at or below the **competitive reference price** and `TOLERANCE` above it. The
reference is the holder's declared cost where there is one, else the price of the class's last
round with trade before this one; without either there is none, and everything offered counts as
offered low. What was asked above is **economic** withholding, what was not offered at all
**physical** (FERC's terms; REMIT guidance calls it capacity withholding). It only matters where
others lack it: `shortage` is what bids of others at the reference or above left unserved, or what
others have to show for a compliance period that is over and do not hold, whichever is more. A row
is *withheld against a shortage* where at least half of what could be spared was kept back, others
lacked it, and the holder had `SHARE` of all that was held, or more: without size nobody moves a
price.

**Output.** A seller of energy with a meter is compared with what the meter can measure in a slot,
`capacity * slot`: what it did not sell before and does not offer now is idle. The sun does not
shine on a meter's capacity: idle is no accusation, and counts as **idle at a profit** only with a
declared cost below the settled price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from market.surveillance.costs import Costs
from market.surveillance.ratios import PPM, ppm
from market.surveillance.stock import CertificateClass, Stock
from market.surveillance.supply import Supplied
from market.surveillance.trading import SettledRound

TOLERANCE = 250_000
SHARE = 100_000
PERSISTENT = 2
_SECONDS_AN_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class CertificatesWithheld:
    """A holder in a round; Wh, prices in nano per kWh. `reference` None: none is known."""

    market: int
    round: int
    kind: CertificateClass
    account: str
    held_wh: int
    share_ppm: int
    own_need_wh: int
    offered_wh: int
    offered_low_wh: int
    sold_wh: int
    reference: int | None
    physical_wh: int
    economic_wh: int
    shortage_wh: int

    @property
    def withheld_wh(self) -> int:
        return self.physical_wh + self.economic_wh

    @property
    def against_shortage(self) -> bool:
        """Whether it kept back at least half of what it could spare, others lacked it, and it had
        enough to matter."""
        spare = max(0, self.held_wh - self.own_need_wh)
        kept = self.withheld_wh > 0 and 2 * self.withheld_wh >= spare
        return kept and self.shortage_wh > 0 and self.share_ppm >= SHARE


@dataclass(frozen=True, slots=True)
class OutputIdle:
    """A seller's meter against its offers over all lots in which it offered, Wh."""

    market: int
    account: str
    carrier: int
    available_wh: int
    offered_wh: int
    idle_wh: int
    idle_at_profit_wh: int
    lots: int


def certificates_withheld(
    rounds: Collection[SettledRound], stock: Stock, costs: Costs
) -> Iterator[CertificatesWithheld]:
    """Every holder with something to sell in every round of a market of certificates."""
    last: dict[CertificateClass, int] = {}
    for settled in sorted(rounds, key=lambda each: (each.gate_at, each.key)):
        market, number = settled.key
        kind = stock.traded(market, settled.book.grid.first_slot)
        if kind is None:
            continue
        at_opening, at_gate = settled.opened_at, settled.gate_at
        held = {
            account: min(
                stock.held(account, kind, at_opening).total_wh,
                stock.held(account, kind, at_gate).total_wh,
            )
            for account in stock.holders(kind)
        }
        total = sum(held.values())
        asks, bids = _Asks(settled), _Bids(settled)
        due = stock.due(kind, at_gate)
        all_due = sum(due.values())
        for account, mine in held.items():
            if mine <= 0:
                continue
            curve = costs.of(account, market, 0, tokenised=True)
            reference = last.get(kind) if curve is None else curve.marginal(mine)
            asked = asks.of(account)
            low = sum(wh for price, wh, _ in asked if _is_low(price, reference))
            offered = sum(wh for _, wh, _ in asked)
            need = stock.need(account, kind, at_gate)
            spare = max(0, mine - need)
            yield CertificatesWithheld(
                market=market,
                round=number,
                kind=kind,
                account=account,
                held_wh=mine,
                share_ppm=ppm(mine, total),
                own_need_wh=need,
                offered_wh=offered,
                offered_low_wh=low,
                sold_wh=sum(filled for _, _, filled in asked),
                reference=reference,
                physical_wh=max(0, spare - offered),
                economic_wh=max(0, min(spare, offered) - low),
                shortage_wh=max(
                    bids.unserved(account, reference),
                    all_due - due.get(account, 0),
                ),
            )
        if not settled.clearing.indicative[0]:
            last[kind] = settled.clearing.prices[0]


def outputs_idle(
    supplied: Collection[Supplied], costs: Costs, capacity_w: Mapping[tuple[int, str, int], int]
) -> tuple[OutputIdle, ...]:
    """By seller of energy with a meter; `capacity_w` by market, account and carrier."""
    sold: defaultdict[tuple[int, str, int], int] = defaultdict(int)
    rows: defaultdict[tuple[int, str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for each in sorted(supplied, key=lambda row: (row.lot.gate_at, row.lot.round)):
        lot = each.lot
        place = lot.market, each.seller, lot.product.carrier
        if place not in capacity_w:
            continue
        # A slot is traded in several rounds: what was sold of it before is not idle.
        slot = lot.market, each.seller, lot.product.id
        available = capacity_w[place] * lot.slot_seconds // _SECONDS_AN_HOUR
        left = max(0, available - sold[slot])
        idle = max(0, left - each.offered_wh)
        curve = costs.of(each.seller, lot.market, lot.product.carrier, tokenised=False)
        gains = (
            curve is not None
            and each.demand_wh > 0
            and lot.price > curve.marginal(sold[slot] + each.offered_wh)
        )
        rows[place].append((available, each.offered_wh, idle, idle if gains else 0))
        sold[slot] += each.sold_wh
    return tuple(
        OutputIdle(
            market=market,
            account=account,
            carrier=carrier,
            available_wh=sum(row[0] for row in each),
            offered_wh=sum(row[1] for row in each),
            idle_wh=sum(row[2] for row in each),
            idle_at_profit_wh=sum(row[3] for row in each),
            lots=len(each),
        )
        for (market, account, carrier), each in sorted(rows.items())
    )


class _Asks:
    """Ask, counted and filled Wh of every account's offers; a market of tokens has one product."""

    def __init__(self, settled: SettledRound) -> None:
        self._by_account: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for signed, maximum, fill in zip(
            settled.book.orders, settled.maxima, settled.clearing.fills, strict=True
        ):
            if signed.order.sells and maximum:
                self._by_account[signed.order.trader].append((-signed.order.limit, maximum, fill))

    def of(self, account: str) -> list[tuple[int, int, int]]:
        return self._by_account.get(account, [])


class _Bids:
    """What was bid for and not served, Wh."""

    def __init__(self, settled: SettledRound) -> None:
        self._price = settled.clearing.prices[0]
        self._left = [
            (signed.order.limit, signed.order.trader, maximum - fill)
            for signed, maximum, fill in zip(
                settled.book.orders, settled.maxima, settled.clearing.fills, strict=True
            )
            if not signed.order.sells and maximum > fill
        ]
        self._sums: dict[int, tuple[int, dict[str, int]]] = {}

    def unserved(self, account: str, reference: int | None) -> int:
        """Of others, at the reference or above; at the settled price where there is none."""
        floor = self._price if reference is None else reference
        if floor not in self._sums:
            own: defaultdict[str, int] = defaultdict(int)
            for limit, trader, wh in self._left:
                if limit >= floor:
                    own[trader] += wh
            self._sums[floor] = sum(own.values()), own
        total, own_of = self._sums[floor]
        return total - own_of.get(account, 0)


def _is_low(price: int, reference: int | None) -> bool:
    if reference is None:
        return True
    return (price - reference) * PPM <= abs(reference) * TOLERANCE
