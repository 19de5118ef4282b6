"""Tables of the indexer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, String, UniqueConstraint, cast, type_coerce
from sqlmodel import Field, SQLModel, col

from wattproof.store.types import BigInt


class BlockRow(SQLModel, table=True):
    """A block the index is built on."""

    __tablename__ = "block"

    number: int = Field(primary_key=True, sa_type=BigInt)
    hash: str = Field(max_length=66)
    parent_hash: str = Field(max_length=66)
    timestamp: int = Field(sa_type=BigInt)


class EventRow(SQLModel, table=True):
    """A decoded event of our contracts; integers beyond 2^53 are text in ``args``."""

    __tablename__ = "chain_event"
    __table_args__ = (UniqueConstraint("block_number", "log_index"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    block_number: int = Field(index=True, sa_type=BigInt)
    log_index: int
    transaction_hash: str = Field(max_length=66)
    contract: str = Field(max_length=40)
    name: str = Field(index=True, max_length=40)
    market: int | None = Field(default=None, index=True, sa_type=BigInt)
    round: int | None = Field(default=None, sa_type=BigInt)
    args: dict[str, Any] = Field(sa_type=JSON)


def argument(name: str) -> ColumnElement[str]:
    """One of an event's arguments as text, for queries: what is finished need not be loaded."""
    return cast(type_coerce(col(EventRow.args), JSON)[name].as_string(), String)
