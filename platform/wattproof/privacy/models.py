"""Tables of erasures, and of what must outlive one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class ErasureRow(SQLModel, table=True):
    """Somebody asked for erasure; the last time counts.

    Attributes:
        requested_at: seconds, UTC.
        until: the same on the platform's clock; what came later is not touched.
        look_at: when, on that clock, it is worth looking whether more can go; None: all is gone.
        erased: how many rows went or were reduced, by table, so far.
    """

    __tablename__ = "erasure"

    address: str = Field(primary_key=True, max_length=42)
    requested_at: int = Field(sa_type=BigInt)
    until: int = Field(sa_type=BigInt)
    look_at: int | None = Field(default=None, index=True, sa_type=BigInt)
    erased: dict[str, Any] = Field(sa_type=JSON)


class KeptCancellationRow(SQLModel, table=True):
    """What rebuts a claim on an erased order: that its signer cancelled it, and nothing more."""

    __tablename__ = "kept_cancellation"

    digest: str = Field(primary_key=True, max_length=66)
    market: int = Field(sa_type=BigInt)
    round: int = Field(sa_type=BigInt)
    trader: str = Field(index=True, max_length=42)
    signature: str = Field(max_length=130)
