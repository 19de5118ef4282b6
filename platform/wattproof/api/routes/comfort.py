"""Votes on comfort: what a customer's phone sends, and what the building's manager reads."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.idempotency import Write
from wattproof.api.problems import responses
from wattproof.comfort import service
from wattproof.comfort.models import VenueRow
from wattproof.errors import InvalidError

router = APIRouter(tags=["comfort"])

_NAME = r"^[^\x00-\x1f\x7f]{1,80}$"
_HOURS_MAX = 24 * 31
_PAGE: Final = FilePath(service.__file__).parent / "page"
_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
Name = Annotated[str, Field(pattern=_NAME)]
VenuePath = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[1])]
LinkPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{22}$", description="The end of the venue's voting address.")
]
Hour = Annotated[int, Query(ge=0, le=2**31 - 1, description="Hours since 1970, UTC.")]


class NewVenue(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Harbour Mall"])
    zones: list[Name] = Field(
        min_length=1, max_length=service.ZONES_MAX, examples=[["atrium", "shops", "food court"]]
    )


class VenueOut(BaseModel):
    id: int
    name: str
    zones: list[str]
    link: str = Field(description="Customers vote at /vote/<link>: print it as a code.")


class VenuesOut(BaseModel):
    items: list[VenueOut]


class BallotOut(BaseModel):
    """What a phone needs to know to vote."""

    name: str
    zones: list[str]


class Vote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    zone: int = Field(strict=True, ge=0, lt=service.ZONES_MAX, examples=[0])
    sensation: int = Field(
        strict=True,
        ge=service.SENSATIONS[0],
        le=service.SENSATIONS[-1],
        description="ASHRAE scale: -3 cold, -2 cool, -1 slightly cool, 0 neutral, ... 3 hot.",
        examples=[1],
    )
    voter: str = Field(
        pattern=r"^[0-9a-f]{32}$",
        description="128 random bits that the phone made up and keeps. Only a hash that changes "
        "every day is stored.",
        examples=["5f" * 16],
    )


class TallyOut(BaseModel):
    """Votes of one zone in one hour."""

    hour: int = Field(description="Hours since 1970, UTC.")
    zone: str
    counts: list[int] = Field(
        min_length=7, max_length=7, description="Votes by sensation, -3 first."
    )


class TalliesOut(BaseModel):
    items: list[TallyOut]


@router.post("/comfort/venues", status_code=201, responses=responses(401, 403, 422, 503))
def create_venue(
    body: NewVenue, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Have a building's customers vote: answers the link to print."""

    def change(session: Session) -> VenueOut:
        return _venue(
            service.create_venue(
                platform, session, principal.address, name=body.name, zones=body.zones
            )
        )

    return write.once(change, status=201)


@router.get("/comfort/venues", responses=responses(401, 403, 503))
def my_venues(principal: Participant, platform: PlatformDep) -> VenuesOut:
    """The buildings whose votes you read."""
    with platform.transaction() as session:
        return VenuesOut(
            items=[_venue(row) for row in service.venues_of(session, principal.address)]
        )


@router.post("/comfort/venues/{venue}/link", responses=responses(401, 403, 404, 422, 503))
def renew_link(
    venue: VenuePath, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Give your venue another link; the old one stops working at once."""

    def change(session: Session) -> VenueOut:
        return _venue(service.renew_link(session, principal.address, venue))

    return write.once(change)


@router.get("/comfort/venues/{venue}/votes", responses=responses(401, 403, 404, 422, 503))
def votes(
    venue: VenuePath, principal: Participant, platform: PlatformDep, since: Hour, until: Hour
) -> TalliesOut:
    """Votes counted by zone and hour, `since` up to but without `until` (31 days at most)."""
    if not since < until <= since + _HOURS_MAX:
        raise InvalidError(f"`until` lies 1 to {_HOURS_MAX} hours after `since`")
    with platform.transaction() as session:
        row = service.venue_of(session, principal.address, venue)
        found = service.tallies(session, venue, since_hour=since, until_hour=until)
        return TalliesOut(
            items=[
                TallyOut(hour=each.hour, zone=row.zones[each.zone], counts=list(each.counts))
                for each in found
            ]
        )


@router.get("/vote/{link}/ballot", dependencies=[Public], responses=responses(404, 422, 503))
def ballot(link: LinkPath, platform: PlatformDep) -> BallotOut:
    """Which building a link belongs to, and its zones (no sign-in)."""
    with platform.transaction() as session:
        row = service.venue_behind(session, link)
        return BallotOut(name=row.name, zones=row.zones)


@router.post(
    "/vote/{link}",
    status_code=204,
    dependencies=[Public],
    responses=responses(404, 409, 422, 503),
)
def cast(link: LinkPath, body: Vote, platform: PlatformDep) -> None:
    """Say how you feel (no sign-in). Your last vote in a zone and hour counts."""
    for attempt in range(2):
        try:
            with platform.transaction() as session:
                service.vote(
                    platform,
                    session,
                    link,
                    zone=body.zone,
                    sensation=body.sensation,
                    voter=body.voter,
                )
                return
        except IntegrityError:  # the same phone voted at the same moment: change that vote
            if attempt:
                raise


@router.get("/vote/page.js", include_in_schema=False, dependencies=[Public])
def script() -> Response:
    """The voting page's script."""
    return _file("vote.js", "text/javascript")


@router.get("/vote/page.css", include_in_schema=False, dependencies=[Public])
def style() -> Response:
    """The voting page's style."""
    return _file("vote.css", "text/css")


@router.get("/vote/{link}", include_in_schema=False, dependencies=[Public])
def page(link: LinkPath) -> Response:
    """The page a customer's phone opens."""
    return _file("vote.html", "text/html")


def _file(name: str, media_type: str) -> Response:
    content = (_PAGE / name).read_text(encoding="utf-8")
    return Response(content, media_type=media_type, headers={"Content-Security-Policy": _POLICY})


def _venue(row: VenueRow) -> VenueOut:
    assert row.id is not None  # it was flushed
    return VenueOut(id=row.id, name=row.name, zones=row.zones, link=row.link)
