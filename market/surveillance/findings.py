"""What stands out, in plain sentences. A finding asks a question; it convicts nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from market.surveillance.concentration import HIGHLY_CONCENTRATED, Concentration
from market.surveillance.identities import Group
from market.surveillance.ratios import PPM, ppm, weighted_mean
from market.surveillance.report import MarketReport, SurveillanceReport
from market.surveillance.stock import CertificateClass
from market.surveillance.supply import SellerSummary
from market.surveillance.wash import Washed
from market.surveillance.withholding import PERSISTENT, CertificatesWithheld
from market.surveillance.wording import energy, named, percent, price, times

CROSSING_SHARE = 50_000
"""Millionths of a market's trade from which an account that crossed its own orders is named."""

MARKUP_EFFECT = 50_000
"""Millionths of the price that a seller's mark-up must have added to be a finding."""
IDLE_AT_PROFIT = 100_000
"""Millionths of what its meter could have measured."""


class FindingKind(StrEnum):
    """What a finding is about, gravest first."""

    WASH = "wash_trades"
    ROUND_TRIP = "round_trips"
    WITHHOLDING = "withholding"
    PIVOTAL = "pivotal_supplier"
    MARKUP = "mark_up"
    IDLE = "idle_output"
    CANCELLATIONS = "cancellations"
    CONCENTRATION = "concentration"


@dataclass(frozen=True, slots=True)
class Finding:
    """`market` is None where it is not about one; `accounts` whom it is about."""

    kind: FindingKind
    market: int | None
    accounts: tuple[str, ...]
    sentence: str


def findings_of(report: SurveillanceReport) -> tuple[Finding, ...]:
    """All findings: by kind, then market, then the order of the report."""
    found = [each for market in report.markets for each in _of_market(report, market)]
    found += _held(report)
    order = list(FindingKind)
    return tuple(sorted(found, key=lambda finding: order.index(finding.kind)))


