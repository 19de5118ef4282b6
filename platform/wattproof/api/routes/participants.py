"""Registration, identifiers and credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from identity import did
from wattproof.api.access import Operator, Participant, PlatformDep
from wattproof.api.credential_shapes import Claim, CredentialOut, credential_out
from wattproof.api.fields import Address
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.credentials.issuing import issue_role, issued_to
from wattproof.credentials.revoking import revoke_role
from wattproof.participants import service
from wattproof.participants.models import ParticipantRow
from wattproof.runtime import Platform

router = APIRouter(tags=["participants"])

AddressPath = Annotated[Address, Path()]
RolePath = Annotated[
    str, Path(pattern=r"^[a-z_]{1,40}$", examples=["ev_owner"], description="Name of the role.")
]


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$", examples=["Ada's car"])
    role: Literal["prosumer", "ev_owner", "supplier"] | None = Field(
        default="prosumer", description="The trading role you ask for; null if you do not trade."
    )


class RoleIn(BaseModel):
    """What the credential says beside the role."""

    model_config = ConfigDict(extra="forbid")

    claims: dict[str, Claim] = Field(
        default_factory=dict,
        description="Of the schema of the role's kind; where nobody names a zone it is the "
        "installation's.",
        examples=[{"zone": "10YDE-VE-------2"}],
    )


class ParticipantOut(BaseModel):
    address: str
    did: str
    name: str
    role: str | None
    registered_at: datetime
    credentials: list[CredentialOut]


@router.post("/participants", status_code=201, responses=responses(401, 403, 409, 422, 503))
def register(
    body: Registration, principal: Participant, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Register, and ask for the credential of a trading role.

    The embedded profile grants it at once; elsewhere an operator does.
    """

    def change(session: Session) -> ParticipantOut:
        row = service.register(platform, session, principal.address, name=body.name, role=body.role)
        return _participant(platform, session, row)

    return write.once(change, status=201)


@router.get("/participants/me", responses=responses(401, 403, 404, 503))
def myself(principal: Participant, platform: PlatformDep) -> ParticipantOut:
    """Your registration and credentials."""
    with platform.transaction() as session:
        return _participant(platform, session, service.get(session, principal.address))


@router.get("/participants", responses=responses(401, 403, 422, 503))
def list_participants(
    principal: Operator, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ParticipantOut]:
    """Everybody who registered (operator)."""
    key = decode(cursor, [str])
    with platform.transaction() as session:
        rows, following = page(
            service.listed(session, after=str(key[0]) if key else None, limit=limit + 1),
            limit,
            lambda row: [row.address],
        )
        return Page(
            items=[_participant(platform, session, row) for row in rows], next_cursor=following
        )


@router.put(
    "/participants/{address}/credentials/{role}",
    responses=responses(401, 403, 404, 409, 422, 503),
)
def grant_credential(
    address: AddressPath,
    role: RolePath,
    principal: Operator,
    platform: PlatformDep,
    write: Write,
    body: RoleIn | None = None,
) -> JSONResponse:
    """Have the platform's issuer give a registered participant a role's credential (operator).

    Changes nothing where one stands or is on its way. `POST /credentials` issues any kind to any
    subject.
    """

    def change(session: Session) -> ParticipantOut:
        row = service.get(session, address)
        issue_role(platform, session, address, role, body.claims if body else None)
        return _participant(platform, session, row, whole=False)

    return write.once(change)


@router.delete(
    "/participants/{address}/credentials/{role}",
    status_code=202,
    responses=responses(401, 403, 404, 409, 422, 503),
)
def revoke_credential(
    address: AddressPath,
    role: RolePath,
    principal: Operator,
    platform: PlatformDep,
    write: Write,
) -> JSONResponse:
    """Revoke a role (operator); gates from the revoking block on no longer count it."""

    def change(session: Session) -> ParticipantOut:
        row = service.get(session, address)
        revoke_role(platform, session, address, role)
        return _participant(platform, session, row, whole=False)

    return write.once(change, status=202)


def _participant(
    platform: Platform, session: Session, row: ParticipantRow, *, whole: bool = True
) -> ParticipantOut:
    session.flush()
    now = platform.clock.now()
    return ParticipantOut(
        address=row.address,
        did=str(did.of(row.address, platform.deployment.chain_id)),
        name=row.name,
        role=row.role,
        registered_at=datetime.fromtimestamp(row.registered_at, UTC),
        credentials=[
            credential_out(session, issued, now, whole=whole)
            for issued in issued_to(session, row.address)
        ],
    )
