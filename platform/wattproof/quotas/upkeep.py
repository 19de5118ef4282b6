"""What anybody may do for quotas and the platform does when it is due.

Reporting what meters show, and settling obligations after the last second for surrendering. The
chain refuses what is done already. An account is not settled while a period of it is unreported:
that would count as the meter's full capacity.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, or_, select

from wattproof.claims import steps
from wattproof.meters.models import DeviceRow
from wattproof.meters.service import DISPUTE_WINDOW_S, final_values
from wattproof.quotas.models import ObligationRow, ReportRow
from wattproof.quotas.service import CONTRACT, Quota, get_quota
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

REPORT_GAS = 1_000_000
SETTLE_GAS = 500_000


def report_due(platform: Platform, session: Session) -> int:
    """Queue the report of every final period of an open obligation. Returns how many."""
    obligations = _open(session)
    if not obligations:
        return 0
    now = platform.clock.now()
    return sum(
        _report(platform, session, quota, obligation, period, now)
        for quota, obligation in obligations
        for period in _unreported(session, quota, obligation, now)
    )


def settle_due(platform: Platform, session: Session) -> int:
    """Queue the settlement of obligations that nobody can meet any more. Returns how many."""
    obligations = _open(session)
    if not obligations:
        return 0
    now = platform.clock.now()
    queued = 0
    for quota, obligation in obligations:
        is_reported = obligation.reported_periods == quota.terms.periods
        if now <= quota.terms.surrender_by or not (is_reported or obligation.ratio == 0):
            continue
        key = f"settle:quota:{quota.quota}:{obligation.account}"
        if steps.is_waiting(platform, session, key, now):
            continue
        queued += steps.queue(
            platform,
            session,
            key,
            CONTRACT,
            "settle",
            quota.quota,
            obligation.account,
            gas_limit=SETTLE_GAS,
        )
    return queued


def _open(session: Session) -> list[tuple[Quota, ObligationRow]]:
    """Obligations that are not settled; who is obliged to nothing and has no bond needs nothing."""
    rows: Sequence[ObligationRow] = session.exec(
        select(ObligationRow)
        .where(
            col(ObligationRow.settled).is_(False),
            or_(col(ObligationRow.ratio) > 0, ObligationRow.bond_micro != 0),
        )
        .order_by(col(ObligationRow.quota), col(ObligationRow.account))
    ).all()
    quotas = {number: get_quota(session, number) for number in {row.quota for row in rows}}
    return [(quotas[row.quota], row) for row in rows]


def _unreported(session: Session, quota: Quota, obligation: ObligationRow, now: int) -> list[int]:
    """Periods that may be final and are not reported; no reading is final within a day."""
    ended = (now - DISPUTE_WINDOW_S) // quota.period_s - quota.terms.first_period
    over = min(max(ended, 0), quota.terms.periods)
    if obligation.ratio == 0 or obligation.reported_periods >= over:
        return []
    reported = set(
        session.exec(
            select(ReportRow.period).where(
                ReportRow.quota == obligation.quota, ReportRow.account == obligation.account
            )
        ).all()
    )
    first = quota.terms.first_period
    return [period for period in range(first, first + over) if period not in reported]


def _report(
    platform: Platform,
    session: Session,
    quota: Quota,
    obligation: ObligationRow,
    period: int,
    now: int,
) -> bool:
    key = f"report:quota:{quota.quota}:{obligation.account}:{period}"
    if steps.is_waiting(platform, session, key, now):
        return False
    meter = session.get_one(DeviceRow, obligation.device)
    market = get_market(session, quota.terms.market)
    values = final_values(session, market, meter, period, now)
    if values is None:
        return False
    return steps.queue(
        platform,
        session,
        key,
        CONTRACT,
        "report",
        quota.quota,
        obligation.account,
        period,
        values,
        gas_limit=REPORT_GAS,
    )
