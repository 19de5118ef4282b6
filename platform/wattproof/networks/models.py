"""Descriptions of networks, kept until a market's number is known and they are published."""

from __future__ import annotations

from sqlalchemy import Text
from sqlmodel import Field, SQLModel


class NetworkRow(SQLModel, table=True):
    """A description under its Keccak hash, both as 0x-hex."""

    __tablename__ = "network_description"

    hash: str = Field(primary_key=True, max_length=66)
    description: str = Field(sa_type=Text)
