"""Resolving and dereferencing over several methods (W3C DID Resolution, DID Core section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from identity.did.resolution import (
    JSON,
    JSON_LD,
    Dereferenced,
    DidDocument,
    Method,
    Resolution,
    ResolutionCode,
    Wanted,
    failed,
)
from identity.did.url import DidUrl, parse_url
from identity.errors import DidError

_RELATIONSHIPS: Final = (
    "authentication",
    "assertionMethod",
    "keyAgreement",
    "capabilityInvocation",
    "capabilityDelegation",
)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


class Resolver:
    """Resolves what it has a method for."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = dict(methods)

    def resolve(
        self, did: str, *, accept: str = JSON_LD, wanted: Wanted | None = None
    ) -> Resolution:
        """The document of a DID; a query may say which version: ``?versionId=`` or ``versionTime``.

        Args:
            accept: ``application/did+ld+json``, or ``application/did+json`` without contexts.
            wanted: the version, where the query does not say.
        """
        try:
            url = parse_url(did)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID, str(error))
        if url.path or url.fragment is not None:
            return failed(ResolutionCode.INVALID_DID, f"{did} is not a DID; dereference it instead")
        return self._resolve(url, accept, wanted)

    def dereference(self, did_url: str, *, accept: str = JSON_LD) -> Dereferenced:
        """What a DID URL points at: a document, or with a fragment the part of it with that id."""
        try:
            url = parse_url(did_url)
        except DidError as error:
            return Dereferenced(None, error=ResolutionCode.INVALID_DID_URL, message=str(error))
        if url.path or "service" in url.query or "relativeRef" in url.query:
            return Dereferenced(
                None,
                error=ResolutionCode.NOT_FOUND,
                message=f"{did_url} points at something outside the document; that is not read",
            )
        resolution = self._resolve(url, accept, None)
        if resolution.document is None or url.fragment is None:
            return Dereferenced(
                resolution.document,
                resolution.metadata,
                resolution.error,
                resolution.message,
                resolution.content_type,
            )
        part = _part(resolution.document, f"{url.did}#{url.fragment}")
        if part is None:
            return Dereferenced(
                None,
                resolution.metadata,
                error=ResolutionCode.NOT_FOUND,
                message=f"the document of {url.did} has no part #{url.fragment} (any more)",
            )
        if "@context" in resolution.document:
            part = {"@context": resolution.document["@context"], **part}
        return Dereferenced(part, resolution.metadata, content_type=resolution.content_type)

    def _resolve(self, url: DidUrl, accept: str, wanted: Wanted | None) -> Resolution:
        if accept not in (JSON, JSON_LD):
            return failed(
                ResolutionCode.REPRESENTATION_NOT_SUPPORTED,
                f"{accept!r} is not given; ask for {JSON_LD} or {JSON}",
            )
        method = self._methods.get(url.method)
        if method is None:
            known = ", ".join(sorted(self._methods)) or "none"
            return failed(
                ResolutionCode.METHOD_NOT_SUPPORTED,
                f"did:{url.method} is not resolved here; these are: {known}",
            )
        try:
            version = _wanted(url, wanted)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID_URL, str(error))
        resolution = method.resolve(url, version)
        document = resolution.document
        if accept == JSON and document is not None:
            document = {name: value for name, value in document.items() if name != "@context"}
        return replace(resolution, document=document, content_type=accept)


def _wanted(url: DidUrl, wanted: Wanted | None) -> Wanted:
    version_id, version_time = url.query.get("versionId"), url.query.get("versionTime")
    if version_id is None and version_time is None:
        version = wanted or Wanted()
    else:
        version = Wanted(version_id, None if version_time is None else _seconds(version_time))
    if version.version_id is not None and version.version_time is not None:
        raise DidError("ask for versionId or for versionTime, not for both")
    return version


def _seconds(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise DidError(f"versionTime={text!r} is not a time such as 2026-11-01T12:00:00Z")
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise DidError(f"versionTime={text!r} is not a time") from error


def _part(document: DidDocument, full_id: str) -> dict[str, Any] | None:
    for entry in _entries(document):
        own = entry.get("id")
        if own == full_id or (
            isinstance(own, str) and own.startswith("#") and document["id"] + own == full_id
        ):
            return entry
    return None


def _entries(document: DidDocument) -> Iterator[dict[str, Any]]:
    """Everything in a document that has an id of its own, embedded methods too."""
    for section in ("verificationMethod", *_RELATIONSHIPS, "service"):
        listed = document.get(section, [])
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                yield entry
