"""A vintage on the certificate platform: holders offer, the obliged bid, one seller holds back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from market.bid import Bid
from market.green_quota import CERTIFICATES
from market.green_quota.certificate_bids import (
    CertificateNeed,
    certificate_ask,
    certificate_bids,
    countable_wh,
    reservation_price_per_kwh,
    withheld_wh,
)
from market.green_quota.rules import CERTIFICATE_RULES, VINTAGE_SECONDS
from wattproof.certificates import transactions as certificates
from wattproof.certificates.transactions import Amount
from wattproof.demo import cast as casting
from wattproof.demo import trading
from wattproof.demo.quota.certifying import Holding, holdings, of_vintages, total_wh
from wattproof.demo.quota.government import OpenQuota
from wattproof.demo.quota.participants import TECHNOLOGY, Joined
from wattproof.demo.quota.scene import Obliged, Scene
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.quotas import service as quotas

_LEFT_OVER_SHARE = 0.35
"""Of the penalty: what the obliged reckon that a certificate is worth under the next quota."""
_LATER_SHARE = 0.5
"""Of the last price: what holders reckon that they could get for one later."""
_INTEREST = 0.05
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class CertificateMonth:
    """A vintage on the certificate platform.

    Attributes:
        held_wh: what every seller held of the vintage before the round.
        withheld_wh: what it did not offer of that.
        bids: all that was asked for and offered, as it was signed.
        whole: the same if nobody had held anything back.
    """

    traded: TradedRound
    held_wh: Mapping[str, int]
    withheld_wh: Mapping[str, int]
    bids: Sequence[Bid]
    whole: Sequence[Bid]

    @property
    def price_per_kwh(self) -> float:
        """What certificates of the vintage cost, tokens per kWh."""
        return self.traded.settlement.clearing.prices[0] / _NANO

    @property
    def sold_wh(self) -> int:
        """How many changed hands."""
        settled = self.traded.settlement
        return sum(
            fill
            for each, fill in zip(settled.book.orders, settled.clearing.fills, strict=True)
            if each.order.legs[0].coefficient > 0
        )

    @property
    def is_sold_out(self) -> bool:
        """Whether everything on offer found a buyer."""
        return self.sold_wh == -sum(bid.energy_wh for bid in self.bids if bid.energy_wh < 0)


def sell(
    stage: Stage,
    joined: Joined,
    scene: Scene,
    year: Year,
    vintage: int,
    quota: OpenQuota,
    last_price_per_kwh: float,
) -> CertificateMonth:
    """Offer what is held of the vintage, and trade it in one round."""
    cast, market = joined.cast, joined.certificates
    period = year.period(vintage)
    sellers = [*(park.name for park in scene.wind), scene.store.name]
    with stage.platform.transaction() as session:
        stock = {
            name: of_vintages(holdings(session, cast[name]), range(period, period + 1))
            for name in sellers
        }
    held = {name: total_wh(own) for name, own in stock.items() if total_wh(own) > 0}
    wanted = [
        bid
        for obliged in quota.plan.obliged
        for bid in _wanted(stage, joined, year, vintage, quota, obliged)
    ]
    reservation = reservation_price_per_kwh(
        {float(VINTAGE_SECONDS): _LATER_SHARE * last_price_per_kwh}, interest=_INTEREST
    )
    back = {
        park.name: _held_back(held, park.name, reservation, wanted)
        for park in scene.wind
        if vintage < park.withholds and park.name in held
    }
    asks = [
        certificate_ask(name, wh, reservation, withheld_wh=back.get(name, 0))
        for name, wh in held.items()
        if back.get(name, 0) < wh
    ]
    whole = [certificate_ask(name, wh, reservation) for name, wh in held.items()]
    for ask in asks:
        _offer(stage, joined, year.slot(vintage), ask.owner_id, stock[ask.owner_id], -ask.energy_wh)
    bids = (*asks, *wanted)
    manifest = CERTIFICATES[TECHNOLOGY]
    casting.set_margins_aside(stage, cast, market, manifest, bids, f"certificates {vintage}")
    opened = trading.open_round(
        stage,
        market,
        gate_at=stage.now() + trading.GATE_LEAD_S,
        first_slot=year.slot(vintage),
        slots=1,
    )
    signed, receipts = trading.hand_in(stage, cast, opened, bids)
    traded = trading.settle(stage, opened, CERTIFICATE_RULES, signed, receipts)
    return CertificateMonth(
        traded, held, {name: back.get(name, 0) for name in held}, bids, (*whole, *wanted)
    )


def _wanted(
    stage: Stage,
    joined: Joined,
    year: Year,
    vintage: int,
    quota: OpenQuota,
    obliged: Obliged,
) -> tuple[Bid, ...]:
    """What an obliged account bids, by what it owes so far and what it holds that counts."""
    plan, member = quota.plan, joined.cast[obliged.name]
    first, latest = year.period(plan.vintages[0]), year.period(vintage)
    with stage.platform.transaction() as session:
        owed = quotas.get_obligation(session, quota.number, member.address).owed_wh
        of_latest = next(
            report.energy_wh
            for report in quotas.reports(session, quota.number, member.address)
            if report.period == latest
        )
        held = holdings(session, member)
    counted = countable_wh(
        total_wh(of_vintages(held, range(first, latest + 1))),
        total_wh(of_vintages(held, range(first))),
        owed,
        plan.bank_limit,
    )
    need = CertificateNeed(
        least_owed_wh=owed,
        most_owed_wh=round(owed * (1.0 + obliged.ahead)),
        held_wh=counted,
        penalty_per_kwh=plan.penalty_per_kwh,
        later_worth_per_kwh=_LEFT_OVER_SHARE * plan.penalty_per_kwh,
    )
    at_most = None
    if obliged.thrift < 1.0:
        at_most = int(obliged.thrift * of_latest * obliged.ratio / 1e6)
    return certificate_bids(obliged.name, need, at_most_wh=at_most)


def _held_back(
    held: Mapping[str, int], name: str, reservation: float, wanted: Sequence[Bid]
) -> int:
    """What pays to hold back against the demand that the others' offers leave."""
    others = sum(wh for other, wh in held.items() if other != name)
    left: list[Bid] = []
    for bid in sorted(wanted, key=lambda bid: -bid.price_nano_per_kwh):
        served = min(others, bid.energy_wh)
        others -= served
        if bid.energy_wh > served:
            left.append(Bid(bid.owner_id, bid.slot, bid.energy_wh - served, bid.price_nano_per_kwh))
    return withheld_wh(held[name], reservation, left)


def _offer(
    stage: Stage, joined: Joined, slot: int, name: str, stock: Sequence[Holding], wh: int
) -> None:
    """Put certificates up for sale, oldest interval first, as many as are asked for."""
    amounts: list[Amount] = []
    for each in stock:
        amount = min(each.amount_wh, wh)
        if amount > 0:
            amounts.append(Amount(each.batch.batch, amount))
            wh -= amount
    call = certificates.offer(stage.platform, joined.certificates, slot, amounts)
    stage.queue(joined.cast[name].address, call)
