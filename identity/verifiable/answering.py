"""Answering a verifier's request: what it would learn, and a presentation of exactly that.

A `Showing` is made before anything is signed, so that a holder sees what will be seen. It never
shows what was not asked for, and never what she did not allow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from identity.errors import CredentialError
from identity.verifiable import jose, sd_jwt
from identity.verifiable.issuing import own_method
from identity.verifiable.keys import SigningKey
from identity.verifiable.received import Form, Received


@dataclass(frozen=True, slots=True)
class Request:
    """What a verifier asks a holder to show.

    Attributes:
        audience: whom the holder's proof is for.
        nonce: the verifier's, good once.
        kinds: names of kinds; a credential of any of them will do.
        claims: all of them must be shown.
        expires_at: seconds, UTC.
    """

    audience: str
    nonce: str
    kinds: tuple[str, ...]
    claims: frozenset[str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Showing:
    """What a verifier is going to learn of a credential.

    Attributes:
        claims: with their values.
        kept_back: names of claims that it does not learn.
    """

    credential: Received
    claims: Mapping[str, Any]
    kept_back: frozenset[str]


def plan(
    request: Request, credential: Received, allowed: Collection[str], *, whole: bool = False
) -> Showing:
    """What answers a request with a credential, and nothing more.

    Args:
        allowed: claims that the holder agrees to show.
        whole: whether she agrees to show everything, where a credential cannot be shown in part.

    Raises:
        CredentialError: the credential does not answer it, the request asks for what was not
            allowed, or something would be shown that was not asked for.
    """
    kind = credential.kind
    if kind.name not in request.kinds:
        raise CredentialError(f"asked for is {' or '.join(request.kinds)}, not {kind.name}")
    missing = sorted(request.claims - set(credential.claims))
    if missing:
        raise CredentialError(f"the credential does not say {', '.join(missing)}")
    always = set(credential.claims) - credential.can_hide
    unasked = sorted(set(allowed) - request.claims - always)
    if unasked:
        raise CredentialError(f"nobody asked for {', '.join(unasked)}; leave it out of --disclose")
    refused = sorted(request.claims - set(allowed) - kind.shown)
    if refused:
        raise CredentialError(
            f"the request asks for {', '.join(refused)}, which you did not allow; "
            f"add --disclose {' --disclose '.join(refused)}, or show nothing"
        )
    shown = always | request.claims
    too_much = sorted(shown - request.claims - kind.shown)
    if too_much and not whole:
        raise CredentialError(
            f"a {credential.form.value} credential shows {', '.join(too_much)} too; allow it with "
            "--whole, or ask its issuer for one of the form sd-jwt"
        )
    return Showing(
        credential,
        {name: value for name, value in credential.claims.items() if name in shown},
        frozenset(credential.claims) - shown,
    )


def presentation(showing: Showing, request: Request, key: SigningKey, *, now: int) -> str:
    """The presentation: a token bound to the request, or a vp+jwt of a credential shown whole.

    Raises:
        CredentialError: the request has expired, the key is not the holder's, or a credential with
            a proof of its own (its issuer signs a JWT as well, or a token).
    """
    credential = showing.credential
    if now >= request.expires_at:
        raise CredentialError("the request has expired; ask for a new one")
    method = credential.holder_key or own_method(credential.subject or "")
    if key.verification_method != method:
        raise CredentialError(f"the credential is held by {method}, not {key.verification_method}")
    if isinstance(credential.secured, dict):
        raise CredentialError("a credential with a proof of its own is not presented here")
    if credential.form is Form.JWT:
        return jose.present(
            [credential.secured],
            method.partition("#")[0],
            key,
            audience=request.audience,
            nonce=request.nonce,
            issued_at=now,
        )
    whole = sd_jwt.parse(credential.secured)
    shown = sd_jwt.select(whole, set(showing.claims) & credential.can_hide)
    bound = sd_jwt.bind(shown, key, audience=request.audience, nonce=request.nonce, issued_at=now)
    return str(bound)
