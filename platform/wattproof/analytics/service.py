"""Load of many accounts, released once, for good, and paid for in privacy.

A release is stored with its answer in one transaction with its charges: whoever asks again, also
after a crash, gets the same answer and pays nothing. Noise that was drawn and not stored was shown
to nobody.

Whether a question is answered never depends on readings: only on what is registered on the chain,
on the time, and on earlier releases. It waits until no reading of the period can change any more,
so that it makes no difference who was late or disputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, insert
from sqlmodel import Session, col, select

from wattproof.analytics import budget
from wattproof.analytics.contribution import Meter, Meters, bound_wh
from wattproof.analytics.models import ChargeRow, ReleaseRow
from wattproof.analytics.noise import mechanism
from wattproof.certificates.models import CertifiedDeviceRow
from wattproof.errors import InvalidError, RefusedError
from wattproof.indexer.models import BlockRow
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.service import (
    DISPUTE_WINDOW_S,
    POST_WINDOW_S,
    RESOLVE_WINDOW_S,
    period_end,
)
from wattproof.privacy.models import ErasureRow
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform

ALL_ZONES: Final = -1
FINAL_AFTER_S: Final = POST_WINDOW_S + DISPUTE_WINDOW_S + RESOLVE_WINDOW_S
"""From the end of a period until its last reading is final, or finally not there."""
_NEVER: Final = ("None", "Void")


@dataclass(frozen=True, slots=True)
class Question:
    """What an analyst asks for.

    Attributes:
        zone: of certified devices, the only ones whose zone is known; None: all devices.
        slots_a_value: how many slots a sum is over; divides those of the period.
        clamp_w: no device counts for more; None: up to its capacity.
        epsilon_milli: what to pay, thousandths of epsilon; more of it, less noise.
    """

    market: int
    period: int
    carrier: int
    zone: int | None
    slots_a_value: int
    clamp_w: int | None
    epsilon_milli: int


def ask(platform: Platform, session: Session, question: Question, *, analyst: str) -> ReleaseRow:
    """The release that answers a question: the stored one, or a new one that is paid for.

    Raises:
        NotFoundError: no such market.
        InvalidError: no such carrier, zone or number of slots, or a bound below one Wh a slot.
        RefusedError: readings can still change (``not_final``), too few accounts
            (``too_few_accounts``), or not enough budget (``budget_spent``).
    """
    market = get_market(session, question.market)
    _check(market, question)
    known = _stored(session, question)
    if known is not None:
        return known
    ends = period_end(market, question.period)
    _require_final(platform, session, ends + FINAL_AFTER_S)
    budget.hold(session)
    known = _stored(session, question)  # somebody may have been asking the same
    if known is not None:
        return known
    meters = _meters(session, market, question)
    fewest = platform.settings.analytics_accounts_min
    if len(meters.accounts) < fewest:
        raise RefusedError(
            f"only {len(meters.accounts)} accounts have such a device registered; sums are over at "
            f"least {fewest}",
            code="too_few_accounts",
        )
    starts_at = ends - meters.slots * int(market.params["slotSeconds"])
    budget.require(
        session,
        platform.settings,
        market=question.market,
        period=question.period,
        starts_at=starts_at,
        accounts=meters.accounts,
        epsilon_milli=question.epsilon_milli,
    )
    added = mechanism(meters.sensitivity_wh, question.epsilon_milli)
    release = ReleaseRow(
        market=question.market,
        period=question.period,
        carrier=question.carrier,
        zone=ALL_ZONES if question.zone is None else question.zone,
        slots_a_value=question.slots_a_value,
        clamp_w=question.clamp_w or 0,
        epsilon_milli=question.epsilon_milli,
        accounts=len(meters.accounts),
        sums_wh=added(meters.sums_wh(_readings(session, question, ends))),
        scale_wh=added.scale,
        value_error_wh=added.error_wh(1),
        profile_error_wh=added.error_wh(meters.values),
        asked_by=analyst,
        made_at=platform.clock.now(),
    )
    session.add(release)
    session.flush()
    assert release.id is not None
    cost = {
        "release": release.id,
        "starts_at": starts_at,
        "epsilon_milli": question.epsilon_milli,
    }
    charges = [cost | {"account": account} for account in sorted(meters.accounts)]
    session.execute(insert(ChargeRow), charges)
    return release


def releases(
    session: Session, *, market: int | None, after: int | None, limit: int
) -> Sequence[ReleaseRow]:
    """Everything that was released, oldest first."""
    query = select(ReleaseRow).order_by(col(ReleaseRow.id)).limit(limit)
    if market is not None:
        query = query.where(ReleaseRow.market == market)
    if after is not None:
        query = query.where(col(ReleaseRow.id) > after)
    return session.exec(query).all()


def left_milli(platform: Platform, session: Session, market: int, period: int) -> int:
    """What is left of a period's budget. Raises NotFoundError."""
    get_market(session, market)
    spent = budget.spent_milli(session, market, period)
    return max(0, platform.settings.analytics_period_milli - spent)


