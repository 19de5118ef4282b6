"""Presentations: asking a holder to show something, showing it, what was learnt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from identity import did
from wattproof.api.access import MarketVisitor, PlatformDep
from wattproof.api.credential_shapes import Secured
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.auth.scopes import Scope
from wattproof.credentials import presenting
from wattproof.credentials.models import PresentationRequestRow, PresentationRow
from wattproof.runtime import Platform

router = APIRouter(tags=["credentials"])

_NAME: Final = r"^[a-z_]{1,40}$"
Name = Annotated[str, Field(pattern=_NAME)]
NoncePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$", description="The request's nonce.")]


class RequestIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kinds: list[Name] = Field(
        min_length=1, max_length=8, description="Any of them will do.", examples=[["participant"]]
    )
    claims: list[Name] = Field(
        max_length=16,
        description="All of them must be shown; nothing else is kept.",
        examples=[["role", "zone"]],
    )
    purpose: str = Field(
        default="", pattern=r"^[^\x00-\x1f\x7f]{0,200}$", examples=["to trade in zone 4"]
    )
    to: Literal["market", "me"] = Field(
        default="market", description="Who learns it: this market (its operator), or you alone."
    )


class RequestOut(BaseModel):
    """What to sign a presentation for."""

    nonce: str
    audience: str = Field(description="The presentation must name it (`aud`).")
    asker: str = Field(description="DID of who asks.")
    kinds: list[str]
    claims: list[str]
    purpose: str
    asked_at: datetime = Field(description="This market's time: a test chain may be ahead of you.")
    expires_at: datetime


class PresentationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    presentation: Secured = Field(
        description="vp+jwt, or an SD-JWT with the disclosures to show and the holder's binding."
    )


class LearntOut(BaseModel):
    """What was shown and asked for."""

    id: str
    holder: str
    kind: str
    issuer: str
    claims: dict[str, Any]
    shown_at: datetime
    valid_until: datetime | None


class PresentedOut(BaseModel):
    learnt: list[LearntOut]


@router.post("/presentations/requests", status_code=201, responses=responses(401, 403, 422, 503))
def request_presentation(
    body: RequestIn, principal: MarketVisitor, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Ask for a presentation: a nonce that is good for one of them, for five minutes."""
    asked = presenting.Asked(
        kinds=tuple(dict.fromkeys(body.kinds)),
        claims=tuple(dict.fromkeys(body.claims)),
        purpose=body.purpose,
        to_market=body.to == "market",
    )

    def change(session: Session) -> RequestOut:
        row = presenting.ask(platform, session, principal.address, asked)
        return _request(platform, row)

    return write.once(change, status=201)


@router.get("/presentations/requests/{nonce}", responses=responses(401, 403, 404, 422, 503))
def show_request(nonce: NoncePath, principal: MarketVisitor, platform: PlatformDep) -> RequestOut:
    """What a request asks for, and who asks, before you sign anything."""
    with platform.transaction() as session:
        return _request(platform, presenting.request(session, nonce))


@router.post("/presentations", status_code=201, responses=responses(401, 403, 409, 413, 422, 503))
def present(
    body: PresentationIn, principal: MarketVisitor, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Show credentials; the answer is what was learnt, and that alone is kept.

    The nonce is used up whatever becomes of it (`nonce_used` afterwards). `bad_presentation` says
    what does not hold.
    """
    answered = write.answered()
    if answered is not None:
        return answered
    learnt = presenting.present(platform, body.presentation)

    def change(session: Session) -> PresentedOut:
        session.add_all(learnt)
        return PresentedOut(learnt=[_learnt(row) for row in learnt])

    return write.once(change, status=201)


@router.get("/presentations", responses=responses(401, 403, 422, 503))
def list_presentations(
    principal: MarketVisitor, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[LearntOut]:
    """What you showed, what was shown to you, and for the operator what the market learnt."""
    key = decode(cursor, [str])
    with platform.transaction() as session:
        rows, following = page(
            presenting.learnt_by(
                session,
                principal.address,
                operator=Scope.OPERATOR in principal.scopes,
                after=str(key[0]) if key else None,
                limit=limit + 1,
            ),
            limit,
            lambda row: [row.id],
        )
    return Page(items=[_learnt(row) for row in rows], next_cursor=following)


def _request(platform: Platform, row: PresentationRequestRow) -> RequestOut:
    return RequestOut(
        nonce=row.nonce,
        audience=row.audience,
        asker=str(did.of(row.asker, platform.deployment.chain_id)),
        kinds=row.kinds,
        claims=row.claims,
        purpose=row.purpose,
        asked_at=datetime.fromtimestamp(row.created_at, UTC),
        expires_at=datetime.fromtimestamp(row.expires_at, UTC),
    )


def _learnt(row: PresentationRow) -> LearntOut:
    until = row.valid_until
    return LearntOut(
        id=row.id,
        holder=row.holder,
        kind=row.kind,
        issuer=row.issuer,
        claims=row.claims,
        shown_at=datetime.fromtimestamp(row.shown_at, UTC),
        valid_until=None if until is None else datetime.fromtimestamp(until, UTC),
    )
