"""Venues and votes.

A vote is one of seven answers to "how do you feel?" (ASHRAE thermal sensation scale, ISO 10551).
Whoever stands in the building has the link; nobody signs in. So a vote is evidence, not an
authority: one a phone, zone and hour counts, a venue takes a bounded number an hour, and the model
that listens to them bounds how far they move anything.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from wattproof.comfort.models import CastVoteRow, VenueRow
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.runtime import Platform

HOUR_S = 3_600
DAY_S = 86_400
SENSATIONS = range(-3, 4)
ZONES_MAX = 64
VOTES_AN_HOUR_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes of a zone in an hour; ``counts`` are by sensation, -3 first."""

    hour: int
    zone: int
    counts: tuple[int, ...]


def create_venue(
    platform: Platform, session: Session, owner: str, *, name: str, zones: Sequence[str]
) -> VenueRow:
    """A venue with a link of its own.

    Raises:
        InvalidError: no zone, too many, or two of one name.
    """
    if not 1 <= len(zones) <= ZONES_MAX:
        raise InvalidError(f"a venue has 1 to {ZONES_MAX} zones, not {len(zones)}")
    if len(set(zones)) != len(zones):
        raise InvalidError("two zones have the same name; customers could not tell them apart")
    row = VenueRow(
        owner=owner,
        name=name,
        zones=list(zones),
        link=secrets.token_urlsafe(16),
        salt=secrets.token_hex(32),
        created_at=platform.clock.now(),
    )
    session.add(row)
    session.flush()
    return row


def venues_of(session: Session, owner: str) -> list[VenueRow]:
    """The venues somebody manages, oldest first."""
    return list(
        session.exec(select(VenueRow).where(VenueRow.owner == owner).order_by(col(VenueRow.id)))
    )


def venue_of(session: Session, owner: str, number: int) -> VenueRow:
    """One's own venue. Raises NotFoundError, also for somebody else's."""
    row = session.get(VenueRow, number)
    if row is None or row.owner != owner:
        raise NotFoundError(f"you manage no venue {number}; GET /comfort/venues lists yours")
    return row


def venue_behind(session: Session, link: str) -> VenueRow:
    """The venue of a link. Raises NotFoundError."""
    row = session.exec(select(VenueRow).where(VenueRow.link == link)).first()
    if row is None:
        raise NotFoundError("this voting link is not, or no longer, in use; scan the code again")
    return row


def renew_link(session: Session, owner: str, number: int) -> VenueRow:
    """Give the venue another link; the old one stops working at once."""
    row = venue_of(session, owner, number)
    row.link = secrets.token_urlsafe(16)
    session.add(row)
    return row


def vote(
    platform: Platform, session: Session, link: str, *, zone: int, sensation: int, voter: str
) -> None:
    """Count a vote; another one of the same phone in the zone and hour replaces it.

    Args:
        voter: what the phone made up for itself.

    Raises:
        NotFoundError: no such link.
        InvalidError: no such zone or sensation.
        RefusedError: the venue has all the votes it takes in this hour.
    """
    venue = venue_behind(session, link)
    if not 0 <= zone < len(venue.zones):
        raise InvalidError(f"{venue.name} has zones 0 to {len(venue.zones) - 1}, not {zone}")
    if sensation not in SENSATIONS:
        raise InvalidError(f"a sensation is a whole number from -3 to 3, not {sensation}")
    now = platform.clock.now()
    hour = now // HOUR_S
    person = hashlib.sha256(f"{venue.salt}|{now // DAY_S}|{voter}".encode()).hexdigest()
    before = session.exec(
        select(CastVoteRow).where(
            CastVoteRow.venue == venue.id,
            CastVoteRow.hour == hour,
            CastVoteRow.zone == zone,
            CastVoteRow.voter == person,
        )
    ).first()
    if before is not None:
        before.sensation = sensation
        session.add(before)
        return
    taken = session.exec(
        select(func.count()).where(CastVoteRow.venue == venue.id, CastVoteRow.hour == hour)
    ).one()
    if taken >= VOTES_AN_HOUR_MAX:
        raise RefusedError("this hour's votes are full; try again in the next one", code="full")
    assert venue.id is not None  # it was read from the database
    session.add(
        CastVoteRow(venue=venue.id, hour=hour, zone=zone, voter=person, sensation=sensation)
    )


def tallies(session: Session, venue: int, *, since_hour: int, until_hour: int) -> list[Tally]:
    """Votes counted by hour and zone, ``since_hour <= hour < until_hour``; empty ones left out."""
    rows = session.exec(
        select(CastVoteRow.hour, CastVoteRow.zone, CastVoteRow.sensation, func.count())
        .where(
            CastVoteRow.venue == venue,
            CastVoteRow.hour >= since_hour,
            CastVoteRow.hour < until_hour,
        )
        .group_by(col(CastVoteRow.hour), col(CastVoteRow.zone), col(CastVoteRow.sensation))
    ).all()
    counted: dict[tuple[int, int], list[int]] = {}
    for hour, zone, sensation, number in rows:
        counts = counted.setdefault((hour, zone), [0] * len(SENSATIONS))
        counts[SENSATIONS.index(sensation)] = number
    return [Tally(hour, zone, tuple(counts)) for (hour, zone), counts in sorted(counted.items())]
