"""Tables of obligations and the periods reported for them."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt, DecimalText


class ObligationRow(SQLModel, table=True):
    """What an account owes under a quota, as the chain has it; energy in Wh, money in micro-units.

    Attributes:
        basis: 0 energy fed in, 1 energy taken out.
        ratio: millionths of it.
        owed_wh: for the periods reported so far.
    """

    __tablename__ = "quota_obligation"

    quota: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, index=True, max_length=42)
    device: str = Field(max_length=42)
    basis: int
    ratio: int
    reported_periods: int
    settled: bool = Field(index=True)
    energy_wh: int = Field(sa_type=DecimalText)
    owed_wh: int = Field(sa_type=DecimalText)
    surrendered_wh: int = Field(sa_type=DecimalText)
    banked_wh: int = Field(sa_type=DecimalText)
    shortfall_wh: int = Field(sa_type=DecimalText)
    bond_micro: int = Field(sa_type=DecimalText)
    penalty_paid_micro: int = Field(sa_type=DecimalText)


class ReportRow(SQLModel, table=True):
    """A period that was reported for an obligation."""

    __tablename__ = "quota_report"

    quota: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    period: int = Field(primary_key=True, sa_type=BigInt)
    energy_wh: int = Field(sa_type=DecimalText)
