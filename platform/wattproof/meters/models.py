"""Tables of devices, readings and closed positions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class DeviceRow(SQLModel, table=True):
    """A meter: its id is its first key's address."""

    __tablename__ = "device"

    device: str = Field(primary_key=True, max_length=42)
    market: int = Field(sa_type=BigInt, index=True)
    account: str = Field(index=True, max_length=42)
    carrier: int
    capacity_w: int = Field(sa_type=BigInt)
    key: str = Field(max_length=42)


class ReadingRow(SQLModel, table=True):
    """A device's signed readings of a period.

    Attributes:
        values_wh: one a slot, import positive, null where missing.
        chain_status: None, Posted, Disputed, Kept, Replaced, Void; as in the registry.
        posted_at: when the chain took it, Unix seconds; 0 before.
    """

    __tablename__ = "reading"

    device: str = Field(primary_key=True, max_length=42)
    market: int = Field(primary_key=True, sa_type=BigInt)
    period: int = Field(primary_key=True, sa_type=BigInt)
    values_wh: list[Any] = Field(sa_type=JSON)
    signature: str = Field(max_length=130)
    received_at: int = Field(sa_type=BigInt)
    chain_status: str = Field(default="None", max_length=10)
    posted_at: int = Field(default=0, sa_type=BigInt)


class ClosureRow(SQLModel, table=True):
    """A position of a period; once closed, what was released and charged (negative: paid)."""

    __tablename__ = "closure"

    market: int = Field(primary_key=True, sa_type=BigInt)
    period: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    closed: bool = Field(default=False)
    lock_micro: int | None = Field(default=None, sa_type=BigInt)
    charge_micro: int | None = Field(default=None, sa_type=BigInt)
