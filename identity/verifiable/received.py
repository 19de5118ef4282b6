"""What a credential says, as its holder reads it; `checking` says whether it holds.

A token with all its disclosures says everything; a holder keeps them, and shows some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from identity.errors import CredentialError
from identity.verifiable import jose, jws, sd_jwt
from identity.verifiable.issuing import content_hash
from identity.verifiable.kinds import Kind, kind_of
from identity.verifiable.model import Credential, date_time, read_credential, read_time
from identity.verifiable.status_list import StatusEntry, entries_of

_OF_THE_FORM: Final = frozenset(
    {"iss", "sub", "iat", "nbf", "exp", "jti", "vct", "cnf", "credentialStatus"}
)
"""Claims of a token that are not of its kind."""
_LATEST: Final = 253_402_300_800  # the first second of the year 10000


class Form(StrEnum):
    """How a credential is secured."""

    JWT = "jwt"
    TOKEN = "sd-jwt"
    DOCUMENT = "data-integrity"


@dataclass(frozen=True, slots=True)
class Received:
    """A credential as it was handed over.

    Attributes:
        secured: the credential itself: a JWT, a token with disclosures, or a document.
        subject: DID; None where a holder keeps it to herself.
        holder_key: DID URL of the key that presents it; None where it is the subject's.
        claims: of its subject, those that are shown or can be.
        can_hide: those of them that are shown only where the holder wants.
        valid_from, valid_until: seconds, UTC.
        hash: what the chain may hold of it, 32 bytes.
        binding: the proof of a holder who showed a token to somebody; None without one.
    """

    secured: str | dict[str, Any]
    form: Form
    kind: Kind
    issuer: str
    subject: str | None
    holder_key: str | None
    claims: dict[str, Any]
    can_hide: frozenset[str]
    valid_from: int | None
    valid_until: int | None
    statuses: tuple[StatusEntry, ...]
    hash: bytes
    binding: str | None = None

    @property
    def holder(self) -> str | None:
        """DID of who presents it."""
        return self.holder_key.partition("#")[0] if self.holder_key else self.subject

    def validity(self) -> str:
        """From when until when, for a person."""
        ends = [None if at is None else date_time(at) for at in (self.valid_from, self.valid_until)]
        return f"{ends[0] or 'always'} to {ends[1] or 'for good'}"

    def document(self) -> dict[str, Any]:
        """The document without a proof, or all claims of a token, those of its own form too."""
        if isinstance(self.secured, dict):
            return {name: value for name, value in self.secured.items() if name != "proof"}
        if self.form is Form.JWT:
            return jose.document_of(jws.parse(self.secured))
        whole = sd_jwt.parse(self.secured)
        return sd_jwt.reveal(jws.parse(whole.token).payload, whole.disclosures)

    def text(self) -> str:
        """As it is kept in a file."""
        if isinstance(self.secured, str):
            return self.secured
        return json.dumps(self.secured, indent=2, ensure_ascii=False)


def read(text: str) -> Received:
    """A credential of a kind known here, in any form; nothing is verified.

    Raises:
        CredentialError: it is none, or says something of itself that contradicts its form.
    """
    text = text.strip()
    if text.startswith("{"):
        document = jws.read_object(text.encode(), "the credential")
        return _of_document(document, Form.DOCUMENT, document)
    if "~" not in text:
        return _of_document(jose.document_of(jws.parse(text)), Form.JWT, text)
    return _of_token(text)


def _of_document(
    document: Mapping[str, Any], form: Form, secured: str | dict[str, Any]
) -> Received:
    credential: Credential = read_credential(document)
    signed_from, signed_until = _signature_times(document, form)
    starts, ends = (credential.valid_from, signed_from), (credential.valid_until, signed_until)
    return Received(
        secured=secured,
        form=form,
        kind=kind_of(credential.types),
        issuer=credential.issuer,
        subject=credential.subject,
        holder_key=None,
        claims=credential.claims,
        can_hide=frozenset(),
        valid_from=max((at for at in starts if at is not None), default=None),
        valid_until=min((at for at in ends if at is not None), default=None),
        statuses=tuple(entries_of(credential.document)),
        hash=content_hash(secured),
    )


def _signature_times(document: Mapping[str, Any], form: Form) -> tuple[int | None, int | None]:
    """When the signature counts, where it says so: perhaps for less long than what it is under."""
    if form is Form.JWT:
        return _seconds(document, "nbf"), _seconds(document, "exp")
    proof = document.get("proof")
    return None, read_time(proof, "expires") if isinstance(proof, dict) else None


def _of_token(text: str) -> Received:
    whole = sd_jwt.parse(text)
    claims = sd_jwt.reveal(jws.parse(whole.token).payload, whole.disclosures)
    kind = kind_of(frozenset({_text(claims, "vct")}))
    confirmation = claims.get("cnf")
    method = confirmation.get("kid") if isinstance(confirmation, dict) else None
    if not isinstance(method, str):
        raise CredentialError("the credential names no holder's key (cnf)")
    return Received(
        secured=str(sd_jwt.SdJwt(whole.token, whole.disclosures)),
        form=Form.TOKEN,
        kind=kind,
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub") if "sub" in claims else None,
        holder_key=method,
        claims={name: value for name, value in claims.items() if name not in _OF_THE_FORM},
        can_hide=frozenset(each.name for each in whole.disclosures if each.name is not None),
        valid_from=_seconds(claims, "nbf"),
        valid_until=_seconds(claims, "exp"),
        statuses=tuple(entries_of(claims)),
        hash=content_hash(text),
        binding=whole.binding,
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise CredentialError(f"the credential has no {name}")
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LATEST:
        raise CredentialError(f"{name} is a number of seconds")
    return value
