"""Issuing credentials of a kind, in each of the three forms, and what the chain holds of them.

A `Draft` says what is claimed; `as_jwt`, `as_document` and `as_token` secure it with the issuer's
key, wherever that lives. The chain holds keccak-256 of the canonical JSON of what was signed,
without its proof. Nobody guesses the claims from it: a document has an ``id`` of 122 random bits,
and a token with disclosures holds salted digests alone.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from eth_utils.crypto import keccak

from identity.canonical import canonical_json
from identity.did import parse_url
from identity.errors import CredentialError, DidError
from identity.verifiable import data_integrity, jose, jws, schema, sd_jwt
from identity.verifiable.keys import SigningKey
from identity.verifiable.kinds import Kind
from identity.verifiable.model import BASE_CONTEXT, CREDENTIAL, date_time
from identity.verifiable.status_list import StatusEntry

LONGEST_VALIDITY_S: Final = 10 * 366 * 86_400
_LATEST: Final = 1 << 32  # the registry keeps times in 32 bits


def _new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


@dataclass(frozen=True, slots=True)
class Draft:
    """What an issuer is about to say; whoever holds one knows that it may be said.

    Attributes:
        issuer, subject: DIDs.
        claims: of the kind's schema, ``role`` among them.
        valid_from, valid_until: seconds, UTC; the end is excluded.
        statuses: where the credential's bits are; none for one that only expires.

    Raises:
        CredentialError: the claims are not of this kind, a name is no DID, or the times make no
            sense; says what to do.
    """

    kind: Kind
    issuer: str
    subject: str
    claims: Mapping[str, Any]
    valid_from: int
    valid_until: int
    statuses: tuple[StatusEntry, ...] = ()
    id: str = field(default_factory=_new_id)

    def __post_init__(self) -> None:
        for what, name in (("issuer", self.issuer), ("subject", self.subject)):
            _require_did(what, name)
        if "id" in self.claims:
            raise CredentialError("id: no claim of its own; it is the subject")
        if not 0 <= self.valid_from < self.valid_until < _LATEST:
            raise CredentialError("a credential ends after it begins, and before the year 2106")
        if self.valid_until - self.valid_from > LONGEST_VALIDITY_S:
            raise CredentialError("a credential is valid for ten years at most")
        schema.check_claims(self.kind, self.claims)
        schema.check_document(self.kind, self.document())
        content_hash(self.document())  # a fraction has no canonical form, and so no hash

    def document(self) -> dict[str, Any]:
        """The credential without a proof."""
        document: dict[str, Any] = {
            "@context": [BASE_CONTEXT],
            "id": self.id,
            "type": [CREDENTIAL, self.kind.type],
            "issuer": self.issuer,
            "validFrom": date_time(self.valid_from),
            "validUntil": date_time(self.valid_until),
            "credentialSchema": schema.reference(self.kind),
            "credentialSubject": {"id": self.subject, **self.claims},
        }
        if self.statuses:
            document["credentialStatus"] = [entry.document() for entry in self.statuses]
        return document


def as_jwt(draft: Draft, key: SigningKey, *, now: int | None = None) -> str:
    """The credential as vc+jwt.

    Raises:
        CredentialError: the key is not one of the issuer's, or its time is over already.
    """
    _require_issuable(draft, key, now)
    return jose.secure(draft.document(), key)


def as_document(draft: Draft, key: SigningKey, *, now: int | None = None) -> dict[str, Any]:
    """The credential with a proof of its own (eddsa-jcs-2022); an Ed25519 key makes it.

    Raises:
        CredentialError: as `as_jwt`, or a key of another kind.
    """
    moment = _require_issuable(draft, key, now)
    return data_integrity.add_proof(draft.document(), key, created=date_time(moment))


def as_token(
    draft: Draft, key: SigningKey, *, holder_key: str | None = None, now: int | None = None
) -> sd_jwt.SdJwt:
    """The credential as a token with disclosures (SD-JWT VC), bound to its holder's key.

    What the kind lets a holder keep to herself is hidden, and so is whether it was claimed at all:
    all tokens of a kind have the same number of digests. The subject is hidden as well where it is
    not the holder that the binding names anyway.

    Args:
        holder_key: DID URL of the key that presents it; the subject's own without it.

    Raises:
        CredentialError: as `as_jwt`, or the holder's key cannot be told.
    """
    _require_issuable(draft, key, now)
    method = holder_key or own_method(draft.subject)
    hidden = {name for name in draft.claims if name in draft.kind.hidden}
    digests = len(draft.kind.hidden)
    if method.partition("#")[0] != draft.subject:
        hidden.add("sub")
        digests += 1
    claims: dict[str, Any] = {
        "iss": draft.issuer,
        "sub": draft.subject,
        "nbf": draft.valid_from,
        "exp": draft.valid_until,
        "vct": draft.kind.vct,
        "cnf": {"kid": method},
        **draft.claims,
    }
    if draft.statuses:
        claims["credentialStatus"] = [entry.document() for entry in draft.statuses]
    return sd_jwt.issue(claims, hidden, key, decoys=digests - len(hidden))


def own_method(did: str) -> str:
    """The DID URL of the key that an identifier has by itself.

    Raises:
        CredentialError: a method whose documents must be looked at first; name the key.
    """
    try:
        parsed = parse_url(did)
    except DidError as error:
        raise CredentialError(str(error)) from error
    if parsed.method == "key":
        return f"{did}#{parsed.identifier}"
    if parsed.method == "ethr":
        return f"{did}#controller"
    raise CredentialError(f"{did} does not say its key by itself; name the holder's key (DID URL)")


def content_hash(secured: str | Mapping[str, Any]) -> bytes:
    """What the chain holds of a credential, 32 bytes: the same however it is shown later.

    Raises:
        CredentialError: it is none, or something in it has no canonical form.
    """
    try:
        return bytes(keccak(canonical_json(_signed_part(secured))))
    except (ValueError, RecursionError) as error:
        if isinstance(error, CredentialError):
            raise
        raise CredentialError(f"the credential has no canonical form: {error}") from error


def _signed_part(secured: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(secured, str):
        return {name: value for name, value in secured.items() if name != "proof"}
    return jws.parse(sd_jwt.parse(secured).token if "~" in secured else secured).payload


def _require_issuable(draft: Draft, key: SigningKey, now: int | None) -> int:
    moment = int(time.time()) if now is None else now
    if key.verification_method.partition("#")[0] != draft.issuer:
        raise CredentialError(
            f"{key.verification_method} is no key of {draft.issuer}; an issuer signs with its own"
        )
    if draft.valid_until <= moment:
        raise CredentialError("the credential would have expired before it is issued")
    return moment


def _require_did(what: str, name: str) -> None:
    try:
        plain = parse_url(name).is_plain
    except DidError as error:
        raise CredentialError(f"{what}: {error}") from error
    if not plain:
        raise CredentialError(f"{what}: {name} is not a DID alone")
