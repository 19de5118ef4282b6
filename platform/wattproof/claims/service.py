"""Putting together what a contract needs to measure a deviation (protocol section 11).

The contract chooses the baseline days itself and checks every reading against its hash, so a claim
is either the right one or refused: whoever brings it has nothing to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from market.baseline import ChosenDays, History, TooFewBaselineDaysError, choose_days
from market.reference.baseline import DAYS, LOOKBACK, BaselineRule
from wattproof.errors import NotFoundError, RefusedError
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.service import (
    DISPUTE_WINDOW_S,
    POST_WINDOW_S,
    RESOLVE_WINDOW_S,
    final_values,
)
from wattproof.rounds.facts import get_market
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
class Preview:
    """A baseline as it would be found now, before the same-day adjustment.

    Attributes:
        periods: the ten days, newest first.
        left_out: why later days than the last of them do not count, by period.
        mean_wh: of the ten days, Wh a slot of the period; what is missing counts 0.
    """

    periods: tuple[int, ...]
    left_out: Mapping[int, str]
    mean_wh: tuple[int, ...]


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


def preview(platform: Platform, session: Session, subject: Subject) -> Preview:
    """Which days would make the subject's baseline, and their mean.

    Raises:
        RefusedError: fewer than ten days count; says which were left out and why.
        NotFoundError: the account has no meter there.
    """
    history = _history(platform, session, subject, _device(session, subject))
    days = _days(subject, history)
    slots = int(get_market(session, subject.market).params["periodSlots"])
    sums = [0] * slots
    for period in days.periods:
        for slot, energy_wh in enumerate(history.readings.get(period, ())):
            sums[slot] += energy_wh or 0
    return Preview(days.periods, days.skipped, tuple(total // DAYS for total in sums))


def claim(platform: Platform, session: Session, subject: Subject) -> Mapping[str, Any] | None:
    """The claim as the contracts take it; None while a reading may still come or change.

    Raises:
        RefusedError: fewer than ten days can be baseline days; says which were left out and why.
        NotFoundError: the account has no meter there.
    """
    market = get_market(session, subject.market)
    device = _device(session, subject)
    now = platform.clock.now()
    reading = final_values(session, market, device, subject.period, now)
    if reading is None:
        return None
    days: tuple[int, ...] = ()
    if not subject.rule.is_published:
        days = _days(subject, _history(platform, session, subject, device)).periods
    baseline = [final_values(session, market, device, period, now) for period in days]
    if None in baseline:
        return None
    return {
        "reading": reading,
        "baselineReadings": baseline,
        "published": subject.published,
    }


def _days(subject: Subject, history: History) -> ChosenDays:
    try:
        return choose_days(subject.rule, history, subject.period)
    except TooFewBaselineDaysError as error:
        raise RefusedError(str(error), code="too_few_baseline_days") from error


def _history(platform: Platform, session: Session, subject: Subject, device: DeviceRow) -> History:
    """What the chain has of the days before the subject's."""
    first = max(0, subject.period - LOOKBACK)
    periods = range(first, subject.period)
    taken = platform.chain.call_many(
        ("Deviations", "taken", (subject.market, subject.account, subject.carrier, period))
        for period in periods
    )
    rows = session.exec(
        select(ReadingRow).where(
            ReadingRow.device == device.device,
            ReadingRow.market == subject.market,
            ReadingRow.period >= first,
            ReadingRow.period < subject.period,
        )
    ).all()
    return History(
        readings={row.period: row.values_wh for row in rows if row.chain_status != "None"},
        claimed=frozenset(period for period, slots in zip(periods, taken, strict=True) if slots),
        void=frozenset(row.period for row in rows if row.chain_status == "Void"),
        since=subject.since,
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
