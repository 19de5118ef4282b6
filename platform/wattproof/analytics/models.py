"""Tables of what analysts were told, and of what that cost each account in privacy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class AnalyticsLockRow(SQLModel, table=True):
    """The one row that whoever spends of a budget holds meanwhile."""

    __tablename__ = "analytics_lock"

    id: int = Field(primary_key=True)


class ReleaseRow(SQLModel, table=True):
    """A question and the one answer it will ever have.

    Attributes:
        zone: -1: all of them.
        slots_a_value: how many slots a sum is over.
        clamp_w: 0: each device's own capacity.
        epsilon_milli: what it cost, thousandths.
        accounts: registered with a device for it, whether they were read or not.
        sums_wh: of all accounts with noise, import positive.
        scale_wh: of the noise. value_error_wh, profile_error_wh: what the noise of a sum, and of
            the worst of all, stays within with 95 %.
        asked_by: address of the analyst who asked first.
    """

    __tablename__ = "analytics_release"
    __table_args__ = (
        UniqueConstraint(
            "market", "period", "carrier", "zone", "slots_a_value", "clamp_w", "epsilon_milli"
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    market: int = Field(sa_type=BigInt)
    period: int = Field(sa_type=BigInt)
    carrier: int
    zone: int
    slots_a_value: int
    clamp_w: int = Field(sa_type=BigInt)
    epsilon_milli: int
    accounts: int
    sums_wh: list[Any] = Field(sa_type=JSON)
    scale_wh: float
    value_error_wh: int = Field(sa_type=BigInt)
    profile_error_wh: int = Field(sa_type=BigInt)
    asked_by: str = Field(max_length=42)
    made_at: int = Field(sa_type=BigInt)


class ChargeRow(SQLModel, table=True):
    """What a release cost an account that it may have said something about.

    Attributes:
        starts_at: of the period the readings are of, seconds UTC: windows are counted in it.
    """

    __tablename__ = "analytics_charge"

    release: int = Field(primary_key=True, sa_type=BigInt, foreign_key="analytics_release.id")
    account: str = Field(primary_key=True, index=True, max_length=42)
    starts_at: int = Field(sa_type=BigInt, index=True)
    epsilon_milli: int
