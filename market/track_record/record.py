"""The figures of an account's history: counts, sums, and ratios in millionths.

Of a carrier in a slot of a closed period, with position p and metered m (both positive to the
account): sold is -p where p < 0, and delivered min(-p, max(0, -m)); bought is p where p > 0, and
consumed min(p, max(0, m)). So what one slot has too much never makes up for another; what an
account sells to itself nets to nothing; and energy counts once, however often it was resold.
A missing value counts as the ledger counts it: a seller delivered nothing if anybody was measured
in that slot. What nobody measured, and what a buyer has no value for, counts neither way and is
shown apart.

A ratio is shown from `LEAST_PERIODS` periods on that have such energy; before, it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from market.track_record.facts import (
    AccountHistory,
    ClosedPeriod,
    DisputedReading,
    Instruction,
    InstructionStatus,
    Obligation,
    Ruling,
)
from market.units import SCALE

LEAST_PERIODS: Final = 10
WINDOWS: Final[tuple[int | None, ...]] = (30, None)
"""How many periods back figures go, from the market's latest closed one; None: all of them."""


@dataclass(frozen=True, slots=True)
class CarrierFigures:
    """One carrier; Wh. `sold_periods` and `bought_periods` are those with such energy."""

    carrier: int
    sold_periods: int
    sold_wh: int
    delivered_wh: int
    shortfall_wh: int
    delivered_ppm: int | None
    sold_unmeasured_wh: int
    bought_periods: int
    bought_wh: int
    consumed_wh: int
    consumed_ppm: int | None
    bought_unmeasured_wh: int


@dataclass(frozen=True, slots=True)
class Disputes:
    """Disputed readings of the account's own meters.

    `lost` were ruled against it (void, or replaced by values of which one shows that less was fed
    in, more drawn, or less of what was agreed was met), whoever opened them; `corrected` were
    replaced without that.
    """

    opened_by_others: int
    opened_by_itself: int
    kept: int
    lost: int
    corrected: int
    undecided: int


@dataclass(frozen=True, slots=True)
class ResponseFigures:
    """Demand response; sums are over settled events that no ruling excused."""

    instructed: int
    refused: int
    lapsed: int
    excused: int
    settled: int
    target_wh: int
    performed_wh: int
    performed_ppm: int | None
    incentive_micro: int
    penalty_micro: int


@dataclass(frozen=True, slots=True)
class Window:
    """Figures of the last `periods` periods of a market; None: of all.

    `without_reading` are closed periods with a carrier that was traded and of which no value was
    there; `exhausted` those in which imbalance took all that was held back.
    """

    periods: int | None
    closed: int
    without_reading: int
    exhausted: int
    imbalance_paid_micro: int
    imbalance_received_micro: int
    carriers: tuple[CarrierFigures, ...]
    disputes: Disputes
    response: ResponseFigures


