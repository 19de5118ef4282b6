"""Sending what is queued, without the other steps of a tick."""

from __future__ import annotations

import time

from sqlmodel import select

from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.runtime import Platform

DEADLINE_S = 60.0


def settle(platform: Platform) -> None:
    """Send and index until nothing moves; the chain takes what was sent in its own time."""
    give_up = time.monotonic() + DEADLINE_S
    while platform.writer.pump() > 0 or platform.indexer.catch_up().changed or _sent(platform):
        assert time.monotonic() < give_up, f"the chain took nothing for {DEADLINE_S:.0f} s"


def _sent(platform: Platform) -> bool:
    """Whether a transaction was sent that is in no block yet."""
    with platform.transaction() as session:
        found = select(OutboxRow.id).where(OutboxRow.status == outbox.SIGNED)
        return session.exec(found).first() is not None
