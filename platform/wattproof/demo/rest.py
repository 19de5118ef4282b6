"""Waiting until the platform has nothing left to do."""

from __future__ import annotations

import time

from sqlmodel import col, select

from wattproof.errors import UnavailableError, WattproofError
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.runtime import Platform
from wattproof.tasks.flow import run_until_idle

_PAUSE_S = 0.02
_PATIENCE_S = 120.0


def rest(platform: Platform) -> None:
    """Let the platform work until every write is mined and nothing moves any more.

    Raises:
        WattproofError: the chain refused a write; says which and why.
        UnavailableError: the chain did not mine a write in two minutes.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        run_until_idle(platform)
        with platform.transaction() as session:
            row = session.exec(
                select(OutboxRow)
                .where(col(OutboxRow.status) != outbox.MINED)
                .order_by(col(OutboxRow.status).in_(outbox.PENDING))
                .limit(1)
            ).first()
        if row is None:
            return
        if row.status not in outbox.PENDING:
            raise WattproofError(f"the write {row.key} is {row.status}: {row.error}")
        if time.monotonic() > give_up:
            raise UnavailableError(f"the write {row.key} was not mined in {_PATIENCE_S:.0f} s")
        time.sleep(_PAUSE_S)
