"""Verifying credentials: form, issuer, key, signature, time, accreditation, status.

Whose key: the verification method must stand in the issuer's document under ``assertionMethod``,
now. A credential that provably existed at some moment (its hash was put on a chain) may be checked
with the document of that moment: a key that was rotated later still speaks for what it signed
before, and a stolen old key cannot date anything back. A deactivated issuer speaks for nothing any
more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from identity.did import Resolver, Wanted
from identity.errors import CredentialError
from identity.verifiable import data_integrity, jose, jws, sd_jwt
from identity.verifiable.data_integrity import ASSERTION, AUTHENTICATION
from identity.verifiable.keys import VerificationKey, key_of
from identity.verifiable.model import CLOCK_SKEW_S, Credential, check_validity, read_credential
from identity.verifiable.status_list import LIST_CREDENTIAL_TYPE, check_status, entries_of

Secured = str | Mapping[str, Any]
"""A JWT, a token with disclosures, or a document with a proof."""

Accredited = Callable[[str, frozenset[str]], bool]
"""Whether an issuer may issue credentials of these types."""

FetchList = Callable[[str], Secured | None]
"""A status list by its address: secured by its issuer; None where it cannot be had."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks credentials against what is known at one moment.

    Attributes:
        now: seconds, UTC.
    """

    resolver: Resolver
    accredited: Accredited
    fetch_list: FetchList
    now: int

    def credential(self, secured: Secured, *, anchored_at: int | None = None) -> Credential:
        """A credential that holds.

        Args:
            anchored_at: a moment at which it provably existed, seconds.

        Raises:
            CredentialError: says what does not hold.
        """
        credential = self._signed(secured, anchored_at)
        credential.check_time(self.now)
        if not self.accredited(credential.issuer, credential.types):
            raise CredentialError(f"{credential.issuer} is not accredited for such credentials")
        self.check_status(credential.document, credential.issuer)
        return credential

    def check_status(self, document: Mapping[str, Any], issuer: str) -> None:
        """Raises CredentialError unless every status list of a credential says that it stands."""
        for entry in entries_of(document):
            fetched = self.fetch_list(entry.list_url)
            if fetched is None:
                raise CredentialError(f"the status list {entry.list_url} cannot be had")
            listed = self._signed(fetched, None)
            if LIST_CREDENTIAL_TYPE not in listed.types:
                raise CredentialError("what is published there is no status list")
            listed.check_time(self.now)
            check_status(entry, listed, issuer)

    def key(
        self, method: str, controller: str, relationship: str, *, at: Wanted | None = None
    ) -> VerificationKey:
        """The key of a verification method of `controller`, for one relationship.

        Args:
            at: a version of the document other than the present one.

        Raises:
            CredentialError: another's method, one that is not (any more) in the document, or a
                controller that cannot be resolved or was deactivated.
        """
        if method.partition("#")[0] != controller:
            raise CredentialError(f"{method} is no key of {controller}")
        document = self._document(controller, None)
        if at is not None:
            document = self._document(controller, at)
        found = [
            entry
            for entry in _methods(document, relationship)
            if _full(entry.get("id"), controller) == method
        ]
        if len(found) != 1 or found[0].get("controller", controller) != controller:
            raise CredentialError(f"{method} does not stand in the document as {relationship}")
        return key_of(found[0])

    def check_window(self, issued_at: Any, *, oldest_s: int) -> None:
        """Raises CredentialError for a moment that is not recent; clocks differ by a minute."""
        if not isinstance(issued_at, int) or isinstance(issued_at, bool):
            raise CredentialError("iat is missing")
        if not self.now - oldest_s <= issued_at <= self.now + CLOCK_SKEW_S:
            raise CredentialError("it was not made just now")

    def _document(self, controller: str, wanted: Wanted | None) -> Mapping[str, Any]:
        resolution = self.resolver.resolve(controller, wanted=wanted)
        if resolution.document is None:
            raise CredentialError(f"{controller} cannot be resolved: {resolution.message}")
        if resolution.deactivated:
            raise CredentialError(f"{controller} was deactivated")
        return resolution.document

    def _signed(self, secured: Secured, anchored_at: int | None) -> Credential:
        at = None if anchored_at is None else Wanted(version_time=anchored_at)
        if isinstance(secured, str):
            if "~" in secured:
                raise CredentialError("a token with disclosures is presented, not verified alone")
            token = jws.parse(secured)
            credential = read_credential(jose.document_of(token))
            key = self.key(token.key_id, credential.issuer, ASSERTION, at=at)
            token.check(key, jose.CREDENTIAL_TYPE)
            check_times(token.payload, self.now)
            return credential
        credential = read_credential(secured)
        proof = data_integrity.proof_of(secured, ASSERTION)
        method = str(proof["verificationMethod"])
        key = self.key(method, credential.issuer, ASSERTION, at=at)
        data_integrity.check_proof(secured, proof, key)
        data_integrity.check_proof_time(proof, self.now)
        return credential


def _methods(document: Mapping[str, Any], relationship: str) -> list[dict[str, Any]]:
    """The methods of a relationship, those it holds itself and those it names."""
    named, listed = document.get("verificationMethod"), document.get(relationship)
    entries = listed if isinstance(listed, list) else []
    names = {_full(entry, str(document.get("id"))) for entry in entries if isinstance(entry, str)}
    embedded = [entry for entry in entries if isinstance(entry, dict)]
    return embedded + [
        entry
        for entry in (named if isinstance(named, list) else [])
        if isinstance(entry, dict) and _full(entry.get("id"), str(document.get("id"))) in names
    ]


def _full(name: Any, controller: str) -> str:
    return f"{controller}{name}" if isinstance(name, str) and name.startswith("#") else str(name)


@dataclass(frozen=True, slots=True)
class ShownClaims:
    """What a holder showed of a credential.

    Attributes:
        kind: ``vct``.
        holder: DID of who holds it.
    """

    issuer: str
    kind: str
    holder: str
    claims: dict[str, Any]


def check_shown(
    verifier: Verifier, text: str, *, audience: str, nonce: str, oldest_s: int = 300
) -> ShownClaims:
    """Verify a token with disclosures and its holder's binding; `nonce` is the verifier's own.

    Raises:
        CredentialError: says what does not hold.
    """
    shown = sd_jwt.parse(text)
    token = jws.parse(shown.token)
    issuer = token.payload.get("iss")
    if not isinstance(issuer, str):
        raise CredentialError("the credential names no issuer (iss)")
    token.check(verifier.key(token.key_id, issuer, ASSERTION), sd_jwt.TYPE)
    claims = sd_jwt.reveal(token.payload, shown.disclosures)
    kind = claims.get("vct")
    if not isinstance(kind, str):
        raise CredentialError("the credential has no kind (vct)")
    check_times(claims, verifier.now)
    if not verifier.accredited(issuer, frozenset({kind})):
        raise CredentialError(f"{issuer} is not accredited for {kind}")
    verifier.check_status(claims, issuer)
    holder = _check_binding(verifier, shown, claims, audience, nonce, oldest_s)
    return ShownClaims(issuer, kind, holder, claims)


def check_times(claims: Mapping[str, Any], now: int) -> None:
    """Raises CredentialError outside the validity that ``nbf`` and ``exp`` of a JWT state."""
    for name in ("nbf", "exp"):
        value = claims.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise CredentialError(f"{name} is a number of seconds")
    check_validity(claims.get("nbf"), claims.get("exp"), now)


def _check_binding(
    verifier: Verifier,
    shown: sd_jwt.SdJwt,
    claims: Mapping[str, Any],
    audience: str,
    nonce: str,
    oldest_s: int,
) -> str:
    confirmation = claims.get("cnf")
    method = confirmation.get("kid") if isinstance(confirmation, dict) else None
    if not isinstance(method, str) or shown.binding is None:
        raise CredentialError("the holder's proof is missing")
    holder = method.partition("#")[0]
    binding = jws.parse(shown.binding)
    binding.check(verifier.key(method, holder, AUTHENTICATION), sd_jwt.BINDING_TYPE)
    verifier.check_window(binding.payload.get("iat"), oldest_s=oldest_s)
    for name, value in (("aud", audience), ("nonce", nonce), ("sd_hash", shown.digest)):
        if binding.payload.get(name) != value:
            raise CredentialError(f"the holder's proof is for another {name}")
    return holder
