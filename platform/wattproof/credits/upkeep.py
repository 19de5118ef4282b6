"""What anybody may do for energy credits and the platform does when it is due.

Issuing what meters show, and giving back the budget of windows that nobody can claim any more. The
chain refuses what is done already, so doing it twice, or after a crash again, changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlmodel import Session

from wattproof.claims import service as claims
from wattproof.credits import service
from wattproof.errors import RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.indexer.models import EventRow
from wattproof.meters.service import period_end
from wattproof.meters.values import pack
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform

_log = logging.getLogger("wattproof.credits")


@dataclass(frozen=True, slots=True)
class _Window:
    number: int
    period: int
    terms: service.Terms
    market: MarketRow


def issue_due(platform: Platform, session: Session) -> int:
    """Queue the issue for every joined part whose reading is final. Returns how many."""
    windows = _windows(session)
    done = {
        (int(event.args["window"]), event.args["account"])
        for event in service.events(session, "CreditsIssued")
    }
    queued = 0
    for event in service.events(session, "WindowJoined"):
        window, account = windows[int(event.args["window"])], event.args["account"]
        key = f"issue:{window.number}:{account}"
        if (window.number, account) in done or outbox.find(session, key) is not None:
            continue
        if platform.clock.now() <= period_end(window.market, window.period):
            continue
        try:
            claim = claims.claim(platform, session, _subject(session, window, event))
        except RefusedError as error:
            _log.warning("no credits for %s in window %d: %s", account, window.number, error)
            continue
        if claim is None:
            continue
        outbox.call(
            session,
            platform.chain,
            service.CONTRACT,
            "issue",
            window.number,
            account,
            claim,
            key=key,
            signer=platform.keys.address(Role.BALANCING),
            gas_limit=claims.GAS,
        )
        queued += 1
    return queued


def close_due(platform: Platform, session: Session) -> int:
    """Queue the release of budgets that can no longer be claimed. Returns how many."""
    left_wh = _open_budgets(session)
    queued = 0
    for window in _windows(session).values():
        key = f"close-window:{window.number}"
        ends_at = period_end(window.market, window.period) + claims.CLAIM_WINDOW_S
        if platform.clock.now() <= ends_at or left_wh[window.number] == 0:
            continue
        if outbox.find(session, key) is None:
            outbox.call(
                session,
                platform.chain,
                service.CONTRACT,
                "closeWindow",
                window.number,
                key=key,
                signer=platform.keys.address(Role.BALANCING),
            )
            queued += 1
    return queued


def _open_budgets(session: Session) -> dict[int, int]:
    """What every window may still issue, Wh: announced, less released, less what was claimed."""
    left = {
        int(event.args["window"]): int(event.args["budgetWh"])
        for event in service.events(session, "WindowAnnounced")
    }
    for event in service.events(session, "WindowClosed"):
        left[int(event.args["window"])] -= int(event.args["releasedWh"])
    joined = {
        (int(event.args["window"]), event.args["account"]): int(event.args["capWh"])
        for event in service.events(session, "WindowJoined")
    }
    for event in service.events(session, "CreditsIssued"):
        number = int(event.args["window"])
        left[number] -= joined[number, event.args["account"]]
    return left


def _windows(session: Session) -> dict[int, _Window]:
    terms = service.opened(session)
    found = {}
    for event in service.events(session, "WindowAnnounced"):
        number, promised = int(event.args["window"]), terms[int(event.args["series"])]
        found[number] = _Window(
            number,
            event.args["period"],
            promised,
            get_market(session, promised.market),
        )
    return found


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
