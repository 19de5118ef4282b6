"""What a verifier on its own machine knows: keys, accreditations and lists of an installation.

A did:key says its key by itself. Of an installation are taken the documents of its chain's DIDs,
who is accredited, and status lists that their issuers signed. Offline, whoever verifies names the
issuers that it trusts and hands in the status lists.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from identity import did
from identity.did import (
    DidUrl,
    KeyMethod,
    Method,
    Resolution,
    ResolutionCode,
    Resolver,
    Wanted,
    failed,
)
from identity.errors import CredentialError, DidError
from identity.verifiable import jose, jws
from identity.verifiable.checking import Check, Expected, check
from identity.verifiable.model import date_time
from identity.verifiable.received import Received
from identity.verifiable.verifier import Secured, Verifier
from wattproof.cli.rest import RestReader
from wattproof.errors import InvalidError, NotFoundError

_LISTS: Final = "/status-lists/"


class RestMethod:
    """Resolves DIDs of an installation's chain through its REST resolver."""

    def __init__(self, client: RestReader) -> None:
        self._client = client

    def resolve(self, name: DidUrl, wanted: Wanted) -> Resolution:
        """See `Method`. Raises UnavailableError where nothing answers."""
        query = {"versionId": wanted.version_id}
        if wanted.version_time is not None:
            query["versionTime"] = date_time(wanted.version_time)
        try:
            found = self._client.get(f"/identifiers/{quote(name.did, safe=':')}", **query)
        except NotFoundError as error:
            return failed(ResolutionCode.NOT_FOUND, error.message)
        except InvalidError as error:
            return failed(ResolutionCode.INVALID_DID, error.message)
        document = found["didDocument"]
        if not isinstance(document, dict) or document.get("id") != name.did:
            return failed(ResolutionCode.INVALID_DID_DOCUMENT, "the answer is about another DID")
        return Resolution(document, metadata=found["didDocumentMetadata"])


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a verifier relies on.

    Attributes:
        client: an installation; None offline.
        trusted: DIDs of issuers that are taken for accredited, whatever any chain says.
        lists: status lists by their address, as they were handed in.
    """

    client: RestReader | None
    trusted: frozenset[str] = frozenset()
    lists: Mapping[str, Secured] = field(default_factory=dict)

    def resolver(self) -> Resolver:
        """Resolves did:key, and with an installation did:ethr of its chain."""
        methods: dict[str, Method] = {"key": KeyMethod()}
        if self.client is not None:
            methods["ethr"] = RestMethod(self.client)
        return Resolver(methods)

    def verifier(self) -> Verifier:
        """Judges by this machine's clock."""
        return Verifier(self.resolver(), lambda issuer, kinds: False, self._list, int(time.time()))

    def check(
        self, received: Received, *, whole: bool = False, expected: Expected | None = None
    ) -> list[Check]:
        """Make every check, and ask the chain for who is meant and what was granted to whom."""
        checks = check(received, self.verifier(), self._accredited, whole=whole, expected=expected)
        asked = (self._subject(received), self._grant(received))
        return [*checks, *(each for each in asked if each is not None)]

    def _accredited(self, issuer: str, role: str) -> bool:
        if issuer in self.trusted:
            return True
        if self.client is None:
            raise CredentialError(
                f"nobody says offline who is accredited; if you trust {issuer}, name it with "
                "--trust"
            )
        try:
            address = did.parse(issuer)
        except DidError as error:
            raise CredentialError(
                f"{issuer} has no account on the chain; if you trust it, name it with --trust"
            ) from error
        if address.chain_id != self.client.get("/")["chain_id"]:
            raise CredentialError(f"{issuer} is of another chain than the installation's")
        found = self.client.get(f"/issuers/{address.address}")["accreditations"]
        return any(each["role"] == role and each["ended_at"] is None for each in found)

    def _list(self, url: str) -> Secured | None:
        if url in self.lists or self.client is None:
            return self.lists.get(url)
        base = public_address(self.client)
        if not url.startswith(f"{base}{_LISTS}"):
            return None
        try:
            return self.client.text(url.removeprefix(base))
        except NotFoundError:
            return None

    def _subject(self, received: Received) -> Check | None:
        """Whether whom it is about is still there; None where nobody can say."""
        name = received.subject or received.holder or ""
        resolution = self.resolver().resolve(name)
        if resolution.deactivated:
            return Check("subject", False, f"{name} was given up for good")
        return None if resolution.document is None else Check("subject", True, name)

    def _grant(self, received: Received) -> Check | None:
        if self.client is None:
            return None
        try:
            found = self.client.get(f"/issuers/grants/0x{received.hash.hex()}")
        except NotFoundError:
            return None
        return _judge(found)


def public_address(client: RestReader) -> str:
    """Where an installation says that it is reached; its status lists have names below it."""
    documentation: str = client.get("/")["documentation"]
    return documentation.removesuffix("/docs")


def read_lists(paths: Sequence[Path]) -> dict[str, Secured]:
    """Status lists from files, by their address. Raises CredentialError."""
    found: dict[str, Secured] = {}
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialError(f"cannot read {path}: {error}") from error
        if text.startswith("{"):
            document = jws.read_object(text.encode(), str(path))
            found[str(document.get("id"))] = document
        else:
            found[str(jose.document_of(jws.parse(text)).get("id"))] = text
    return found


def _judge(found: Mapping[str, Any]) -> Check:
    if found["stands"]:
        return Check("grant", True, f"stands on the chain until {found['expires_at']}")
    if found["issuer"] is None:
        return Check("grant", True, "a newer credential of the role took its place on the chain")
    if found["revoked_at"] is not None:
        return Check("grant", False, f"revoked on the chain at {found['revoked_at']}")
    return Check("grant", False, "it does not stand on the chain (any more)")
