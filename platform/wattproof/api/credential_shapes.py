"""Credentials as requests and answers of the API show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlmodel import Session

from wattproof.credentials import issuing
from wattproof.credentials.models import IssuedRow

Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Whole = Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)]
Claim = Text | Whole | list[Whole]
"""What schemas of credentials know: text, whole numbers, lists of these."""
Secured = Annotated[
    str,
    Field(
        max_length=400_000,
        pattern=r"^[A-Za-z0-9._~-]+$",
        examples=["eyJhbGciOiJFUzI1NksiLCJ0eXAi..."],
    ),
]
"""A compact token, with disclosures or without."""


class CredentialOut(BaseModel):
    """A credential of the platform's issuer, and how it stands."""

    credential_hash: str = Field(description="keccak-256 of the document; the chain holds it.")
    kind: str = Field(examples=["participant"])
    role: str = Field(examples=["prosumer"])
    issuer: str
    subject: str = Field(description="DID of whom it is about.")
    issued_at: datetime
    expires_at: datetime
    status: str = Field(description="pending, standing, revoked, expired, replaced or refused")
    document: dict[str, Any] | None = Field(
        description="What it says, unsecured; null where you may see the rest alone."
    )
    jwt: str | None = Field(description="The same, secured (vc+jwt): keep it, it is yours.")
    sd_jwt: str | None = Field(
        description="With disclosures, so that you show a part of it (SD-JWT VC). Whoever has it "
        "sees everything: remove the disclosures that you do not want to show."
    )


def credential_out(
    session: Session, row: IssuedRow, now: int, *, whole: bool = True
) -> CredentialOut:
    """A row as its holder and its issuer see it; without `whole` what it says is left out."""
    return CredentialOut(
        credential_hash=row.credential_hash,
        kind=row.kind,
        role=row.role,
        issuer=row.issuer,
        subject=row.subject,
        issued_at=datetime.fromtimestamp(row.issued_at, UTC),
        expires_at=datetime.fromtimestamp(row.expires_at, UTC),
        status=issuing.status(session, row, now),
        document=row.document if whole else None,
        jwt=row.jwt if whole else None,
        sd_jwt=row.sd_jwt if whole else None,
    )
