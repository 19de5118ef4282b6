"""What anybody may do for demand response and the platform does when it is due.

Reporting what meters show, settling what can no longer be disputed, and giving back what was set
aside for parts that can no longer be reported. The chain refuses what is done already. Parts that
are finished are left out by the database: they cost a tick next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from market.reference.programmes import ProgrammeTerms
from wattproof.claims import service as claims
from wattproof.claims import steps
from wattproof.flexibility import service
from wattproof.flexibility.service import PartStatus
from wattproof.indexer.models import BlockRow, EventRow, argument
from wattproof.meters.service import period_end
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

_RULING_WINDOW_S = 3 * 86_400
_OPEN = {
    "Instructed": PartStatus.INSTRUCTED,
    "Reported": PartStatus.REPORTED,
    "Disputed": PartStatus.DISPUTED,
    "Resolved": PartStatus.RESOLVED,
}
_FINISHED = ("Refused", "Settled", "Lapsed")


@dataclass(frozen=True, slots=True)
class _Part:
    """An open part: what it is about, how far it has come and since when."""

    event: int
    account: str
    status: PartStatus
    changed_at: int
    period: int
    programme: int
    terms: ProgrammeTerms


def finish_due(platform: Platform, session: Session) -> int:
    """Queue the next step of every open part that is due. Returns how many."""
    parts = _open_parts(session)
    if not parts:
        return 0
    now = platform.clock.now()
    return sum(_advance(platform, session, part, now) for part in parts)


def _advance(platform: Platform, session: Session, part: _Part, now: int) -> bool:
    function = _due(session, part, now)
    if function is None:
        return False
    key = f"{function}:{part.event}:{part.account}"
    if steps.is_waiting(platform, session, key, now):
        return False

    def step() -> bool:
        arguments: tuple[Mapping[str, Any], ...] = ()
        if function == "report":
            claim = claims.claim(platform, session, _subject(session, part))
            if claim is None:
                return False
            arguments = (claim,)
        return steps.queue(
            platform,
            session,
            key,
            service.CONTRACT,
            function,
            part.event,
            part.account,
            *arguments,
            gas_limit=claims.GAS if arguments else None,
        )

    return steps.attempt(platform, key, now, step)


def _due(session: Session, part: _Part, now: int) -> str | None:
    """The function that is due for a part; None while it has to wait."""
    if part.status is PartStatus.INSTRUCTED:
        ends_at = period_end(get_market(session, part.terms.market), part.period)
        if now <= ends_at:
            return None
        late = now > ends_at + claims.CLAIM_WINDOW_S
        return "lapse" if late or _lacks_baseline(session, part) else "report"
    waits = {
        PartStatus.REPORTED: part.terms.dispute_window,
        PartStatus.DISPUTED: _RULING_WINDOW_S,
        PartStatus.RESOLVED: -1,
    }
    return "settle" if now > part.changed_at + waits[part.status] else None


def _lacks_baseline(session: Session, part: _Part) -> bool:
    if not part.terms.rule.is_published:
        return False
    return service.published(session, part.event, part.account) is None


def _subject(session: Session, part: _Part) -> claims.Subject:
    return claims.Subject(
        market=part.terms.market,
        account=part.account,
        carrier=part.terms.carrier,
        period=part.period,
        since=_since(session, part),
        rule=part.terms.rule,
        published=service.published(session, part.event, part.account) or b"",
    )


def _open_parts(session: Session) -> list[_Part]:
    key = argument("eventId"), argument("account")
    unfinished = (
        select(*key)
        .where(*_named("Instructed"))
        .except_(select(*key).where(*_named(*_FINISHED)))
        .subquery()
    )
    rows = session.execute(
        select(EventRow, col(BlockRow.timestamp))
        .join(unfinished, and_(key[0] == unfinished.c[0], key[1] == unfinished.c[1]))
        .join(BlockRow, col(BlockRow.number) == EventRow.block_number)
        .where(*_named(*_OPEN))
        .order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
    latest = {(int(row.args["eventId"]), row.args["account"]): (row, at) for row, at in rows}
    if not latest:
        return []
    called = _called(session, sorted({number for number, _ in latest}))
    terms = {
        e.args["programme"]: service.terms_of(e.args["terms"])
        for e in service.events(session, "ProgrammeCreated")
    }
    return [
        _Part(
            event=number,
            account=account,
            status=_OPEN[row.name],
            changed_at=at,
            period=int(called[number]["period"]),
            programme=int(called[number]["programme"]),
            terms=terms[called[number]["programme"]],
        )
        for (number, account), (row, at) in latest.items()
    ]


def _called(session: Session, numbers: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """What was called, by number of the event."""
    rows = session.exec(
        select_rows(EventRow).where(
            *_named("EventCalled"), argument("eventId").in_([str(number) for number in numbers])
        )
    ).all()
    return {int(row.args["eventId"]): row.args for row in rows}


def _since(session: Session, part: _Part) -> int:
    """The first baseline period that the account named when it last enrolled."""
    last = session.exec(
        select_rows(EventRow)
        .where(
            *_named("Enrolled"),
            argument("programme") == str(part.programme),
            argument("account") == part.account,
        )
        .order_by(col(EventRow.block_number).desc(), col(EventRow.log_index).desc())
    ).first()
    assert last is not None  # nobody is instructed who is not enrolled
    return int(last.args["since"])


def _named(*names: str) -> tuple[ColumnElement[bool], ...]:
    return col(EventRow.contract) == service.CONTRACT, col(EventRow.name).in_(names)
