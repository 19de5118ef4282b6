"""After settlement: delivered when its slots are over, closed when its positions are."""

from __future__ import annotations

from sqlmodel import Session, col, select

from wattproof.meters.models import ClosureRow
from wattproof.rounds.facts import get_market, get_round
from wattproof.rounds.settlement import stored_settlement
from wattproof.runtime import Platform


def update(platform: Platform, session: Session, market: int, number: int) -> bool:
    """Move a confirmed round on by the time and the closed positions. True if it moved."""
    row = get_round(session, market, number, lock="update")
    if row.state == "confirmed":
        slot_seconds = int(get_market(session, market).params["slotSeconds"])
        if platform.clock.now() < (row.first_slot + row.slots) * slot_seconds:
            return False
        row.state = "delivered"
    elif row.state == "delivered":
        closed = set(
            session.exec(
                select(ClosureRow.account).where(
                    ClosureRow.market == market,
                    ClosureRow.period == row.period,
                    col(ClosureRow.closed).is_(True),
                )
            ).all()
        )
        if row.positions_count and len(closed) < row.positions_count:
            return False
        positions = stored_settlement(session, market, number).positions
        if any(position.trader not in closed for position in positions):
            return False
        row.state = "closed"
    else:
        return False
    session.add(row)
    return True
