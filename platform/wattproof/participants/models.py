"""Tables of participants and of the credential documents that were issued to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class ParticipantRow(SQLModel, table=True):
    """Somebody who registered, and the trading role it asked for, if any."""

    __tablename__ = "participant"

    address: str = Field(primary_key=True, max_length=42)
    name: str = Field(max_length=80)
    role: str | None = Field(default=None, max_length=40)
    registered_at: int = Field(sa_type=BigInt)


class IssuedCredentialRow(SQLModel, table=True):
    """A signed credential document; the chain holds its hash."""

    __tablename__ = "issued_credential"

    credential_hash: str = Field(primary_key=True, max_length=66)
    address: str = Field(index=True, max_length=42)
    role: str = Field(max_length=40)
    expires_at: int = Field(sa_type=BigInt)
    document: dict[str, Any] = Field(sa_type=JSON)
    issued_at: int = Field(sa_type=BigInt)
