"""The supervisor's report: everything that is measured, of all markets, and what stands out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from market.surveillance.cancelled import Cancelled, cancellations
from market.surveillance.concentration import Concentration
from market.surveillance.costs import Costs
from market.surveillance.identities import Declared, Identities, Link, identify
from market.surveillance.ratios import ppm, weighted_mean
from market.surveillance.stock import ClassStock, Stock
from market.surveillance.supply import SellerSummary, Supplied, Supply, summarise
from market.surveillance.trading import SettledRound, Trading, Units
from market.surveillance.wash import RoundTrip, Washed, round_trips, washes
from market.surveillance.withholding import (
    CertificatesWithheld,
    OutputIdle,
    certificates_withheld,
    outputs_idle,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is looked at, from the chain and from the regulator's files.

    `rounds`: settled ones alone; `links`, `officials` and `stock` up to the same block. `networks`
    are accounts that move energy between zones; `capacity_w` meters by market, account and carrier;
    `accounts` are those that hold or owe something without an order.
    """

    rounds: tuple[SettledRound, ...]
    links: tuple[Link, ...] = ()
    officials: Mapping[str, str] = field(default_factory=dict)
    networks: frozenset[str] = frozenset()
    stock: Stock = field(default_factory=Stock)
    capacity_w: Mapping[tuple[int, str, int], int] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    declared: tuple[Declared, ...] = ()


@dataclass(frozen=True, slots=True)
class MarketReport:
    """One market. `price` is the mean by volume, nano per kWh, None without trade; `lots` are
    products of rounds with trade, of which `connected` orders of several legs touch. `lerner_ppm`
    is the mean over all sales that have an index, `at_declared_cost_ppm` the share of these that
    rests on declared costs. `sellers` by account, `groups` the same for groups of related
    accounts; `supplied` is every seller in every lot (accounts, then groups)."""

    market: int
    tokenised: bool
    rounds: int
    first_round: int
    last_round: int
    lots: int
    connected: int
    volume_wh: int
    price: int | None
    lerner_ppm: int | None
    at_declared_cost_ppm: int
    sold: Concentration
    sold_by_group: Concentration
    sellers: tuple[SellerSummary, ...]
    groups: tuple[SellerSummary, ...]
    supplied: tuple[Supplied, ...]
    supplied_by_groups: tuple[Supplied, ...]
    washed: tuple[Washed, ...]
    round_trips: tuple[RoundTrip, ...]
    cancelled: tuple[Cancelled, ...]
    idle: tuple[OutputIdle, ...]
    withheld: tuple[CertificatesWithheld, ...]


@dataclass(frozen=True, slots=True)
class SurveillanceReport:
    """`names` are what the regulator's files call accounts."""

    markets: tuple[MarketReport, ...]
    identities: Identities
    stock: tuple[ClassStock, ...]
    names: Mapping[str, str]


def survey(observed: Observed) -> SurveillanceReport:
    """The report of what was observed; the same observations give the same report."""
    traders = {signed.order.trader for each in observed.rounds for signed in each.book.orders}
    holders = {change.account for change in observed.stock.changes}
    obliged = {need.account for need in observed.stock.needs}
    accounts = (traders | holders | obliged) - observed.networks
    identities = identify(
        observed.links,
        accounts,
        declared=observed.declared,
        officials=observed.officials,
    )
    by_market: dict[int, list[SettledRound]] = {}
    for settled in sorted(observed.rounds, key=lambda each: each.key):
        by_market.setdefault(settled.key[0], []).append(settled)
    group_of = dict(identities.group_of)
    return SurveillanceReport(
        markets=tuple(
            _market(number, rounds, observed, group_of) for number, rounds in by_market.items()
        ),
        identities=identities,
        stock=observed.stock.at_end(group_of),
        names=observed.costs.names,
    )


def _market(
    number: int,
    rounds: Collection[SettledRound],
    observed: Observed,
    group_of: Mapping[str, str],
) -> MarketReport:
    trading = Trading.of(rounds)
    tokenised = any(each.tokenised for each in rounds)
    tokens = (number,) if tokenised else ()
    alone, grouped = Units.accounts(trading), Units.groups(trading, group_of)
    supplied = tuple(Supply(trading, alone, observed.costs, tokens, observed.networks))
    together = set(group_of.values())
    by_groups = tuple(
        each
        for each in Supply(trading, grouped, None, tokens, observed.networks)
        if each.seller in together
    )
    turnover = trading.turnover(alone.of_account)
    bought = turnover.by_lot(turnover.bought_wh, len(trading.lots))
    sold = Concentration.of((each.seller, each.sold_wh) for each in supplied)
    traded = [(lot, wh) for lot, wh in zip(trading.lots, bought, strict=True) if wh]
    numbers = [each.key[1] for each in rounds]
    judged = [(e.lerner_ppm, e.sold_wh, e.declared) for e in supplied if e.lerner_ppm is not None]
    judged_wh = sum(wh for _, wh, _ in judged)
    declared_wh = sum(wh for _, wh, declared in judged if declared)
    return MarketReport(
        market=number,
        tokenised=tokenised,
        rounds=len(rounds),
        first_round=min(numbers),
        last_round=max(numbers),
        lots=len(traded),
        connected=sum(lot.connected for lot, _ in traded),
        volume_wh=sum(wh for _, wh in traded),
        price=weighted_mean((lot.price, wh) for lot, wh in traded),
        lerner_ppm=weighted_mean((index, wh) for index, wh, _ in judged),
        at_declared_cost_ppm=ppm(declared_wh, judged_wh) if judged_wh else 0,
        sold=sold,
        sold_by_group=sold.grouped(group_of),
        sellers=summarise(supplied),
        groups=summarise(by_groups),
        supplied=supplied,
        supplied_by_groups=by_groups,
        washed=tuple(washes(trading, grouped, observed.networks)),
        round_trips=round_trips(trading, observed.networks),
        cancelled=cancellations(rounds),
        idle=() if tokenised else outputs_idle(supplied, observed.costs, observed.capacity_w),
        withheld=tuple(certificates_withheld(rounds, observed.stock, observed.costs)),
    )


def in_range(
    rounds: Iterable[SettledRound],
    *,
    market: int | None = None,
    rounds_from: int | None = None,
    rounds_to: int | None = None,
    gate_from: int | None = None,
    gate_to: int | None = None,
) -> tuple[SettledRound, ...]:
    """Rounds of a market with numbers and gates within bounds, both included; None: no bound."""
    return tuple(
        each
        for each in rounds
        if (market is None or each.key[0] == market)
        and (rounds_from is None or each.key[1] >= rounds_from)
        and (rounds_to is None or each.key[1] <= rounds_to)
        and (gate_from is None or each.gate_at >= gate_from)
        and (gate_to is None or each.gate_at <= gate_to)
    )
