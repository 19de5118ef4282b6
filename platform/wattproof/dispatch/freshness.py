"""When an approval stands no longer: stale inputs, a closed gate. The rules act by themselves.

Whoever asks for a plan, and every tick of the platform, first lets these rules act; what they
revoke is a step like any other and stays revoked whatever becomes of the request.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlmodel import Session, col, select

from market.dispatch import DispatchPlan
from wattproof.dispatch.history import PLATFORM, Standing
from wattproof.dispatch.lifecycle import IN_FORCE, Action, State
from wattproof.dispatch.models import DispatchRow
from wattproof.dispatch.record import DamagedError, Record, open_record
from wattproof.errors import RefusedError
from wattproof.meters.service import period_end
from wattproof.rounds.facts import get_market, get_round
from wattproof.runtime import Platform

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stale:
    """Why an approval cannot stand; ``code`` for machines."""

    code: str
    reason: str


def deadline(session: Session, standing: Standing, plan: DispatchPlan) -> int:
    """Until when a plan can still become orders: its round's gate, else its first slot's start."""
    if standing.round:
        return get_round(session, standing.market, standing.round).gate_at
    return plan.first_slot * plan.slot_seconds


def why_stale(standing: Standing, until: int, now: int, inputs_age_s: int) -> Stale | None:
    """Why the plan may not be acted on now; None: it may.

    An acknowledged plan is settled once its deadline has passed or orders were made from it: what
    comes later is an order in a later round, or imbalance.
    """
    settled = standing.state is State.ACKNOWLEDGED and (now >= until or standing.orders)
    if settled or standing.state is State.MEASURED:
        return None
    if now >= until:
        return Stale("gate_passed", f"the gate closed (or delivery began) at {until}")
    if now > standing.inputs_at + inputs_age_s:
        return Stale(
            "inputs_old",
            f"its inputs came at {standing.inputs_at} and are older than {inputs_age_s} s",
        )
    return None


def check(record: Record) -> None:
    """Raises RefusedError where the plan may not be acted on now."""
    stale = _stale(record)
    if stale is not None:
        raise RefusedError(
            f"the plan cannot be acted on: {stale.reason}; "
            + ("propose one for a later round" if stale.code == "gate_passed" else "renew them"),
            code=stale.code,
        )


def revoke_stale(platform: Platform, number: int | None = None) -> int:
    """Revoke the approvals that stand no longer, each in a transaction of its own.

    Args:
        number: of this plan alone.

    Returns:
        How many were revoked.
    """
    revoked = 0
    for each in _candidates(platform, number):
        try:
            with platform.transaction() as session:
                record = open_record(platform, session, each, lock=True)
                stale = _stale(record) if record.standing.state in IN_FORCE else None
                if stale is not None:
                    revoke(record, PLATFORM, stale)
                    revoked += 1
        except DamagedError as error:
            # One altered record must not keep the other plans, nor the markets, from going on.
            _log.error("dispatch_record_damaged", plan=each, reason=error.message)
    return revoked


def revoke(record: Record, actor: str, why: Stale) -> None:
    """Take an approval back; the participant sees the reason."""
    record.take(Action.REVOKE, actor, {"code": why.code, "reason": why.reason})


def _candidates(platform: Platform, number: int | None) -> list[int]:
    """Plans in force whose approval may still fall: their period is not over, or nobody agreed."""
    query = select(DispatchRow).where(col(DispatchRow.state).in_(sorted(IN_FORCE)))
    if number is not None:
        query = query.where(DispatchRow.id == number)
    with platform.transaction() as session:
        rows = session.exec(query.order_by(col(DispatchRow.id))).all()
        if not rows:
            return []
        markets = {row.market: get_market(session, row.market) for row in rows}
    now = platform.clock.now()
    return [
        row.id
        for row in rows
        if row.id is not None
        and (row.state != State.ACKNOWLEDGED or now < period_end(markets[row.market], row.period))
    ]


def _stale(record: Record) -> Stale | None:
    until = deadline(record.session, record.standing, record.plan())
    settings = record.platform.settings
    return why_stale(
        record.standing, until, record.platform.clock.now(), settings.dispatch_inputs_age_s
    )
