"""Tables of the transactional outbox."""

from __future__ import annotations

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt, DecimalText


class SignerRow(SQLModel, table=True):
    """One row a signing key; locking it is what makes its writer the only one."""

    __tablename__ = "signer"

    address: str = Field(primary_key=True, max_length=42)
    next_nonce: int = Field(sa_type=BigInt)


class OutboxRow(SQLModel, table=True):
    """A write to the chain, queued in the transaction of the change it belongs to.

    Attributes:
        key: business key; the same write is never queued twice.
        after: not signed before that row (of any signer) is mined; a signer's rows keep order.
        status: queued -> signed -> mined | reverted; or refused (never signed: it would revert),
            or displaced (its nonce was used by a transaction that is not ours).
    """

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("signer", "nonce"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    key: str = Field(unique=True, max_length=200)
    signer: str = Field(index=True, max_length=42)
    to: str = Field(max_length=42)
    data: str = Field(sa_type=Text)
    value_wei: int = Field(default=0, sa_type=DecimalText)
    gas_limit: int | None = Field(default=None, sa_type=BigInt)
    after: int | None = Field(default=None, sa_type=BigInt, foreign_key="outbox.id")
    nonce: int | None = Field(default=None, sa_type=BigInt)
    status: str = Field(default="queued", index=True, max_length=12)
    transaction_hash: str | None = Field(default=None, max_length=66)
    block_number: int | None = Field(default=None, sa_type=BigInt)
    block_hash: str | None = Field(default=None, max_length=66)
    gas_used: int | None = Field(default=None, sa_type=BigInt)
    error: str | None = Field(default=None, sa_type=Text)
    created_at: int = Field(sa_type=BigInt)


class AttemptRow(SQLModel, table=True):
    """A signed raw transaction, stored before it is broadcast; a fee bump adds another."""

    __tablename__ = "outbox_attempt"

    transaction_hash: str = Field(primary_key=True, max_length=66)
    outbox_id: int = Field(foreign_key="outbox.id", index=True, sa_type=BigInt)
    number: int
    raw: str = Field(sa_type=Text)
    max_fee_wei: int = Field(sa_type=DecimalText)
    priority_fee_wei: int = Field(sa_type=DecimalText)
    created_at: int = Field(sa_type=BigInt)
