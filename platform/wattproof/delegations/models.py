"""Tables of session delegates, written by the indexer from the chain's state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class SessionRow(SQLModel, table=True):
    """An account's session in a market (protocol section 16).

    Attributes:
        from_round: first round that is judged by ``session``; earlier ones are by ``before``.
        session, before: the fields by their names on-chain; None: nobody signs for the account.
        delegate: the session's, to look up by.
    """

    __tablename__ = "delegate_session"

    market: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    from_round: int = Field(sa_type=BigInt)
    session: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    delegate: str | None = Field(default=None, index=True, max_length=42)


class NamedRow(SQLModel, table=True):
    """A delegate that an account ever named in a market: its signatures are genuine for good."""

    __tablename__ = "delegate_named"

    market: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    delegate: str = Field(primary_key=True, index=True, max_length=42)