@dataclass(frozen=True, slots=True)
class MarketRecord:
    """One market; `latest_period` is that of the whole market, None before any was closed."""

    market: int
    latest_period: int | None
    unclosed: int
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class QuotaFigures:
    """Quotas that were settled. `defaults` are those whose bond did not cover the penalty."""

    settled: int
    owed_wh: int
    surrendered_wh: int
    short: int
    shortfall_wh: int
    penalty_micro: int
    penalty_paid_micro: int
    defaults: int


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The record of an account that took part; nothing at all for one that never did."""

    account: str
    least_periods: int
    markets: tuple[MarketRecord, ...]
    quotas: QuotaFigures


def record_of(history: AccountHistory) -> TrackRecord:
    """The figures of a history; the same facts give the same figures in any order."""
    markets = {
        *(each.market for each in history.closed),
        *(market for market, _ in history.unclosed),
        *(each.market for each in history.disputes),
        *(each.market for each in history.instructions),
    }
    return TrackRecord(
        account=history.account,
        least_periods=LEAST_PERIODS,
        markets=tuple(_market(market, history) for market in sorted(markets)),
        quotas=_quotas(history.obligations),
    )


def _market(market: int, history: AccountHistory) -> MarketRecord:
    latest = history.latest.get(market)
    closed = [each for each in history.closed if each.market == market]
    disputes = [each for each in history.disputes if each.market == market]
    instructions = [each for each in history.instructions if each.market == market]
    windows = []
    for periods in WINDOWS:
        first = 0 if periods is None or latest is None else latest - periods + 1
        windows.append(
            _window(
                periods,
                [each for each in closed if each.period >= first],
                [each for each in disputes if each.period >= first],
                [each for each in instructions if each.period >= first],
            )
        )
    return MarketRecord(
        market=market,
        latest_period=latest,
        unclosed=sum(at == market for at, _ in history.unclosed),
        windows=tuple(windows),
    )


def _window(
    periods: int | None,
    closed: Sequence[ClosedPeriod],
    disputes: Sequence[DisputedReading],
    instructions: Sequence[Instruction],
) -> Window:
    carriers = sorted({each.carrier for period in closed for each in period.deliveries})
    charges = [each.charge_micro for each in closed]
    return Window(
        periods=periods,
        closed=len(closed),
        without_reading=sum(_unread(each) for each in closed),
        exhausted=sum(each.charge_micro == each.lock_micro > 0 for each in closed),
        imbalance_paid_micro=sum(max(0, charge) for charge in charges),
        imbalance_received_micro=sum(max(0, -charge) for charge in charges),
        carriers=tuple(_carrier(carrier, closed) for carrier in carriers),
        disputes=_disputes(disputes),
        response=_response(instructions),
    )


def _unread(period: ClosedPeriod) -> bool:
    traded = {each.carrier for each in period.deliveries}
    read = {each.carrier for each in period.deliveries if each.metered_wh is not None}
    return traded != read


def _carrier(carrier: int, closed: Iterable[ClosedPeriod]) -> CarrierFigures:
    sold = delivered = sold_unmeasured = sold_periods = 0
    bought = consumed = bought_unmeasured = bought_periods = 0
    for period in closed:
        sold_before, bought_before = sold, bought
        for each in period.deliveries:
            if each.carrier != carrier:
                continue
            agreed_wh, metered_wh = abs(each.position_wh), each.metered_wh
            if each.position_wh < 0:
                if metered_wh is None and not each.covered:
                    sold_unmeasured += agreed_wh
                    continue
                sold += agreed_wh
                delivered += _met(each.position_wh, metered_wh or 0)
            elif metered_wh is None:
                bought_unmeasured += agreed_wh
            else:
                bought += agreed_wh
                consumed += _met(each.position_wh, metered_wh)
        sold_periods += sold > sold_before
        bought_periods += bought > bought_before
    return CarrierFigures(
        carrier=carrier,
        sold_periods=sold_periods,
        sold_wh=sold,
        delivered_wh=delivered,
        shortfall_wh=sold - delivered,
        delivered_ppm=_ratio(delivered, sold, sold_periods),
        sold_unmeasured_wh=sold_unmeasured,
        bought_periods=bought_periods,
        bought_wh=bought,
        consumed_wh=consumed,
        consumed_ppm=_ratio(consumed, bought, bought_periods),
        bought_unmeasured_wh=bought_unmeasured,
    )


def _met(position_wh: int, metered_wh: int) -> int:
    """How much of a position the meter shows, Wh."""
    sign = 1 if position_wh > 0 else -1
    return min(sign * position_wh, max(0, sign * metered_wh))


def _ratio(part: int, whole: int, periods: int) -> int | None:
    """Millionths, rounded down; None where too few periods stand behind it."""
    return part * SCALE // whole if whole and periods >= LEAST_PERIODS else None


def _disputes(disputes: Sequence[DisputedReading]) -> Disputes:
    own = sum(each.own for each in disputes)
    lost = sum(_against(each) for each in disputes)
    replaced = sum(each.ruling is Ruling.REPLACED for each in disputes)
    void = sum(each.ruling is Ruling.VOID for each in disputes)
    return Disputes(
        opened_by_others=len(disputes) - own,
        opened_by_itself=own,
        kept=sum(each.ruling is Ruling.KEPT for each in disputes),
        lost=lost,
        corrected=replaced + void - lost,
        undecided=sum(each.ruling is Ruling.UNDECIDED for each in disputes),
    )


def _against(dispute: DisputedReading) -> bool:
    if dispute.ruling is not Ruling.REPLACED:
        return dispute.ruling is Ruling.VOID
    for slot, (posted, ruled) in enumerate(zip(dispute.posted, dispute.ruled, strict=True)):
        if posted is None:
            continue
        position = dispute.positions_wh.get(slot, 0)
        if ruled is None:
            if posted < 0 or _met(position, posted):
                return True
        elif ruled > posted or _met(position, ruled) < _met(position, posted):
            return True
    return False


def _response(instructions: Sequence[Instruction]) -> ResponseFigures:
    settled = [each for each in instructions if each.status is InstructionStatus.SETTLED]
    counted = [each for each in settled if not each.excused]
    target = sum(each.target_wh for each in counted)
    performed = sum(each.performed_wh for each in counted)
    return ResponseFigures(
        instructed=len(instructions),
        refused=sum(each.status is InstructionStatus.REFUSED for each in instructions),
        lapsed=sum(each.status is InstructionStatus.LAPSED for each in instructions),
        excused=len(settled) - len(counted),
        settled=len(settled),
        target_wh=target,
        performed_wh=performed,
        performed_ppm=_ratio(performed, target, len({each.period for each in counted})),
        incentive_micro=sum(each.incentive_micro for each in settled),
        penalty_micro=sum(each.penalty_micro for each in settled),
    )


def _quotas(obligations: Sequence[Obligation]) -> QuotaFigures:
    return QuotaFigures(
        settled=len(obligations),
        owed_wh=sum(each.owed_wh for each in obligations),
        surrendered_wh=sum(each.surrendered_wh for each in obligations),
        short=sum(each.shortfall_wh > 0 for each in obligations),
        shortfall_wh=sum(each.shortfall_wh for each in obligations),
        penalty_micro=sum(each.penalty_micro for each in obligations),
        penalty_paid_micro=sum(each.penalty_paid_micro for each in obligations),
        defaults=sum(each.penalty_paid_micro < each.penalty_micro for each in obligations),
    )
