"""Credentials and presentations as JWTs (VC-JOSE-COSE): the payload is the document itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from identity.errors import CredentialError
from identity.verifiable import jws
from identity.verifiable.keys import SigningKey
from identity.verifiable.model import BASE_CONTEXT, PRESENTATION

CREDENTIAL_TYPE: Final = "vc+jwt"
PRESENTATION_TYPE: Final = "vp+jwt"
ENVELOPED: Final = "EnvelopedVerifiableCredential"
MOST_CREDENTIALS: Final = 64
_CREDENTIAL_URL: Final = "data:application/vc+jwt,"
_SD_URL: Final = "data:application/dc+sd-jwt,"


def secure(document: Mapping[str, Any], key: SigningKey) -> str:
    """A credential as a JWT. Raises CredentialError where it has a proof already."""
    if "proof" in document:
        raise CredentialError("a document with a proof of its own is not secured a second time")
    return jws.sign(document, key, typ=CREDENTIAL_TYPE, cty="vc")


def present(
    credentials: Sequence[str],
    holder: str,
    key: SigningKey,
    *,
    audience: str,
    nonce: str,
    issued_at: int,
    lifetime_s: int = 300,
) -> str:
    """A holder's presentation of secured credentials, for one verifier, once."""
    document = {
        "@context": [BASE_CONTEXT],
        "type": [PRESENTATION],
        "holder": holder,
        "verifiableCredential": [
            {
                "@context": [BASE_CONTEXT],
                "id": (_SD_URL if "~" in credential else _CREDENTIAL_URL) + credential,
                "type": ENVELOPED,
            }
            for credential in credentials
        ],
        "aud": audience,
        "nonce": nonce,
        "iat": issued_at,
        "exp": issued_at + lifetime_s,
    }
    return jws.sign(document, key, typ=PRESENTATION_TYPE, cty="vp")


def document_of(token: jws.Jws) -> dict[str, Any]:
    """The credential or presentation in a token.

    Raises:
        CredentialError: wrapped as version 1.1 had it, or JWT claims that contradict the document.
    """
    payload = token.payload
    if "vc" in payload or "vp" in payload:
        raise CredentialError("the document is the payload itself, not its member vc or vp")
    if "proof" in payload:
        raise CredentialError("a document with a proof of its own is not secured a second time")
    issuer = payload.get("issuer")
    issuer = issuer.get("id") if isinstance(issuer, dict) else issuer
    subject = payload.get("credentialSubject")
    said = {
        "iss": issuer or payload.get("holder"),
        "sub": subject.get("id") if isinstance(subject, dict) else None,
        "jti": payload.get("id"),
    }
    for name, value in said.items():
        if name in payload and payload[name] != value:
            raise CredentialError(f"{name} says something else than the document")
    return payload


def enveloped(presentation: Mapping[str, Any]) -> list[str | dict[str, Any]]:
    """The credentials in a presentation, as they were secured. Raises CredentialError."""
    listed = presentation.get("verifiableCredential", [])
    entries = listed if isinstance(listed, list) else [listed]
    if len(entries) > MOST_CREDENTIALS:
        raise CredentialError(f"more than {MOST_CREDENTIALS} credentials at once")
    return [_unwrap(entry) for entry in entries]


def _unwrap(entry: Any) -> str | dict[str, Any]:
    if not isinstance(entry, dict):
        raise CredentialError("a credential in a presentation is an object")
    if entry.get("type") not in (ENVELOPED, [ENVELOPED]):
        return entry
    if entry.get("@context") not in (BASE_CONTEXT, [BASE_CONTEXT]) or len(entry) > 3:
        raise CredentialError("an enveloped credential has its context, id and type alone")
    url = entry.get("id")
    for prefix in (_CREDENTIAL_URL, _SD_URL):
        if isinstance(url, str) and url.startswith(prefix):
            return url.removeprefix(prefix)
    raise CredentialError("an enveloped credential is a data URL of vc+jwt or dc+sd-jwt")
