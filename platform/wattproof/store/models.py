"""The installation: which chain this database belongs to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class InstallationRow(SQLModel, table=True):
    """The one row that ties a database to a chain."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    chain_id: int = Field(sa_type=BigInt)
    genesis_hash: str = Field(max_length=66)
    deployment_block: int = Field(sa_type=BigInt)
    deployment_block_hash: str = Field(max_length=66)
    addresses: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = Field(sa_type=BigInt)
