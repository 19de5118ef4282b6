"""Table of requests that were answered: the same key gives the same answer, for good."""

from __future__ import annotations

import hashlib

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class IdempotencyRow(SQLModel, table=True):
    """The answer to a write, stored in the transaction of the write itself.

    Attributes:
        address: the caller; keys of different callers do not meet.
        fingerprint: SHA-256 of method, path and body; empty where it was erased.
        status, body: the answer; empty where it was erased, and inside the transaction that makes
            it.
    """

    __tablename__ = "idempotency"

    address: str = Field(primary_key=True, max_length=42)
    key: str = Field(primary_key=True, max_length=128)
    fingerprint: str = Field(max_length=64)
    status: int = Field(default=0)
    body: str = Field(default="", sa_type=Text)
    created_at: int = Field(sa_type=BigInt)


def erased_key(address: str, key: str) -> str:
    """Under what name it is remembered that a write was made whose answer was erased."""
    return "erased:" + hashlib.sha256(f"{address} {key}".encode()).hexdigest()
