"""Tables of certified devices, batches, holdings, and what is for sale or not collected yet."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt, DecimalText


class CertifiedDeviceRow(SQLModel, table=True):
    """A device for which certificates are issued.

    Attributes:
        technology: 0 for a store.
        until_period: the first period that does not count any more; 0: none known.
        next_period: of all periods before it nothing is left to issue; upkeep's own mark, taken
            back when the chain takes something back.
    """

    __tablename__ = "certified_device"

    device: str = Field(primary_key=True, max_length=42)
    market: int = Field(sa_type=BigInt, index=True)
    zone: int
    technology: int
    efficiency_bp: int
    from_period: int = Field(sa_type=BigInt)
    until_period: int = Field(sa_type=BigInt)
    slot_seconds: int = Field(sa_type=BigInt)
    period_slots: int
    next_period: int = Field(sa_type=BigInt)


class BatchRow(SQLModel, table=True):
    """Certificates of one device, interval and technology.

    Attributes:
        batch: the ERC-1155 id.
        vintage: number of 30 days from 1970 on.
        issued_to, issued_in: the first holder, and hash of the transaction.
    """

    __tablename__ = "certificate_batch"

    batch: int = Field(primary_key=True, sa_type=DecimalText)
    device: str = Field(index=True, max_length=42)
    period: int = Field(sa_type=BigInt)
    slot: int
    technology: int = Field(index=True)
    zone: int
    vintage: int = Field(sa_type=BigInt, index=True)
    starts_at: int = Field(sa_type=BigInt, index=True)
    ends_at: int = Field(sa_type=BigInt)
    issued_wh: int = Field(sa_type=BigInt)
    retired_wh: int = Field(sa_type=BigInt)
    expired_wh: int = Field(sa_type=BigInt)
    issued_to: str = Field(default="", max_length=42)
    issued_in: str = Field(default="", max_length=66)


class HoldingRow(SQLModel, table=True):
    """Certificates of a batch that an account holds; without a row it holds none."""

    __tablename__ = "certificate_holding"

    account: str = Field(primary_key=True, max_length=42)
    batch: int = Field(primary_key=True, sa_type=DecimalText)
    held_wh: int = Field(sa_type=BigInt)


class PlaceRow(SQLModel, table=True):
    """What an account offers in a market and slot, and what it bought or recalled there.

    Attributes:
        recall_round: the first round in which the recall no longer counts; 0: none pending.
        uncollected_wh: positions of the pool that are its own and not collected yet.
        next_position: the first of them; -1 without any.
    """

    __tablename__ = "certificate_place"

    market: int = Field(primary_key=True, sa_type=BigInt)
    slot: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, index=True, max_length=42)
    offered_wh: int = Field(sa_type=DecimalText)
    recalled_wh: int = Field(sa_type=DecimalText)
    recall_round: int = Field(sa_type=BigInt)
    uncollected_wh: int = Field(sa_type=DecimalText)
    next_position: int = Field(sa_type=DecimalText)


class PoolRow(SQLModel, table=True):
    """Positions of a market and slot: ``[head, tail)`` is for sale."""

    __tablename__ = "certificate_pool"

    market: int = Field(primary_key=True, sa_type=BigInt)
    slot: int = Field(primary_key=True, sa_type=BigInt)
    head: int = Field(sa_type=DecimalText)
    tail: int = Field(sa_type=DecimalText)
