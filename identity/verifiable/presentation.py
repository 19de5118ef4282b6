"""Presentations: a holder shows credentials to one verifier, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from identity.errors import CredentialError
from identity.verifiable import jose, jws
from identity.verifiable.data_integrity import AUTHENTICATION
from identity.verifiable.model import Credential, check_presentation
from identity.verifiable.verifier import Verifier

TakeNonce = Callable[[str], bool]
"""Uses up a nonce that was given out: True once, False for an unknown, old or used one."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """A presentation that holds: every credential is about its holder."""

    holder: str
    credentials: tuple[Credential, ...]


def verify_presentation(
    verifier: Verifier,
    token: str,
    *,
    audience: str,
    take_nonce: TakeNonce,
    oldest_s: int = 300,
) -> Presentation:
    """Verify a presentation of JWT credentials or documents with proofs.

    The nonce is used up when everything else about the presentation itself holds, and before its
    credentials are looked at: a presentation is shown once, whatever becomes of it.

    Raises:
        CredentialError: says what does not hold.
    """
    parsed = jws.parse(token)
    document = jose.document_of(parsed)
    holder = check_presentation(document)
    if holder is None:
        raise CredentialError("the presentation names no holder")
    parsed.check(verifier.key(parsed.key_id, holder, AUTHENTICATION), jose.PRESENTATION_TYPE)
    if document.get("aud") != audience:
        raise CredentialError("the presentation is for another verifier")
    verifier.check_window(document.get("iat"), oldest_s=oldest_s)
    expires = document.get("exp")
    if not isinstance(expires, int) or isinstance(expires, bool) or verifier.now >= expires:
        raise CredentialError("the presentation has expired")
    nonce = document.get("nonce")
    if not isinstance(nonce, str) or not take_nonce(nonce):
        raise CredentialError("the presentation was shown before, or for another request")
    credentials = tuple(verifier.credential(entry) for entry in jose.enveloped(document))
    if not credentials:
        raise CredentialError("the presentation shows no credential")
    for credential in credentials:
        if credential.subject != holder:
            raise CredentialError(f"a credential is about {credential.subject}, not about {holder}")
    return Presentation(holder, credentials)
