"""Registration of participants.

In the embedded profile registering for a trading role issues its credential at once, by the
devnet's issuer. Elsewhere registering is an application, and an operator has the credential issued.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session, col, select

from wattproof.credentials.issuing import issue_role
from wattproof.errors import NotFoundError, RefusedError
from wattproof.participants.models import ParticipantRow
from wattproof.runtime import Platform
from wattproof.settings import Profile

TRADING_ROLES: Final = ("prosumer", "ev_owner", "supplier")


def register(
    platform: Platform, session: Session, address: str, *, name: str, role: str | None
) -> ParticipantRow:
    """Register a caller, or change its name; asking for the role is asking for its credential.

    Args:
        role: one of ``TRADING_ROLES``; None for somebody who does not trade.

    Raises:
        RefusedError: the role is not one to register for.
    """
    if role is not None and role not in TRADING_ROLES:
        raise RefusedError(
            f"{role} is not a role to register for; choose {', '.join(TRADING_ROLES)}",
            code="no_such_role",
        )
    row = session.get(ParticipantRow, address)
    if row is None:
        row = ParticipantRow(address=address, name=name, role=role, registered_at=int(time.time()))
    row.name, row.role = name, role
    session.add(row)
    session.flush()
    if role is not None and platform.settings.profile is Profile.EMBEDDED:
        issue_role(platform, session, address, role)
    return row


def get(session: Session, address: str) -> ParticipantRow:
    """Raises NotFoundError."""
    row = session.get(ParticipantRow, address)
    if row is None:
        raise NotFoundError(f"{address} has not registered")
    return row


def listed(session: Session, *, after: str | None, limit: int) -> Sequence[ParticipantRow]:
    """Participants by address, those after ``after``."""
    query = select(ParticipantRow).order_by(col(ParticipantRow.address)).limit(limit)
    if after is not None:
        query = query.where(col(ParticipantRow.address) > after)
    return session.exec(query).all()
