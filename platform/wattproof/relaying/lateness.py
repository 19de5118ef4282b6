"""Relayed changes that waited too long: given up before they cost anything."""

from __future__ import annotations

from sqlmodel import col, select, update

from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.relaying.models import RelayedChangeRow
from wattproof.runtime import Platform


def give_up_late(platform: Platform) -> int:
    """Refuse queued changes whose deadline has passed: the contract would. Returns how many.

    What is signed already is sent; whether it was in time, the block says.
    """
    with platform.transaction() as session:
        waiting = session.exec(
            select(RelayedChangeRow.outbox_id, RelayedChangeRow.deadline)
            .join(OutboxRow, col(OutboxRow.id) == col(RelayedChangeRow.outbox_id))
            .where(OutboxRow.status == outbox.QUEUED)
        ).all()
    if not waiting:
        return 0
    now = platform.clock.now()
    late = [outbox_id for outbox_id, deadline in waiting if deadline < now]
    if not late:
        return 0
    with platform.transaction() as session:
        # A writer may sign one meanwhile: only what is still queued is given up.
        given_up = session.exec(
            update(OutboxRow)
            .where(col(OutboxRow.id).in_(late), col(OutboxRow.status) == outbox.QUEUED)
            .values(status=outbox.REFUSED, error="its deadline passed before it was sent")
        )
        return int(given_up.rowcount)
