"""Table of published baselines: the chain has their hash, this their values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class PublishedBaselineRow(SQLModel, table=True):
    """Values that were committed for an account before a window or event began.

    Attributes:
        contract: EnergyCredits or DemandResponse.
        subject: number of the window or event.
        values_wh: a slot of the period each.
    """

    __tablename__ = "published_baseline"

    contract: str = Field(primary_key=True, max_length=40)
    subject: int = Field(primary_key=True, sa_type=BigInt)
    account: str = Field(primary_key=True, max_length=42)
    values_wh: list[Any] = Field(sa_type=JSON)
