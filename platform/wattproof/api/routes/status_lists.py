"""Status lists: indexes for issuers, lists they signed, and the platform's own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from identity.verifiable.kinds import KINDS
from identity.verifiable.status_list import LEAST_BITS, REVOCATION
from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.credential_shapes import Secured
from wattproof.api.fields import Address
from wattproof.api.idempotency import Write
from wattproof.api.problems import responses
from wattproof.credentials import status_lists
from wattproof.credentials.issuers import require_accredited
from wattproof.credentials.models import StatusListRow
from wattproof.errors import InvalidError

router = APIRouter(tags=["credentials"])

MEDIA_TYPE: Final = "application/vc+jwt"
_MAX_AGE_S: Final = 300
_ROLES: Final = tuple(dict.fromkeys(role for kind in KINDS.values() for role in kind.roles))
Purpose = Literal["revocation", "suspension"]
IssuerPath = Annotated[Address, Path(description="Address of the issuer's did:ethr.")]
NumberPath = Annotated[int, Path(ge=1, le=999_999_999, examples=[1])]


class EntryWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: str = Field(
        pattern=r"^[a-z_]{1,40}$",
        description="That the credential will give; you must be accredited for it.",
        examples=["prosumer"],
    )
    purpose: Purpose = REVOCATION


class EntryOut(BaseModel):
    """An index of your own, and how your credential names it (`credentialStatus`)."""

    number: int
    index: int = Field(description=f"0 to {LEAST_BITS - 1}, at random.")
    status_list: str = Field(description="Address of the list: publish it there (PUT).")
    entry: dict[str, str]


class SignedList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Secured = Field(
        description="BitstringStatusListCredential as vc+jwt, signed by the issuer's key."
    )


class ListOut(BaseModel):
    """A published list."""

    status_list: str
    valid_from: datetime
    valid_until: datetime


@router.post("/status-lists/entries", status_code=201, responses=responses(401, 403, 409, 422, 503))
def allot_entry(
    body: EntryWanted, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Get an index for a credential that you issue yourself (accredited issuer)."""
    if body.role not in _ROLES:
        raise InvalidError(f"no credential gives the role {body.role}; there are {_ROLES}")
    require_accredited(platform, principal.address, body.role)

    def change(session: Session) -> EntryOut:
        allotted = status_lists.allot(platform, session, principal.address, body.purpose)
        entry = allotted.entry
        return EntryOut(
            number=allotted.number,
            index=entry.index,
            status_list=entry.list_url,
            entry=entry.document(),
        )

    return write.once(change, status=201)


@router.put(
    "/status-lists/{issuer}/{purpose}/{number}",
    responses=responses(401, 403, 404, 409, 413, 422, 503),
)
def publish_list(
    issuer: IssuerPath,
    purpose: Purpose,
    number: NumberPath,
    body: SignedList,
    principal: Participant,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Publish a status list that its issuer signed; whoever hands it in.

    It must be newer than the published one, of the same length, hold for 31 days at most, and clear
    no bit of a revocation.
    """
    name = status_lists.ListName(issuer, purpose, number)

    def change(session: Session) -> ListOut:
        return _shown(status_lists.host(platform, session, name, body.token))

    return write.once(change)


@router.get(
    "/status-lists/{issuer}/{purpose}/{number}",
    dependencies=[Public],
    response_class=Response,
    responses={
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
        304: {"description": "Not Modified"},
        **responses(404, 422, 503),
    },
)
def status_list(
    issuer: IssuerPath,
    purpose: Purpose,
    number: NumberPath,
    platform: PlatformDep,
    if_none_match: Annotated[str | None, Header(description="ETag of the one you have.")] = None,
) -> Response:
    """A status list as its issuer signed it (vc+jwt).

    A verifier that cannot have it, or whose list is over, takes no credential for valid.
    """
    name = status_lists.ListName(issuer, purpose, number)
    with platform.transaction() as session:
        row = status_lists.published(platform, session, name)
        token, left_s = str(row.token), row.valid_until - platform.clock.now()
    tag = f'"{hashlib.sha256(token.encode()).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={max(0, min(_MAX_AGE_S, left_s))}",
        "ETag": tag,
    }
    if if_none_match == tag:
        return Response(status_code=304, headers=headers)
    return Response(token, media_type=MEDIA_TYPE, headers=headers)


def _shown(row: StatusListRow) -> ListOut:
    return ListOut(
        status_list=row.url,
        valid_from=datetime.fromtimestamp(row.valid_from, UTC),
        valid_until=datetime.fromtimestamp(row.valid_until, UTC),
    )
