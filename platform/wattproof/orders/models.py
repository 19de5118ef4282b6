"""Tables of orders."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, Text
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt, DecimalText


class OrderRow(SQLModel, table=True):
    """A signed order and what became of it.

    Attributes:
        digest: the order's id, 0x-hex: its hash (EIP-712), bound to a delegate that signed.
        legs: ``[[product, coefficient], ...]``, the product as decimal text (uint64).
        delegate: who signed for the trader; None: the trader itself.
        signature, receipt_signature, cancellation_signature: compact, 0x-hex.
        received_at: Unix seconds; the receipt's ``receivedAt``.
        maximum: effective maximum m at the gate; fill: units filled; payment: positive pays.
    """

    __tablename__ = "signed_order"
    __table_args__ = (Index("ix_signed_order_round", "market", "round"),)

    digest: str = Field(primary_key=True, max_length=66)
    market: int = Field(sa_type=BigInt)
    round: int = Field(sa_type=BigInt)
    trader: str = Field(index=True, max_length=42)
    legs: list[Any] = Field(sa_type=JSON)
    max_units: int = Field(sa_type=DecimalText)
    limit_nano_per_kwh: int = Field(sa_type=BigInt)
    epoch: int = Field(sa_type=BigInt)
    salt: int = Field(sa_type=DecimalText)
    signature: str = Field(max_length=130)
    delegate: str | None = Field(default=None, index=True, max_length=42)
    received_at: int = Field(sa_type=BigInt)
    receipt_signature: str | None = Field(default=None, max_length=130)
    forced: bool = Field(default=False)
    cancelled_at: int | None = Field(default=None, sa_type=BigInt)
    cancellation_signature: str | None = Field(default=None, max_length=130)
    book_index: int | None = Field(default=None)
    maximum: int | None = Field(default=None, sa_type=DecimalText)
    fill: int | None = Field(default=None, sa_type=DecimalText)
    payment_micro: int | None = Field(default=None, sa_type=BigInt)
    why: str | None = Field(default=None, sa_type=Text)
