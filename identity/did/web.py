"""``did:web``: a document that a web site publishes (W3C CCG, did:web).

Who fetches is the caller's choice: the platform gives a fetcher that refuses private addresses,
tests one that needs no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from identity.did.resolution import Resolution, ResolutionCode, Wanted, failed
from identity.did.url import DidUrl
from identity.errors import DidError

Fetch = Callable[[str], bytes | None]
"""Fetches an https address: the body, None where there is none. Raises DidError where it cannot."""

LARGEST_BYTES: Final = 262_144
_HOST: Final = re.compile(
    r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*(?::[0-9]{1,5})?"
)
_IPV4: Final = re.compile(r"[0-9.]+(?::[0-9]+)?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~-]+")


class WebMethod:
    """Reads documents with the given fetcher."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def resolve(self, did: DidUrl, wanted: Wanted) -> Resolution:
        """See `Method`."""
        if wanted.is_past:
            return failed(ResolutionCode.NOT_FOUND, "a did:web keeps no versions")
        try:
            address = address_of(did)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID, str(error))
        try:
            body = self._fetch(address)
        except DidError as error:
            return failed(ResolutionCode.NOT_FOUND, f"{address} cannot be read: {error}")
        if body is None:
            return failed(ResolutionCode.NOT_FOUND, f"there is nothing at {address}")
        return _read(did, address, body)


def address_of(did: DidUrl) -> str:
    """Where the document of a did:web is. Raises DidError for one that names no host by a name."""
    host, *path = (unquote(part) for part in did.identifier.split(":"))
    if not _HOST.fullmatch(host) or _IPV4.fullmatch(host):
        raise DidError(f"{did.did} does not name a host")
    for segment in path:
        if not _SEGMENT.fullmatch(segment) or set(segment) == {"."}:
            raise DidError(f"{did.did}: {segment!r} is not part of a path")
    return f"https://{host}/{'/'.join(path) if path else '.well-known'}/did.json"


def _read(did: DidUrl, address: str, body: bytes) -> Resolution:
    if len(body) > LARGEST_BYTES:
        return failed(
            ResolutionCode.INVALID_DID_DOCUMENT, f"{address} has more than {LARGEST_BYTES} bytes"
        )
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return failed(ResolutionCode.INVALID_DID_DOCUMENT, f"{address} is not JSON")
    if not isinstance(document, dict) or document.get("id") != did.did:
        return failed(
            ResolutionCode.INVALID_DID_DOCUMENT, f"{address} is not the document of {did.did}"
        )
    return Resolution(document)
