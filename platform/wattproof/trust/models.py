"""Tables of a participant's profile: its credentials, its consents, and who read what.

All of them are the owner's own data, by the owner's address; none of it is on the chain.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class ProfileCredentialRow(SQLModel, table=True):
    """A credential that its holder put into its profile, as its issuer secured it.

    It is verified whenever the profile is read.
    """

    __tablename__ = "profile_credential"

    owner: str = Field(primary_key=True, max_length=42)
    credential_hash: str = Field(primary_key=True, max_length=66)
    kind: str = Field(max_length=40)
    issuer: str = Field(max_length=200)
    secured: str = Field(sa_type=Text)
    added_at: int = Field(sa_type=BigInt)


class ProfileConsentRow(SQLModel, table=True):
    """Who may read an owner's profile; times in seconds, UTC.

    Attributes:
        id: EIP-712 digest of the consent, 0x-hex, whether it was signed or given in a session.
        signature: as it was handed in; None where the owner gave it in a session.
        revoked_at: None while it stands.
    """

    __tablename__ = "profile_consent"

    id: str = Field(primary_key=True, max_length=66)
    owner: str = Field(index=True, max_length=42)
    audience: str = Field(index=True, max_length=42)
    purpose: str = Field(max_length=200)
    topics: list[Any] = Field(sa_type=JSON)
    issued_at: int = Field(sa_type=BigInt)
    ends_at: int = Field(sa_type=BigInt)
    nonce: str = Field(max_length=66)
    signature: str | None = Field(default=None, sa_type=Text)
    revoked_at: int | None = Field(default=None, sa_type=BigInt)


class ConsentTakenRow(SQLModel, table=True):
    """The digest of a signed consent that was handed in, for as long as it could be again.

    It names nobody, and outlives the erasure of the consent: a signature that was given up does
    not come back.
    """

    __tablename__ = "profile_consent_taken"

    digest: str = Field(primary_key=True, max_length=66)
    until: int = Field(index=True, sa_type=BigInt)


class ProfileReadingRow(SQLModel, table=True):
    """Somebody else read an owner's profile.

    Attributes:
        consent: which consent allowed it; None for a regulator.
        block: up to which the history that was read goes.
        sha256: of the profile that was read.
    """

    __tablename__ = "profile_reading"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    owner: str = Field(index=True, max_length=42)
    reader: str = Field(max_length=42)
    consent: str | None = Field(default=None, max_length=66)
    purpose: str = Field(max_length=200)
    topics: list[Any] = Field(sa_type=JSON)
    read_at: int = Field(sa_type=BigInt)
    block: int = Field(sa_type=BigInt)
    sha256: str = Field(max_length=66)
