"""What anybody may do for energy credits and the platform does when it is due.

Issuing what meters show, and giving back the budget of windows that nobody can claim any more. The
chain refuses what is done already, so doing it twice, or after a crash again, changes nothing. What
is finished is left out by the database: it costs a tick next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, literal, select, union_all
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from wattproof.claims import service as claims
from wattproof.claims import steps
from wattproof.credits import service
from wattproof.indexer.models import EventRow, argument
from wattproof.meters.service import period_end
from wattproof.meters.values import pack
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class _Window:
    number: int
    period: int
    terms: service.Terms
    ends_at: int

    @property
    def claim_by(self) -> int:
        """The last second in which something is issued."""
        return self.ends_at + claims.CLAIM_WINDOW_S


def issue_due(platform: Platform, session: Session) -> int:
    """Queue the issue for every joined part whose reading is final. Returns how many."""
    joined = _not_issued(session)
    if not joined:
        return 0
    windows = _windows(session, sorted({int(event.args["window"]) for event in joined}))
    now = platform.clock.now()
    return sum(
        _issue(platform, session, windows[int(event.args["window"])], event, now)
        for event in joined
    )


def close_due(platform: Platform, session: Session) -> int:
    """Queue the release of budgets that can no longer be claimed. Returns how many."""
    windows = _windows(session, _with_budget(session))
    if not windows:
        return 0
    now = platform.clock.now()
    queued = 0
    for window in windows.values():
        key = f"close-window:{window.number}"
        if now <= window.claim_by or steps.is_waiting(platform, session, key, now):
            continue
        queued += steps.queue(
            platform, session, key, service.CONTRACT, "closeWindow", window.number
        )
    return queued


def _issue(
    platform: Platform, session: Session, window: _Window, joined: EventRow, now: int
) -> bool:
    account = joined.args["account"]
    key = f"issue:{window.number}:{account}"
    if not window.ends_at < now <= window.claim_by:
        return False
    if steps.is_waiting(platform, session, key, now):
        return False

    def issue() -> bool:
        claim = claims.claim(platform, session, _subject(session, window, joined))
        if claim is None:
            return False
        return steps.queue(
            platform,
            session,
            key,
            service.CONTRACT,
            "issue",
            window.number,
            account,
            claim,
            gas_limit=claims.GAS,
        )

    return steps.attempt(platform, key, now, issue)


def _not_issued(session: Session) -> Sequence[EventRow]:
    """Who joined a window and has no credits of it yet."""
    key = argument("window"), argument("account")
    missing = (
        select(*key)
        .where(*_named("WindowJoined"))
        .except_(select(*key).where(*_named("CreditsIssued")))
        .subquery()
    )
    return session.exec(
        select_rows(EventRow)
        .join(missing, and_(key[0] == missing.c[0], key[1] == missing.c[1]))
        .where(*_named("WindowJoined"))
        .order_by(col(EventRow.id))
    ).all()


def _with_budget(session: Session) -> list[int]:
    """Windows that may still issue something: announced, less released, less what was claimed."""
    window, account = argument("window"), argument("account")
    announced = select(window, _wh("budgetWh")).where(*_named("WindowAnnounced"))
    released = select(window, -_wh("releasedWh")).where(*_named("WindowClosed"))
    none = literal(0, BigInteger)
    parts = union_all(
        select(window, account, _wh("capWh"), none).where(*_named("WindowJoined")),
        select(window, account, none, literal(1, BigInteger)).where(*_named("CreditsIssued")),
    ).subquery()
    number, account, cap_wh, issues = parts.c
    claimed = (
        select(number, -func.sum(cap_wh)).group_by(number, account).having(func.sum(issues) > 0)
    )
    moves = union_all(announced, released, claimed).subquery()
    number, moved_wh = moves.c[0], moves.c[1]
    rows = session.execute(select(number).group_by(number).having(func.sum(moved_wh) != 0)).all()
    return sorted(int(row[0]) for row in rows)


def _windows(session: Session, numbers: Sequence[int]) -> dict[int, _Window]:
    if not numbers:
        return {}
    terms = service.opened(session)
    found = {}
    wanted = [str(number) for number in numbers]
    for event in session.exec(
        select_rows(EventRow).where(*_named("WindowAnnounced"), argument("window").in_(wanted))
    ).all():
        promised = terms[int(event.args["series"])]
        market, period = get_market(session, promised.market), int(event.args["period"])
        number = int(event.args["window"])
        found[number] = _Window(number, period, promised, period_end(market, period))
    return found


def _named(name: str) -> tuple[ColumnElement[bool], ...]:
    return col(EventRow.contract) == service.CONTRACT, col(EventRow.name) == name


def _wh(name: str) -> ColumnElement[int]:
    return cast(argument(name), BigInteger)


def _subject(session: Session, window: _Window, joined: EventRow) -> claims.Subject:
    account, rule = joined.args["account"], window.terms.rule
    published = b""
    if rule.is_published:
        published = pack(service.published(session, window.number, account))
    return claims.Subject(
        market=window.terms.market,
        account=account,
        carrier=window.terms.carrier,
        period=window.period,
        since=joined.args["since"],
        rule=rule,
        published=published,
    )
