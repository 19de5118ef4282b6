"""What resolving gives: a document, and two sets of metadata (W3C DID Resolution).

Resolving does not raise for identifiers of others: that one is malformed, unknown or deactivated is
an answer, and a caller has to tell these apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from identity.did.url import DidUrl

DidDocument = dict[str, Any]

JSON_LD: Final = "application/did+ld+json"
JSON: Final = "application/did+json"


class ResolutionCode(StrEnum):
    """Why there is no document (``didResolutionMetadata.error``)."""

    INVALID_DID = "invalidDid"
    INVALID_DID_URL = "invalidDidUrl"
    NOT_FOUND = "notFound"
    METHOD_NOT_SUPPORTED = "methodNotSupported"
    REPRESENTATION_NOT_SUPPORTED = "representationNotSupported"
    INVALID_DID_DOCUMENT = "invalidDidDocument"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which version of a document is wanted; at most one of them, none: the present one.

    Attributes:
        version_id: as the method numbers its versions (did:ethr: a block).
        version_time: seconds, UTC; the version that was valid then.
    """

    version_id: str | None = None
    version_time: int | None = None

    @property
    def is_past(self) -> bool:
        """Whether a particular version is wanted."""
        return self.version_id is not None or self.version_time is not None


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of resolving.

    Attributes:
        document: None where `error` says why; a deactivated identifier has a document that nothing
            speaks for.
        metadata: ``didDocumentMetadata``: deactivated, versionId, updated, nextVersionId, ...
        error: None for success.
        message: what went wrong, for a person.
    """

    document: DidDocument | None
    metadata: dict[str, Any] = field(default_factory=dict)
    error: ResolutionCode | None = None
    message: str = ""
    content_type: str = JSON_LD

    @property
    def deactivated(self) -> bool:
        """Whether the identifier was given up for good."""
        return bool(self.metadata.get("deactivated", False))

    def as_json(self) -> dict[str, Any]:
        """``didDocument``, ``didResolutionMetadata`` and ``didDocumentMetadata``."""
        return {
            "didDocument": self.document,
            "didResolutionMetadata": _process_metadata(self),
            "didDocumentMetadata": self.metadata,
        }


@dataclass(frozen=True, slots=True)
class Dereferenced:
    """What a DID URL points at: a whole document, or a verification method or service in it."""

    content: DidDocument | None
    metadata: dict[str, Any] = field(default_factory=dict)
    error: ResolutionCode | None = None
    message: str = ""
    content_type: str = JSON_LD

    def as_json(self) -> dict[str, Any]:
        """``content``, ``dereferencingMetadata`` and ``contentMetadata``."""
        return {
            "content": self.content,
            "dereferencingMetadata": _process_metadata(self),
            "contentMetadata": self.metadata,
        }


class Method(Protocol):
    """One DID method."""

    def resolve(self, did: DidUrl, wanted: Wanted) -> Resolution:
        """The document of ``did.did`` with its JSON-LD contexts."""
        ...


def failed(error: ResolutionCode, message: str) -> Resolution:
    """A resolution without a document."""
    return Resolution(None, error=error, message=message)


def _process_metadata(result: Resolution | Dereferenced) -> dict[str, Any]:
    if result.error is not None:
        return {"error": result.error.value, "message": result.message}
    return {"contentType": result.content_type}
