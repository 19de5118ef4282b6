"""Tables of issued credentials, status lists, and presentations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field, SQLModel

from wattproof.store.types import BigInt


class IssuedRow(SQLModel, table=True):
    """A credential that the platform's issuer signed; the chain holds its hash.

    Attributes:
        credential_hash: keccak-256 of the document's canonical JSON, 0x-hex.
        subject: DID; ``address`` is its address.
        document, jwt, sd_jwt: the credential unsecured, as vc+jwt, and as SD-JWT VC with all its
            disclosures; None once they were erased. What is left revokes it.
        status_number, status_index: its bit in the issuer's list of revocations.
        revoked_at: seconds, UTC; None while nobody revoked it.
    """

    __tablename__ = "verifiable_credential"

    credential_hash: str = Field(primary_key=True, max_length=66)
    kind: str = Field(max_length=40)
    role: str = Field(max_length=40)
    issuer: str = Field(max_length=80)
    subject: str = Field(max_length=80)
    address: str = Field(index=True, max_length=42)
    issued_at: int = Field(sa_type=BigInt)
    expires_at: int = Field(sa_type=BigInt)
    status_number: int
    status_index: int
    revoked_at: int | None = Field(default=None, sa_type=BigInt)
    document: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    jwt: str | None = Field(default=None, sa_type=Text)
    sd_jwt: str | None = Field(default=None, sa_type=Text)


class StatusListRow(SQLModel, table=True):
    """A status list of an issuer, as it is published; locking the row serialises its changes.

    Attributes:
        issuer: address of its did:ethr.
        purpose: revocation or suspension.
        url: what the list is called for good, and where it was published first.
        entries: how many indexes are given out.
        token: the list as its issuer signed it, vc+jwt; None before it is first published.
        valid_from, valid_until: of the token, seconds, UTC.
    """

    __tablename__ = "status_list"

    issuer: str = Field(primary_key=True, max_length=42)
    purpose: str = Field(primary_key=True, max_length=10)
    number: int = Field(primary_key=True)
    url: str = Field(unique=True, max_length=400)
    entries: int = 0
    token: str | None = Field(default=None, sa_type=Text)
    valid_from: int = Field(default=0, sa_type=BigInt)
    valid_until: int = Field(default=0, sa_type=BigInt)


class StatusEntryRow(SQLModel, table=True):
    """An index that was given out; it says nothing about whom it belongs to.

    ``is_set`` counts for the platform's own lists; other issuers keep their bits themselves.
    """

    __tablename__ = "status_entry"

    issuer: str = Field(primary_key=True, max_length=42)
    purpose: str = Field(primary_key=True, max_length=10)
    number: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    is_set: bool = False


class PresentationRequestRow(SQLModel, table=True):
    """What somebody asks a holder to show.

    Attributes:
        nonce: good for one presentation, whatever becomes of it.
        asker: address of who opened it.
        audience: whom the holder's proof must name.
        kinds: any of them will do; ``claims`` must all be shown.
        used_at: seconds, UTC; None while the nonce is good.
    """

    __tablename__ = "presentation_request"

    nonce: str = Field(primary_key=True, max_length=64)
    asker: str = Field(index=True, max_length=42)
    audience: str = Field(max_length=200)
    kinds: list[Any] = Field(sa_type=JSON)
    claims: list[Any] = Field(sa_type=JSON)
    purpose: str = Field(max_length=200)
    created_at: int = Field(sa_type=BigInt)
    expires_at: int = Field(sa_type=BigInt, index=True)
    used_at: int | None = Field(default=None, sa_type=BigInt)


class PresentationRow(SQLModel, table=True):
    """What a holder showed: the claims that were asked for, and nothing else of the credential.

    Attributes:
        asker: address of who asked; with the holder the only one who sees the claims, unless
            ``to_market``: then the operator does.
        holder: DID; ``address`` is its address where it is a did:ethr of this chain.
        issuer: DID.
        status: the credential's status entries, so that a later revocation is noticed.
        valid_until: seconds, UTC; None for a credential without an end.
    """

    __tablename__ = "presentation"

    id: str = Field(primary_key=True, max_length=32)
    asker: str = Field(index=True, max_length=42)
    to_market: bool
    holder: str = Field(index=True, max_length=200)
    address: str | None = Field(default=None, index=True, max_length=42)
    kind: str = Field(max_length=40)
    issuer: str = Field(max_length=200)
    claims: dict[str, Any] = Field(sa_type=JSON)
    status: list[Any] = Field(sa_type=JSON)
    shown_at: int = Field(sa_type=BigInt)
    valid_until: int | None = Field(default=None, sa_type=BigInt)