def _of_market(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    yield from _washes(report, market)
    yield from _round_trips(report, market)
    yield from _withheld(report, market)
    for seller in (*market.groups, *market.sellers):
        yield from _pivotal(report, market, seller)
    for seller in market.sellers:
        yield from _markup(report, market, seller)
    yield from _idle(report, market)
    yield from _cancellations(report, market)
    where = f"Market {market.market}: sales"
    yield from _concentrated(market.market, where, market.sold, market.sold_by_group)


def _accounts(report: SurveillanceReport, who: str) -> tuple[str, ...]:
    return next((g.accounts for g in report.identities.groups if g.name == who), (who,))


def _who(report: SurveillanceReport, who: str) -> str:
    """An account by its name, if the regulator gave one; a group with its accounts."""
    for group in report.identities.groups:
        if group.name == who:
            members = ", ".join(named(account, report.names) for account in group.accounts)
            return f"{_group(group)} ({members})"
    return named(who, report.names)


def _group(group: Group) -> str:
    return group.name[:1].upper() + group.name[1:]


def _pivotal(
    report: SurveillanceReport, market: MarketReport, seller: SellerSummary
) -> Iterator[Finding]:
    if not seller.price_setting_lots:
        return
    accounts = _accounts(report, seller.seller)
    # A group adds nothing to what one of its accounts does alone.
    alone = [each.price_setting_lots for each in market.sellers if each.seller in accounts]
    if len(accounts) > 1 and seller.price_setting_lots == max(alone, default=0):
        return
    text = (
        f"{_who(report, seller.seller)} could set the price in {seller.price_setting_rounds} of "
        f"{times(seller.rounds, 'round')} of market {market.market} in which it offered: without "
        "its offers the demand that was served could not have been met "
        f"({seller.price_setting_lots} of {times(seller.lots, 'product')}, "
        f"{percent(seller.hours_ppm)} of the hours)."
    )
    lost = energy(seller.lost_wh)
    if seller.price_without is not None and seller.price_then is not None:
        without, then = price(seller.price_without), price(seller.price_then)
        changed = "the same" if without == then else f"{without} instead of {then} a kWh"
        text += f" Cleared again without them, the mean price would have been {changed}"
        text += f", and {lost} less would have been traded." if seller.lost_wh else "."
    elif seller.lost_wh:
        text += f" Without them {lost} less would have been traded."
    for group in report.identities.groups:
        if group.name == seller.seller:
            text += _how_sure(report, group)
    yield Finding(FindingKind.PIVOTAL, market.market, accounts, text)


def _markup(
    report: SurveillanceReport, market: MarketReport, seller: SellerSummary
) -> Iterator[Finding]:
    then, at_cost = seller.price_then_at_cost, seller.price_at_cost
    if then is None or at_cost is None or (then - at_cost) * PPM < abs(then) * MARKUP_EFFECT:
        return
    if then <= at_cost:
        return
    text = (
        f"Had {_who(report, seller.seller)} asked its declared marginal cost in market "
        f"{market.market}, the mean price would have been {price(at_cost)} instead of "
        f"{price(then)} a kWh (over {times(seller.compared_at_cost, 'product')})"
    )
    if seller.markup is not None:
        text += f"; it asked {price(seller.markup)} a kWh above its cost on average"
    yield Finding(FindingKind.MARKUP, market.market, (seller.seller,), text + ".")


def _idle(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    for idle in market.idle:
        if idle.idle_at_profit_wh * PPM < idle.available_wh * IDLE_AT_PROFIT:
            continue
        if not idle.idle_at_profit_wh:
            continue
        share = ppm(idle.idle_at_profit_wh, idle.available_wh)
        yield Finding(
            FindingKind.IDLE,
            market.market,
            (idle.account,),
            f"{_who(report, idle.account)} did not offer {energy(idle.idle_at_profit_wh)} in "
            f"market {market.market} that its meter could have measured, at prices above its "
            f"declared cost ({percent(share)} of {energy(idle.available_wh)}). Whether it was able "
            "to produce it, the chain does not say.",
        )


def _withheld(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    """By holder: a vintage is often traded once, and the next one by the same accounts."""
    by_holder: defaultdict[str, list[CertificatesWithheld]] = defaultdict(list)
    for row in market.withheld:
        by_holder[row.account].append(row)
    for account, rows in sorted(by_holder.items()):
        kept = [row for row in rows if row.against_shortage]
        if len(kept) < PERSISTENT:
            continue
        worst = max(kept, key=lambda row: (row.withheld_wh, -row.round))
        text = (
            f"{_who(report, account)} kept back certificates in {len(kept)} of "
            f"{times(len(rows), 'round')} of market {market.market} while others lacked them. In "
            f"round {worst.round}, of {_class(worst.kind)}, it held {energy(worst.held_wh)} "
            f"({percent(worst.share_ppm)} of the class), needed {energy(worst.own_need_wh)} "
            f"itself, and kept {energy(worst.withheld_wh)}"
        )
        if worst.economic_wh and worst.reference is not None:
            text += (
                f", {energy(worst.economic_wh)} of it by asking more than "
                f"{price(worst.reference)} a kWh and a quarter"
            )
        text += f"; others lacked {energy(worst.shortage_wh)}."
        yield Finding(FindingKind.WITHHOLDING, market.market, (account,), text)


def _washes(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    by_unit: defaultdict[str, list[Washed]] = defaultdict(list)
    for row in market.washed:
        by_unit[row.who].append(row)
    groups = {group.name: group for group in report.identities.groups}
    for who, rows in sorted(by_unit.items()):
        wash = sum(row.wash_wh for row in rows)
        rounds = sorted({row.lot.round for row in rows})
        effect = weighted_mean(
            (row.price_effect, row.traded_wh) for row in rows if row.price_effect is not None
        )
        share = ppm(wash, market.volume_wh)
        if who not in groups and share < CROSSING_SHARE:
            continue
        text = (
            f"{_who(report, who)} bought {energy(wash)} from itself in market {market.market}, in "
            f"{times(len(rounds), 'round')} ({_listed(rounds)}): {percent(share)} of what the "
            "market traded."
        )
        if effect is not None:
            moved = "left the price as it was" if effect == 0 else "moved the mean price there by "
            text += f" This {moved}{'' if effect == 0 else price(effect) + ' a kWh'}."
        text += (
            _how_sure(report, groups[who])
            if who in groups
            else " Whoever produces and consumes may bid both in full; its meters say if it did."
        )
        yield Finding(FindingKind.WASH, market.market, _accounts(report, who), text)


def _how_sure(report: SurveillanceReport, group: Group) -> str:
    text = ""
    if group.confidence_ppm < PPM:
        text += (
            " Its accounts are joined by payments and the like, not by ownership "
            f"(confidence {percent(group.confidence_ppm)})."
        )
    if group.passive:
        others = ", ".join(named(account, report.names) for account in group.passive)
        text += f" All that joins {others} to it was done by others, and could be without its will."
    return text


def _round_trips(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    for trip in market.round_trips:
        yield Finding(
            FindingKind.ROUND_TRIP,
            market.market,
            (trip.first, trip.second),
            f"{named(trip.first, report.names)} and {named(trip.second, report.names)} passed "
            f"{energy(trip.wh)} to each other and back in market {market.market}, over "
            f"{times(len(trip.rounds), 'round')} ({_listed(trip.rounds)}) and "
            f"{times(len(trip.products), 'product')}: {percent(trip.share_ppm)} of what the busier "
            "of them traded of these.",
        )


def _cancellations(report: SurveillanceReport, market: MarketReport) -> Iterator[Finding]:
    for each in market.cancelled:
        if not each.repeated:
            continue
        text = (
            f"{named(each.account, report.names)} cancelled orders by a new epoch, after they had "
            f"been taken, in {len(each.rounds)} of {times(each.all_rounds, 'round')} of market "
            f"{each.market} ({energy(each.sell_wh)} to sell, {energy(each.buy_wh)} to buy)"
        )
        if each.opposite_rounds:
            text += f"; in {len(each.opposite_rounds)} of them it traded on the other side"
        yield Finding(FindingKind.CANCELLATIONS, each.market, (each.account,), text + ".")


def _concentrated(
    market: int | None, where: str, alone: Concentration, grouped: Concentration
) -> Iterator[Finding]:
    if alone.hhi is None or grouped.hhi is None or grouped.hhi <= HIGHLY_CONCENTRATED:
        return
    text = f"{where} are highly concentrated: HHI {alone.hhi:,}"
    if grouped.hhi != alone.hhi:
        text += f", {grouped.hhi:,} with related accounts as one"
    top = grouped.shares[0]
    text += f"; the greatest share is {percent(top.share_ppm)}."
    yield Finding(FindingKind.CONCENTRATION, market, (), text)


def _held(report: SurveillanceReport) -> Iterator[Finding]:
    for stock in report.stock:
        where = f"Certificates of {_class(stock.kind)} that are held"
        yield from _concentrated(None, where, stock.by_account, stock.by_group)


def _class(kind: CertificateClass) -> str:
    return f"technology {kind.technology}, vintage {kind.vintage}, zone {kind.zone}"


def _listed(numbers: Iterable[int], shown: int = 6) -> str:
    each = [str(number) for number in numbers]
    more = f" and {len(each) - shown} more" if len(each) > shown else ""
    return ", ".join(each[:shown]) + more
