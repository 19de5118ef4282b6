"""What anybody may do for demand response and the platform does when it is due.

Reporting what meters show, settling what can no longer be disputed, and giving back what was set
aside for parts that can no longer be reported. The chain refuses what is done already.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlmodel import Session, col, select

from market.reference.programmes import ProgrammeTerms
from wattproof.claims import service as claims
from wattproof.errors import RefusedError
from wattproof.flexibility import service
from wattproof.flexibility.service import PartStatus
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.meters.service import period_end
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

_log = logging.getLogger("wattproof.flexibility")
_RULING_WINDOW_S = 3 * 86_400
_STATUS = {
    "Instructed": PartStatus.INSTRUCTED,
    "Refused": PartStatus.REFUSED,
    "Reported": PartStatus.REPORTED,
    "Disputed": PartStatus.DISPUTED,
    "Resolved": PartStatus.RESOLVED,
    "Settled": PartStatus.SETTLED,
    "Lapsed": PartStatus.LAPSED,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """An open part: what it is about, how far it has come and since when."""

    event: int
    account: str
    status: PartStatus
    changed_at: int
    window: EventRow
    programme: int
    terms: ProgrammeTerms


def finish_due(platform: Platform, session: Session) -> int:
    """Queue the next step of every open part that is due. Returns how many."""
    return sum(_advance(platform, session, part) for part in _open_parts(session))


def _advance(platform: Platform, session: Session, part: _Part) -> bool:
    now = platform.clock.now()
    if part.status is PartStatus.INSTRUCTED:
        return _report_or_lapse(platform, session, part, now)
    waits = {
        PartStatus.REPORTED: part.terms.dispute_window,
        PartStatus.DISPUTED: _RULING_WINDOW_S,
        PartStatus.RESOLVED: -1,
    }
    if now <= part.changed_at + waits[part.status]:
        return False
    return _queue(platform, session, part, "settle")


def _report_or_lapse(platform: Platform, session: Session, part: _Part, now: int) -> bool:
    market = get_market(session, part.terms.market)
    period = int(part.window.args["period"])
    if now <= period_end(market, period):
        return False
    published = service.published(session, part.event, part.account)
    rule = part.terms.rule
    if rule.is_published and published is None:
        return _queue(platform, session, part, "lapse")
    if now > period_end(market, period) + claims.CLAIM_WINDOW_S:
        return _queue(platform, session, part, "lapse")
    subject = claims.Subject(
        market=part.terms.market,
        account=part.account,
        carrier=part.terms.carrier,
        period=period,
        since=_since(session, part),
        rule=rule,
        published=published or b"",
    )
    try:
        claim = claims.claim(platform, session, subject)
    except RefusedError as error:
        _log.warning("no report of %s in event %d: %s", part.account, part.event, error)
        return False
    return claim is not None and _queue(platform, session, part, "report", claim)


def _queue(
    platform: Platform, session: Session, part: _Part, function: str, *arguments: object
) -> bool:
    key = f"{function}:{part.event}:{part.account}"
    if outbox.find(session, key) is not None:
        return False
    outbox.call(
        session,
        platform.chain,
        service.CONTRACT,
        function,
        part.event,
        part.account,
        *arguments,
        key=key,
        signer=platform.keys.address(Role.BALANCING),
        gas_limit=claims.GAS if arguments else None,
    )
    return True


def _open_parts(session: Session) -> list[_Part]:
    latest: dict[tuple[int, str], EventRow] = {}
    rows = session.exec(
        select(EventRow)
        .where(EventRow.contract == service.CONTRACT, col(EventRow.name).in_(_STATUS))
        .order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
    for row in rows:
        latest[int(row.args["eventId"]), row.args["account"]] = row
    finished = (PartStatus.REFUSED, PartStatus.SETTLED, PartStatus.LAPSED)
    open_rows = {key: row for key, row in latest.items() if _STATUS[row.name] not in finished}
    if not open_rows:
        return []
    windows = {int(e.args["eventId"]): e for e in service.events(session, "EventCalled")}
    terms = {
        e.args["programme"]: service.terms_of(e.args["terms"])
        for e in service.events(session, "ProgrammeCreated")
    }
    parts = []
    for (number, account), row in open_rows.items():
        block = session.get(BlockRow, row.block_number)
        assert block is not None  # indexed together with its events
        programme = int(windows[number].args["programme"])
        parts.append(
            _Part(
                event=number,
                account=account,
                status=_STATUS[row.name],
                changed_at=block.timestamp,
                window=windows[number],
                programme=programme,
                terms=terms[programme],
            )
        )
    return parts


def _since(session: Session, part: _Part) -> int:
    """The first baseline period that the account named when it last enrolled."""
    return max(
        (event.block_number, int(event.args["since"]))
        for event in service.events(session, "Enrolled")
        if event.args["programme"] == part.programme and event.args["account"] == part.account
    )[1]
