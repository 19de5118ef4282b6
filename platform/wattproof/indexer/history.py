"""Indexed events as other services read them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from wattproof.indexer.models import EventRow


def events(session: Session, contract: str, name: str) -> Sequence[EventRow]:
    """Events of one kind, oldest first."""
    return session.exec(
        select(EventRow)
        .where(EventRow.contract == contract, EventRow.name == name)
        .order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
