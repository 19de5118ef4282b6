"""The data model of Verifiable Credentials 2.0, as far as a verifier relies on it.

Contexts are a closed list: a context nobody here knows could give every word of a credential
another meaning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from identity.errors import CredentialError

BASE_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
CONTEXTS: Final = frozenset({BASE_CONTEXT, "https://w3id.org/security/data-integrity/v2"})
CREDENTIAL: Final = "VerifiableCredential"
PRESENTATION: Final = "VerifiablePresentation"
CLOCK_SKEW_S: Final = 60
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII
)
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[^\s\x00-\x1f]+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credential:
    """A well-formed credential; its proof is looked at elsewhere.

    Attributes:
        document: as it was issued, without a proof.
        valid_from, valid_until: seconds, UTC; None where it does not say; the end is excluded.
    """

    document: dict[str, Any]
    issuer: str
    subject: str | None
    types: frozenset[str]
    valid_from: int | None
    valid_until: int | None

    @property
    def claims(self) -> dict[str, Any]:
        """What is said of the subject, without its id."""
        subject = self.document["credentialSubject"]
        return {name: value for name, value in subject.items() if name != "id"}

    def check_time(self, now: int) -> None:
        """Raises CredentialError outside its validity; clocks may differ by a minute."""
        check_validity(self.valid_from, self.valid_until, now)


def check_validity(valid_from: int | None, valid_until: int | None, now: int) -> None:
    """Raise CredentialError outside a validity; clocks may differ by a minute.

    Args:
        valid_from, valid_until: seconds, UTC; None for no such bound; the end is excluded.
    """
    if valid_from is not None and now + CLOCK_SKEW_S < valid_from:
        raise CredentialError("the credential is not valid yet")
    if valid_until is not None and now - CLOCK_SKEW_S >= valid_until:
        raise CredentialError("the credential has expired")


def date_time(seconds: int) -> str:
    """A moment as documents write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_credential(
    document: Mapping[str, Any], *, contexts: Collection[str] = CONTEXTS
) -> Credential:
    """Check a credential's form; one subject.

    Args:
        contexts: those whose meaning is known here; the first is always that of the data model.

    Raises:
        CredentialError: the form is not that of the data model, or a context is unknown.
    """
    _check_contexts(document, contexts)
    types = _types(document, CREDENTIAL)
    subject = document.get("credentialSubject")
    if not isinstance(subject, dict) or not subject:
        raise CredentialError("a credential has one subject (credentialSubject)")
    issuer = document.get("issuer")
    name = issuer.get("id") if isinstance(issuer, dict) else issuer
    for what, uri in (("issuer", name), ("id", document.get("id", "urn:none:1"))):
        if not isinstance(uri, str) or not _URI.fullmatch(uri):
            raise CredentialError(f"the {what} {uri!r} is not a URI")
    subject_id = subject.get("id")
    if subject_id is not None and not (isinstance(subject_id, str) and _URI.fullmatch(subject_id)):
        raise CredentialError(f"the subject {subject_id!r} is not a URI")
    valid_from, valid_until = (read_time(document, name) for name in ("validFrom", "validUntil"))
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise CredentialError("the credential ends before it begins")
    return Credential(
        document={name: value for name, value in document.items() if name != "proof"},
        issuer=str(name),
        subject=subject_id,
        types=types,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def check_presentation(
    document: Mapping[str, Any], *, contexts: Collection[str] = CONTEXTS
) -> str | None:
    """Check a presentation's form; returns its holder. Raises CredentialError."""
    _check_contexts(document, contexts)
    _types(document, PRESENTATION)
    holder = document.get("holder")
    if isinstance(holder, dict):
        holder = holder.get("id")
    if holder is not None and not (isinstance(holder, str) and _URI.fullmatch(holder)):
        raise CredentialError(f"the holder {holder!r} is not a URI")
    return holder


def _check_contexts(document: Mapping[str, Any], known: Collection[str]) -> None:
    listed = document.get("@context")
    if not isinstance(listed, list) or not listed or listed[0] != BASE_CONTEXT:
        raise CredentialError(f"the first @context must be {BASE_CONTEXT}")
    for context in listed:
        if not isinstance(context, str) or context not in known:
            raise CredentialError(f"the context {context!r} is not known here")


def _types(document: Mapping[str, Any], wanted: str) -> frozenset[str]:
    listed = document.get("type")
    types = [listed] if isinstance(listed, str) else listed
    if not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
        raise CredentialError("type is a list of names")
    if wanted not in types:
        raise CredentialError(f"it is not a {wanted}")
    return frozenset(types)


def read_time(document: Mapping[str, Any], name: str) -> int | None:
    """Seconds, UTC, of a date-time; None where there is none. Raises CredentialError."""
    text = document.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not _DATE_TIME.fullmatch(text):
        raise CredentialError(f"{name} {text!r} is not a date-time with a time zone")
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError) as error:
        raise CredentialError(f"{name} {text!r} is not a date-time") from error
