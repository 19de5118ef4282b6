"""Tables of venues and of the votes cast in them. No personal data: see `CastVoteRow.voter`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class VenueRow(SQLModel, table=True):
    """A building whose customers vote.

    Attributes:
        owner: the participant who manages it.
        zones: names of the places a customer may be in, in their order.
        link: what the address of the voting page ends in; whoever has it may vote.
        salt: hex; mixed into what is kept of a voter.
    """

    __tablename__ = "comfort_venue"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    owner: str = Field(index=True, max_length=42)
    name: str = Field(max_length=80)
    zones: list[Any] = Field(sa_type=JSON)
    link: str = Field(unique=True, max_length=32)
    salt: str = Field(max_length=64)
    created_at: int = Field(sa_type=BigInt)


class CastVoteRow(SQLModel, table=True):
    """The last vote of a person in a zone and hour.

    Attributes:
        zone: place in the venue's list of zones.
        hour: hours since 1970, UTC.
        voter: SHA-256 of the venue's salt, the UTC day and a number that the phone made up. It
            tells one day's voters apart and says nothing about who they are, nor whether somebody
            voted the day before.
        sensation: ASHRAE scale, -3 cold to +3 hot.
    """

    __tablename__ = "comfort_vote"
    __table_args__ = (UniqueConstraint("venue", "hour", "zone", "voter"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    venue: int = Field(foreign_key="comfort_venue.id", sa_type=BigInt)
    hour: int
    zone: int
    voter: str = Field(max_length=64)
    sensation: int
