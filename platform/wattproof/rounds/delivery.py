"""After settlement: delivered when its slots are over, closed when its positions are.

Tokens are delivered by the settlement itself.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from wattproof.meters.models import ClosureRow
from wattproof.rounds.facts import get_market, get_round, is_tokenised
from wattproof.rounds.settlement import stored_settlement
from wattproof.runtime import Platform


def update(platform: Platform, session: Session, market: int, number: int) -> bool:
    """Move a confirmed round on by the time and the closed positions. True if it moved."""
    row = get_round(session, market, number, lock="update")
    if row.state == "confirmed":
        market_row = get_market(session, market)
        ends_at = (row.first_slot + row.slots) * int(market_row.params["slotSeconds"])
        if platform.clock.now() < ends_at and not is_tokenised(market_row):
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
