"""Table of participants."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class ParticipantRow(SQLModel, table=True):
    """Somebody who registered, and the trading role it asked for, if any."""

    __tablename__ = "participant"

    address: str = Field(primary_key=True, max_length=42)
    name: str = Field(max_length=80)
    role: str | None = Field(default=None, max_length=40)
    registered_at: int = Field(sa_type=BigInt)
