"""How much privacy is spent, and how much may be.

Losses add up (sequential composition). All releases of a market's period share one budget, and
whatever is released of any days of an account's readings, as many as the window has, stays within
that of the account, over all markets. Windows lie in the time of the readings, not of the asking:
waiting does not fill a budget up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from wattproof.analytics.models import AnalyticsLockRow, ChargeRow, ReleaseRow
from wattproof.errors import RefusedError
from wattproof.settings import Settings

_DAY_S: Final = 86_400
_LOCK: Final = 1
_AT_ONCE: Final = 10_000


def hold(session: Session) -> None:
    """Keep everybody else from spending until this transaction ends."""
    session.execute(
        text("INSERT INTO analytics_lock (id) VALUES (:id) ON CONFLICT DO NOTHING"), {"id": _LOCK}
    )
    session.exec(
        select(AnalyticsLockRow).where(AnalyticsLockRow.id == _LOCK).with_for_update()
    ).one()


def spent_milli(session: Session, market: int, period: int) -> int:
    """What releases of a market's period have cost so far."""
    cost = func.coalesce(func.sum(ReleaseRow.epsilon_milli), 0)
    query = select(cost).where(ReleaseRow.market == market, ReleaseRow.period == period)
    return int(session.exec(query).one())


def require(
    session: Session,
    settings: Settings,
    *,
    market: int,
    period: int,
    starts_at: int,
    accounts: Iterable[str],
    epsilon_milli: int,
) -> None:
    """Hold the lock before, and charge in the same transaction.

    Raises:
        RefusedError: the period's budget or an account's has not that much left. Which account is
            not said; what each has spent follows from the releases alone, never from readings.
    """
    left = settings.analytics_period_milli - spent_milli(session, market, period)
    if epsilon_milli > left:
        raise RefusedError(
            f"this would cost {epsilon_milli} thousandths of epsilon, and the period has {left} "
            "left; what was released before can be read at no cost",
            code="budget_spent",
        )
    window_s = settings.analytics_window_days * _DAY_S
    before = _charges_around(session, starts_at, window_s, frozenset(accounts))
    if any(
        worst_window(charges, starts_at, window_s) + epsilon_milli
        > settings.analytics_account_milli
        for charges in before
    ):
        raise RefusedError(
            f"an account has less than {epsilon_milli} thousandths of epsilon left for "
            f"{settings.analytics_window_days} days of readings around this period",
            code="budget_spent",
        )


def worst_window(charges: Sequence[tuple[int, int]], starts_at: int, window_s: int) -> int:
    """The most that was charged in a window that holds a time.

    Args:
        charges: (time, thousandths).
    """
    near = sorted(each for each in charges if abs(each[0] - starts_at) < window_s)
    begins = {at for at, _ in near if at <= starts_at} | {starts_at}
    return max(sum(cost for at, cost in near if first <= at < first + window_s) for first in begins)


def _charges_around(
    session: Session, starts_at: int, window_s: int, accounts: frozenset[str]
) -> list[list[tuple[int, int]]]:
    query = select(ChargeRow.account, ChargeRow.starts_at, ChargeRow.epsilon_milli).where(
        col(ChargeRow.starts_at) > starts_at - window_s,
        col(ChargeRow.starts_at) < starts_at + window_s,
    )
    found: dict[str, list[tuple[int, int]]] = {}
    for account, at, cost in session.exec(query).yield_per(_AT_ONCE):
        if account in accounts:
            found.setdefault(account, []).append((at, cost))
    return list(found.values())
