"""Independent issuers: accreditations and grants on the chain, and what changes them, to be signed.

An issuer signs credentials on its own machine; for markets a role counts from the grant on the
chain, which the issuer sends itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from identity import did
from wattproof.api.access import Participant, PlatformDep, Public
from wattproof.api.fields import Address, Hash, Uint32, hex_bytes
from wattproof.api.problems import responses
from wattproof.api.transactions import RoleTransactions, TransactionsToSign, role_to_sign, to_sign
from wattproof.issuers import service
from wattproof.issuers.refusals import ADVICE

router = APIRouter(prefix="/issuers", tags=["issuers"])

AddressPath = Annotated[Address, Path(description="Address of the issuer.")]
HashPath = Annotated[Hash, Path(description="Hash of the credential.")]
RoleName = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", examples=["ev_owner"])]
_REFUSALS = responses(401, 403, 404, 409, 422, 503)


class Accrediting(BaseModel):
    """For which role an issuer is accredited."""

    model_config = ConfigDict(extra="forbid")

    issuer: Address
    role: RoleName


class Granting(BaseModel):
    """What a credential gives to whom, until when."""

    model_config = ConfigDict(extra="forbid")

    credential_hash: Hash = Field(
        description="keccak-256 of the canonical JSON of what the issuer signed, without a proof."
    )
    subject: Address
    role: RoleName
    expires_at: Uint32 = Field(description="Seconds, UTC; excluded.", examples=[1_825_000_000])


class Revoking(BaseModel):
    """Which grant ends."""

    model_config = ConfigDict(extra="forbid")

    credential_hash: Hash


class AccreditationOut(BaseModel):
    role: str
    since: datetime
    ended_at: datetime | None = Field(description="Not null: for good; its grants ended with it.")


class IssuerOut(BaseModel):
    address: str
    did: str
    accreditations: list[AccreditationOut]


class GrantOut(BaseModel):
    """What the chain says of a credential; the times are null where a newer one replaced it."""

    credential_hash: str
    subject: str
    role: str
    issuer: str | None
    valid_from: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    stands: bool = Field(description="Whether it opens gates now.")


@router.get("/{address}", dependencies=[Public], responses=responses(422, 503))
def show_issuer(address: AddressPath, platform: PlatformDep) -> IssuerOut:
    """For which roles an address may issue credentials, as the chain has it."""
    return IssuerOut(
        address=address,
        did=str(did.of(address, platform.deployment.chain_id)),
        accreditations=[
            AccreditationOut(
                role=each.role, since=_moment(each.since), ended_at=_when(each.ended_at)
            )
            for each in service.accreditations(platform, address)
        ],
    )


@router.get("/grants/{credential_hash}", dependencies=[Public], responses=responses(404, 422, 503))
def show_grant(credential_hash: HashPath, platform: PlatformDep) -> GrantOut:
    """What the chain says of a credential, by its hash."""
    found = service.grant_of(platform, hex_bytes(credential_hash))
    return GrantOut(
        credential_hash=credential_hash,
        subject=found.subject,
        role=found.role,
        issuer=found.issuer,
        valid_from=_when(found.valid_from),
        expires_at=_when(found.expires_at),
        revoked_at=_when(found.revoked_at),
        stands=found.stands,
    )


@router.post("/accreditations", responses=_REFUSALS)
def accredit(body: Accrediting, principal: Participant, platform: PlatformDep) -> RoleTransactions:
    """A transaction of the registrar's that lets an issuer grant a role."""
    call = service.accredit(platform, principal.address, body.issuer, body.role)
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


@router.post("/accreditations/removals", responses=_REFUSALS)
def remove_accreditation(
    body: Accrediting, principal: Participant, platform: PlatformDep
) -> RoleTransactions:
    """A transaction of the registrar's that ends an accreditation and all its grants, for good."""
    call = service.remove(platform, principal.address, body.issuer, body.role)
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


@router.post("/grants", responses=_REFUSALS)
def grant(body: Granting, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction of an accredited issuer's that grants a role, or extends its own grant."""
    transaction = service.grant(
        platform, hex_bytes(body.credential_hash), body.subject, body.role, body.expires_at
    )
    return to_sign(platform, principal.address, [transaction], tried=True, advice=ADVICE)


@router.post("/revocations", responses=_REFUSALS)
def revoke(body: Revoking, principal: Participant, platform: PlatformDep) -> RoleTransactions:
    """A transaction of the issuer's, or the registrar's, that ends a grant at once."""
    call = service.revoke(platform, principal.address, hex_bytes(body.credential_hash))
    return role_to_sign(platform, principal.address, call, advice=ADVICE)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _when(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