def _check(market: MarketRow, question: Question) -> None:
    if not 0 <= question.carrier < int(market.params["carriers"]):
        raise InvalidError(f"market {market.market} has no carrier {question.carrier}")
    if question.zone is not None and not 0 <= question.zone < int(market.params["zones"]):
        raise InvalidError(f"market {market.market} has no zone {question.zone}")
    slots, seconds = int(market.params["periodSlots"]), int(market.params["slotSeconds"])
    if slots % question.slots_a_value:
        raise InvalidError(f"a sum is over a divisor of the period's {slots} slots")
    if question.clamp_w is not None and bound_wh(question.clamp_w, None, seconds) == 0:
        raise InvalidError(f"clamp_w of {question.clamp_w} W is less than one Wh a slot")


def _stored(session: Session, question: Question) -> ReleaseRow | None:
    return session.exec(
        select(ReleaseRow).where(
            ReleaseRow.market == question.market,
            ReleaseRow.period == question.period,
            ReleaseRow.carrier == question.carrier,
            ReleaseRow.zone == (ALL_ZONES if question.zone is None else question.zone),
            ReleaseRow.slots_a_value == question.slots_a_value,
            ReleaseRow.clamp_w == (question.clamp_w or 0),
            ReleaseRow.epsilon_milli == question.epsilon_milli,
        )
    ).first()


def _require_final(platform: Platform, session: Session, final_at: int) -> None:
    """Time has passed, and the index has seen it pass."""
    indexed = session.exec(select(func.max(BlockRow.timestamp))).one() or 0
    if min(platform.clock.now(), indexed) <= final_at:
        raise RefusedError(
            f"readings of this period can change until {final_at}; ask when a later block is "
            "indexed",
            code="not_final",
        )


def _meters(session: Session, market: MarketRow, question: Question) -> Meters:
    query = select(DeviceRow).where(
        DeviceRow.market == question.market, DeviceRow.carrier == question.carrier
    )
    if question.zone is not None:
        in_zone = select(CertifiedDeviceRow.device).where(
            CertifiedDeviceRow.market == question.market, CertifiedDeviceRow.zone == question.zone
        )
        query = query.where(col(DeviceRow.device).in_(in_zone))
    seconds = int(market.params["slotSeconds"])
    return Meters(
        [
            Meter(
                row.device,
                row.account,
                bound_wh(row.capacity_w, question.clamp_w, seconds),
            )
            for row in session.exec(query).all()
        ],
        int(market.params["periodSlots"]),
        question.slots_a_value,
    )


def _readings(session: Session, question: Question, ends: int) -> dict[str, Sequence[int | None]]:
    """Final readings by device, without those of accounts that had theirs erased since."""
    erased = select(ErasureRow.address).where(col(ErasureRow.until) >= ends)
    rows = session.exec(
        select(ReadingRow.device, ReadingRow.values_wh)
        .join(DeviceRow, col(DeviceRow.device) == col(ReadingRow.device))
        .where(
            ReadingRow.market == question.market,
            ReadingRow.period == question.period,
            col(ReadingRow.chain_status).not_in(_NEVER),
            col(DeviceRow.account).not_in(erased),
        )
    ).all()
    return dict(rows)
