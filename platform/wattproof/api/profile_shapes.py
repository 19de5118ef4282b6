"""What is asked and answered about trusted profiles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from wattproof.api.fields import Address, Hash, WalletSignature
from wattproof.trust.holdings import Holding
from wattproof.trust.models import ProfileConsentRow, ProfileReadingRow
from wattproof.trust.reading import Profile
from wattproof.trust.token import ProfileToken

_ADDRESS = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
PURPOSE = r"^[^\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]{1,200}$"
TopicName = Literal["identity", "capacity", "metering", "green_production", "licence", "history"]
Topics = Annotated[
    list[TopicName],
    Field(min_length=1, max_length=6, examples=[["capacity", "history"]]),
]
Purpose = Annotated[
    str,
    Field(
        pattern=PURPOSE,
        description="What the audience reads the profile for, in words; it must say the same.",
        examples=["credit check for contract 17"],
    ),
]

_PROFILE: Final[JsonDict] = {
    "kind": "wattproof-trusted-profile",
    "version": 1,
    "account": _ADDRESS,
    "subject": f"did:ethr:0x7a69:{_ADDRESS}",
    "checked_at": 1_795_867_200,
    "topics": [
        {
            "topic": "capacity",
            "state": "met",
            "quorum": 2,
            "independent": 2,
            "issuers": ["did:ethr:0x7a69:0x" + "11" * 20, "did:ethr:0x7a69:0x" + "22" * 20],
            "related": [],
            "credentials": ["0x" + "33" * 32, "0x" + "44" * 32],
            "valid_until": 1_827_403_200,
            "claims": [],
        }
    ],
    "history": None,
    "sha256": "0x" + "55" * 32,
}


class HoldingOut(BaseModel):
    """A credential in the profile, and whether it counts now."""

    credential_hash: str
    kind: str
    issuer: str
    put_in: bool = Field(description="Whether the owner put it in; else it was issued here.")
    counts: bool
    why_not: str = Field(description="Empty where it counts.")


class ProfileOut(BaseModel):
    """A trusted profile: topics, and the history on the ledger, as far as they may be read."""

    model_config = ConfigDict(json_schema_extra={"example": {"profile": _PROFILE, "held": []}})

    profile: dict[str, Any] = Field(
        description="`topics` with their independent issuers and every value that somebody "
        "states, `history` (the statement that `wattproof profile verify` computes again from a "
        "node), and `sha256` over the canonical JSON of all the rest. docs/trusted-profile.md"
    )
    held: list[HoldingOut] = Field(description="For the owner alone; else empty.")


class ConsentWish(BaseModel):
    """Whom you let read what, for what and until when."""

    model_config = ConfigDict(extra="forbid")

    audience: Address
    purpose: Purpose
    topics: Topics
    ends_at: datetime = Field(description="Excluded; within 366 days.")


class SignedFields(BaseModel):
    """What an owner signs."""

    model_config = ConfigDict(extra="forbid")

    audience: Address
    purpose: Purpose
    topics: Topics
    issued_at: int = Field(ge=0, le=2**53, description="Seconds, UTC.", examples=[1_795_867_200])
    ends_at: int = Field(ge=0, le=2**53, description="Seconds, UTC.", examples=[1_798_459_200])
    nonce: Hash


class ConsentTemplate(BaseModel):
    """Give `typed_data` to `eth_signTypedData_v4`; post `consent` with the signature."""

    consent: SignedFields
    typed_data: dict[str, Any]


class SignedConsent(BaseModel):
    """A consent that its owner signed; anybody may hand it in within fifteen minutes."""

    model_config = ConfigDict(extra="forbid")

    consent: SignedFields
    signature: WalletSignature


class ConsentOut(BaseModel):
    """A consent, and whether it stands."""

    id: str = Field(description="Its EIP-712 digest.")
    audience: str
    purpose: str
    topics: list[str]
    issued_at: datetime
    ends_at: datetime
    signed: bool = Field(description="Whether it was signed; else it was given in a session.")
    status: str = Field(description="standing, ended or revoked")


class ReadingOut(BaseModel):
    """Somebody read your profile."""

    reader: str
    as_regulator: bool
    consent: str | None
    purpose: str
    topics: list[str]
    read_at: datetime
    block: int | None = Field(description="Up to which the history went; null without it.")
    sha256: str = Field(description="Of the profile that was read.")


class ProfileTokenOut(BaseModel):
    """Your profile to take along (SD-JWT VC), with all its disclosures: show what you want."""

    token: str = Field(
        description="`vct` urn:wattproof:profile:1; every topic and `history` is disclosed or kept "
        "by itself."
    )
    expires_at: datetime


class CredentialIn(BaseModel):
    """A credential as its issuer secured it."""

    model_config = ConfigDict(extra="forbid")

    credential: (
        Annotated[str, Field(min_length=1, max_length=65_536, pattern=r"^[!-~]+$")] | dict[str, Any]
    ) = Field(
        description="A vc+jwt, a token with the disclosures you want shown, or a document with a "
        "proof; about you, and of an accredited issuer.",
        examples=["eyJhbGciOi...~"],
    )


def profile_out(profile: Profile) -> ProfileOut:
    """As it is answered."""
    return ProfileOut(profile=profile.to_json(), held=[holding_out(each) for each in profile.held])


def holding_out(held: Holding) -> HoldingOut:
    """As it is answered."""
    return HoldingOut(
        credential_hash=held.credential_hash,
        kind=held.kind,
        issuer=held.issuer,
        put_in=held.put_in,
        counts=not held.why_not,
        why_not=held.why_not,
    )


def consent_out(row: ProfileConsentRow, now: int) -> ConsentOut:
    """As it is answered; `now` in seconds."""
    status = "standing" if now < row.ends_at else "ended"
    return ConsentOut(
        id=row.id,
        audience=row.audience,
        purpose=row.purpose,
        topics=row.topics,
        issued_at=_time(row.issued_at),
        ends_at=_time(row.ends_at),
        signed=row.signature is not None,
        status="revoked" if row.revoked_at is not None else status,
    )


def reading_out(row: ProfileReadingRow) -> ReadingOut:
    """As it is answered."""
    return ReadingOut(
        reader=row.reader,
        as_regulator=row.consent is None,
        consent=row.consent,
        purpose=row.purpose,
        topics=row.topics,
        read_at=_time(row.read_at),
        block=row.block or None,
        sha256=row.sha256,
    )


def token_out(made: ProfileToken) -> ProfileTokenOut:
    """As it is answered."""
    return ProfileTokenOut(token=made.text, expires_at=_time(made.expires_at))


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
