"""Credentials: issuing, fetching, revoking, verifying; the schemas they follow."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from identity import did
from identity.verifiable.kinds import KINDS
from identity.verifiable.schema import schema_of
from wattproof.api.access import CredentialReader, Operator, PlatformDep, Public
from wattproof.api.credential_shapes import Claim, CredentialOut, Secured, credential_out
from wattproof.api.fields import Address, Hash
from wattproof.api.idempotency import Write
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.auth.scopes import Principal, Scope
from wattproof.credentials import issuing, revoking
from wattproof.credentials.checks import Check, Outcome
from wattproof.credentials.models import IssuedRow
from wattproof.credentials.verification import examine
from wattproof.errors import InvalidError, NotFoundError

router = APIRouter(tags=["credentials"])

_DID: Final = "did:ethr:0x7a69:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
_LONGEST_S: Final = 10 * 366 * 86_400
KindPath = Annotated[
    str,
    Path(pattern=r"^[a-z_]{1,40}$", examples=["participant"], description=", ".join(KINDS)),
]
HashPath = Annotated[Hash, Path(description="Hash of the credential, as the chain holds it.")]


class NewCredential(BaseModel):
    """What the platform's issuer is to say of whom."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(pattern=r"^[a-z_]{1,40}$", examples=["participant"])
    subject: Address | Annotated[str, Field(pattern=r"^did:ethr:[0-9A-Za-z:]{1,120}$")] = Field(
        description="DID of whom it is about, or its address; of a meter the device's own.",
        examples=[_DID],
    )
    claims: dict[str, Claim] = Field(
        description="As the kind's schema has them (GET /schemas/{kind}).",
        examples=[{"role": "prosumer", "zone": "10YDE-VE-------2"}],
    )
    lifetime_s: int = Field(
        default=issuing.LIFETIME_S,
        strict=True,
        ge=3_600,
        le=_LONGEST_S,
        description="For how long it holds.",
    )


class CredentialToVerify(BaseModel):
    model_config = ConfigDict(extra="forbid")

    credential: Secured | dict[str, Any] = Field(
        description="vc+jwt, SD-JWT with the disclosures you have, or a document with proof."
    )


class CheckOut(BaseModel):
    check: Check
    outcome: Outcome
    why: str = Field(description="What fails, or what you may want to know; may be empty.")


class VerifiedOut(BaseModel):
    """What holds and what does not."""

    holds: bool = Field(description="Whether every check holds.")
    checks: list[CheckOut]
    kind: str | None = Field(description="Null where the form cannot be read; so the rest.")
    issuer: str | None
    subject: str | None


@router.get("/schemas/{kind}", dependencies=[Public], responses=responses(404, 422))
def credential_schema(kind: KindPath) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of credential.

    Credentials name it by its `$id`, a URN, and nobody needs to fetch it to verify.
    """
    if kind not in KINDS:
        raise NotFoundError(f"there is no kind {kind}; there are {', '.join(KINDS)}")
    return schema_of(KINDS[kind])


@router.post("/credentials", status_code=201, responses=responses(401, 403, 409, 422, 503))
def issue_credential(
    body: NewCredential, principal: Operator, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Have the platform's issuer sign a credential and grant its role on the chain (operator).

    The answer tells its hash; its holder fetches it (`GET /credentials/{hash}`).
    """
    if body.kind not in KINDS:
        raise InvalidError(f"there is no kind {body.kind}; there are {', '.join(KINDS)}")
    subject = body.subject
    if subject.startswith("0x"):
        subject = str(did.of(subject, platform.deployment.chain_id))
    wanted = issuing.Wanted(KINDS[body.kind], subject, body.claims, body.lifetime_s)

    def change(session: Session) -> CredentialOut:
        row = issuing.issue(platform, session, wanted)
        session.flush()
        return credential_out(session, row, platform.clock.now(), whole=False)

    return write.once(change, status=201)


@router.get("/credentials", responses=responses(401, 403, 422, 503))
def list_credentials(
    principal: CredentialReader,
    platform: PlatformDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CredentialOut]:
    """Your credentials; for the operator all that the platform issued.

    A regulator sees all as well, without what they say.
    """
    key = decode(cursor, [str])
    everybody = bool(principal.scopes & {Scope.OPERATOR, Scope.REGULATOR})
    now = platform.clock.now()
    with platform.transaction() as session:
        rows, following = page(
            issuing.listed(
                session,
                None if everybody else principal.address,
                after=str(key[0]) if key else None,
                limit=limit + 1,
            ),
            limit,
            lambda row: [row.credential_hash],
        )
        items = [
            credential_out(session, row, now, whole=_sees_all_of(principal, row)) for row in rows
        ]
    return Page(items=items, next_cursor=following)


@router.get("/credentials/{credential_hash}", responses=responses(401, 403, 404, 422, 503))
def show_credential(
    credential_hash: HashPath, principal: CredentialReader, platform: PlatformDep
) -> CredentialOut:
    """A credential: whole for its holder and the operator, without what it says for a regulator."""
    now = platform.clock.now()
    with platform.transaction() as session:
        row = session.get(IssuedRow, credential_hash)
        whole = row is not None and _sees_all_of(principal, row)
        if row is None or not (whole or Scope.REGULATOR in principal.scopes):
            raise NotFoundError(f"you have no credential {credential_hash}")
        return credential_out(session, row, now, whole=whole)


@router.delete(
    "/credentials/{credential_hash}",
    status_code=202,
    responses=responses(401, 403, 404, 409, 422, 503),
)
def revoke_credential(
    credential_hash: HashPath, principal: Operator, platform: PlatformDep, write: Write
) -> JSONResponse:
    """Revoke a credential (operator): for verification from now on, for markets from the next gate.

    Older credentials of the same subject and role are revoked with it.
    """

    def change(session: Session) -> CredentialOut:
        row = revoking.revoke(platform, session, credential_hash)
        return credential_out(session, row, platform.clock.now(), whole=False)

    return write.once(change, status=202)


@router.post("/credentials/verify", dependencies=[Public], responses=responses(413, 422, 503))
def verify_credential(body: CredentialToVerify, platform: PlatformDep) -> VerifiedOut:
    """Check a credential of any issuer; nothing of it is kept.

    Checks: `form`, `schema`, `issuer_key`, `signature`, `time`, `accreditation` (its issuer may
    give the role, on the chain, now), `subject` (not deactivated), `grant` (what the chain says of
    it), `status` (not revoked). That the sender holds it is shown by a presentation alone.
    """
    examined = examine(platform, body.credential)
    found, credential = examined.report.found(), examined.credential
    return VerifiedOut(
        holds=examined.report.holds,
        checks=[CheckOut(check=f.check, outcome=f.outcome, why=f.why) for f in found],
        kind=credential.kind.name if credential else None,
        issuer=credential.issuer if credential else None,
        subject=(credential.subject or credential.holder) if credential else None,
    )


def _sees_all_of(principal: Principal, row: IssuedRow) -> bool:
    return Scope.OPERATOR in principal.scopes or (
        Scope.PARTICIPANT in principal.scopes and principal.address == row.address
    )
