"""Taking a round one step further, whatever step that is."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlmodel import Session, col, select

from market.certificate import CertificateError
from wattproof import crashpoints
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.rounds import delivery, service, settlement
from wattproof.rounds.facts import get_market, get_round, rules_of
from wattproof.rounds.models import RoundRow
from wattproof.runtime import Platform

_MOMENT_S = 0.05
_DONE = ("closed", "void")


def unfinished(session: Session) -> Sequence[tuple[int, int]]:
    """Rounds that may have a step before them, oldest first."""
    rows = session.exec(
        select(RoundRow)
        .where(col(RoundRow.state).not_in(_DONE))
        .order_by(col(RoundRow.market), col(RoundRow.number))
    ).all()
    return [(row.market, row.number) for row in rows]


def advance(platform: Platform, market: int, number: int) -> bool:
    """Do the round's next step if it is due. True if it moved."""
    with platform.transaction() as session:
        row = get_round(session, market, number)
        state, gate_at = row.state, row.gate_at
        rules = rules_of(get_market(session, market))
    if state == "announced":
        return _drop_failed_announcement(platform, market, number)
    now = platform.clock.now()
    if state in ("open", "gate_closed", "cleared", "submitted") and _overdue(
        state, now, gate_at, rules.gate_grace, rules.settle_window
    ):
        return _void(platform, market, number)
    if state == "open" and platform.clock.passed(gate_at):
        return _close_gate(platform, market, number)
    if state == "gate_closed":
        return _clear(platform, market, number)
    if state == "cleared":
        return _submit(platform, market, number)
    if state == "submitted":
        with platform.transaction() as session:
            return settlement.continue_submission(platform, session, market, number)
    if state in ("confirmed", "delivered"):
        with platform.transaction() as session:
            return delivery.update(platform, session, market, number)
    return False


def _drop_failed_announcement(platform: Platform, market: int, number: int) -> bool:
    """Forget a round that the chain refused to open; it has no orders."""
    with platform.transaction() as session:
        write = outbox.find(session, f"open:{market}:{number}")
        if write is None or write.status not in outbox.FAILED:
            return False
        row = get_round(session, market, number, lock="update")
        outbox.retire(session, write)
        session.delete(row)
    return True


def _close_gate(platform: Platform, market: int, number: int) -> bool:
    # Orders forced on-chain before the gate must be in the book.
    platform.indexer.catch_up()
    with platform.transaction() as session:
        row = get_round(session, market, number)
        if row.state != "open" or not service.gate_is_due(platform, session, row):
            return False
        service.close_gate(platform, session, market, number)
    crashpoints.reach(crashpoints.GATE_ROW_STORED)
    return True


def _clear(platform: Platform, market: int, number: int) -> bool:
    with platform.transaction() as session:
        row = get_round(session, market, number)
        if row.chain_status != "Gated":
            return settlement.note_failed_write(session, row, f"gate:{market}:{number}")
        gate_at = row.gate_at
    if not platform.clock.passed(gate_at + 1):
        # A credential revoked in the gate's own second counts for this gate: wait until it is over.
        time.sleep(_MOMENT_S)
        return True
    try:
        cleared = settlement.compute(platform, market, number)
    except CertificateError as error:
        # Nothing that does not certify is submitted; without a settlement the round goes void.
        with platform.transaction() as session:
            return settlement.note_problem(session, market, number, f"clearing: {error}")
    with platform.transaction() as session:
        if not settlement.store(platform, session, market, number, cleared):
            return False
    crashpoints.reach(crashpoints.CLEARING_STORED)
    return True


def _submit(platform: Platform, market: int, number: int) -> bool:
    with platform.transaction() as session:
        if not settlement.submit(platform, session, market, number):
            return False
    crashpoints.reach(crashpoints.OUTBOX_ROW_STORED)
    return True


def _overdue(state: str, now: int, gate_at: int, grace: int, window: int) -> bool:
    if state == "open":
        return now > gate_at + grace
    return now >= gate_at + window


def _void(platform: Platform, market: int, number: int) -> bool:
    """Queue the recording that a round is void, unless it was verified after all."""
    platform.indexer.catch_up()
    key = f"void:{market}:{number}"
    with platform.transaction() as session:
        row = get_round(session, market, number, lock="update")
        if row.state in ("confirmed", *_DONE):
            return False
        if row.chain_status == "Verified":
            return settlement.continue_submission(platform, session, market, number)
        if outbox.find(session, key) is not None:
            return False
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "voidRound",
            market,
            number,
            key=key,
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=200_000,
        )
    return True
