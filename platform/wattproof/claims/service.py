"""Putting together what a contract needs to measure a deviation (protocol section 11).

The contract chooses the baseline days itself and checks every reading against its hash, so a claim
is either the right one or refused: whoever brings it has nothing to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from market.reference.baseline import DAYS, LOOKBACK, BaselineRule, is_weekday_counted
from wattproof.errors import NotFoundError, RefusedError
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.service import (
    DISPUTE_WINDOW_S,
    POST_WINDOW_S,
    RESOLVE_WINDOW_S,
    period_end,
)
from wattproof.meters.values import pack
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform

CLAIM_WINDOW_S = POST_WINDOW_S + DISPUTE_WINDOW_S + RESOLVE_WINDOW_S + 86_400
"""How long after a period's end its deviations can be claimed, seconds."""

GAS = 2_500_000
"""Limit for a call that brings a claim: eleven days of readings."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose meter, which day, and how its baseline is found."""

    market: int
    account: str
    carrier: int
    period: int
    since: int
    rule: BaselineRule
    published: bytes = b""


@dataclass(frozen=True, slots=True)
class Day:
    """A day that was looked at for a baseline; ``left_out`` says why it does not count."""

    period: int
    left_out: str | None = None


def rule_of(values: Mapping[str, int]) -> BaselineRule:
    """A baseline rule as the contracts and their events carry it."""
    return BaselineRule(
        kind=values["kind"],
        day_mask=values["dayMask"],
        adjust_lead=values["adjustLead"],
        adjust_slots=values["adjustSlots"],
        adjust_cap_bp=values["adjustCapBp"],
    )


def rule_on_chain(rule: BaselineRule) -> dict[str, int]:
    """The reverse of ``rule_of``."""
    return {
        "kind": rule.kind,
        "dayMask": rule.day_mask,
        "adjustLead": rule.adjust_lead,
        "adjustSlots": rule.adjust_slots,
        "adjustCapBp": rule.adjust_cap_bp,
    }


def baseline_days(platform: Platform, session: Session, subject: Subject) -> list[Day]:
    """The days before the subject's, newest first, until ten count or 45 were looked at."""
    first = max(0, subject.since, subject.period - LOOKBACK)
    periods = list(range(subject.period - 1, first - 1, -1))
    place = subject.market, subject.account, subject.carrier
    taken = platform.chain.call_many(
        ("Deviations", "taken", (*place, period)) for period in periods
    )
    device = _device(session, subject)
    days: list[Day] = []
    counted = 0
    for period, slots in zip(periods, taken, strict=True):
        if counted == DAYS:
            break
        reading = session.get(ReadingRow, (device.device, subject.market, period))
        reason = None
        if not is_weekday_counted(subject.rule, period):
            reason = "another kind of weekday"
        elif slots:
            reason = "an event or a reduction was claimed on it"
        elif reading is not None and reading.chain_status == "Void":
            reason = "its reading was declared void"
        counted += reason is None
        days.append(Day(period, reason))
    return days


def claim(platform: Platform, session: Session, subject: Subject) -> Mapping[str, Any] | None:
    """The claim as the contracts take it; None while a reading may still come or change.

    Raises:
        RefusedError: fewer than ten days can be baseline days; says which were left out and why.
        NotFoundError: the account has no meter there.
    """
    market = get_market(session, subject.market)
    device = _device(session, subject)
    days = []
    if not subject.rule.is_published:
        looked_at = baseline_days(platform, session, subject)
        days = [day.period for day in looked_at if day.left_out is None]
        if len(days) < DAYS:
            raise RefusedError(_too_few(subject, looked_at), code="too_few_baseline_days")
    values = [
        _final_values(platform, session, market, device, period)
        for period in (subject.period, *days)
    ]
    if None in values:
        return None
    return {
        "reading": values[0],
        "baselineReadings": values[1:],
        "published": subject.published,
    }


def _too_few(subject: Subject, days: list[Day]) -> str:
    left_out: dict[str, int] = {}
    for day in days:
        if day.left_out is not None:
            left_out[day.left_out] = left_out.get(day.left_out, 0) + 1
    why = "; ".join(f"{number} left out: {reason}" for reason, number in left_out.items())
    found = len(days) - sum(left_out.values())
    return (
        f"a baseline of period {subject.period} needs {DAYS} days; of the {len(days)} since period "
        f"{max(0, subject.since, subject.period - LOOKBACK)} only {found} count"
        + (f" ({why})" if why else "")
    )


def _device(session: Session, subject: Subject) -> DeviceRow:
    device = session.exec(
        select(DeviceRow).where(
            DeviceRow.market == subject.market,
            DeviceRow.account == subject.account,
            DeviceRow.carrier == subject.carrier,
        )
    ).first()
    if device is None:
        raise NotFoundError(
            f"{subject.account} has no meter for carrier {subject.carrier} of market "
            f"{subject.market}"
        )
    return device


def _final_values(
    platform: Platform, session: Session, market: MarketRow, device: DeviceRow, period: int
) -> bytes | None:
    """Packed values of a final reading, empty where there is finally none; None: not final."""
    now = platform.clock.now()
    reading = session.get(ReadingRow, (device.device, market.market, period))
    status = reading.chain_status if reading is not None else "None"
    if reading is None or status == "None":
        return b"" if now > period_end(market, period) + POST_WINDOW_S else None
    wait = {"Posted": DISPUTE_WINDOW_S, "Disputed": DISPUTE_WINDOW_S + RESOLVE_WINDOW_S}
    if status in wait and now <= reading.posted_at + wait[status]:
        return None
    return b"" if status == "Void" else pack(reading.values_wh)
