"""An issuer, a holder, a registry of DIDs, status lists: what verifying needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from identity import did
from identity.did import EthrMethod, KeyMethod, Resolver
from identity.did.ethr import Change
from identity.signer import LocalSigner
from identity.verifiable import jose
from identity.verifiable.data_integrity import add_proof
from identity.verifiable.keys import Ed25519Key, EthereumKey
from identity.verifiable.model import BASE_CONTEXT
from identity.verifiable.status_list import StatusEntry, StatusList, list_credential
from identity.verifiable.verifier import Secured, Verifier

CHAIN = 31_337
NOW = 1_790_000_000
KIND = "WattproofParticipantCredential"
LIST_URL = "https://issuer.example/status/1"


class Registry:
    """A DidRegistry in memory; block b is made at second b."""

    def __init__(self) -> None:
        self.events: dict[str, list[Change]] = {}

    def changes(self, address: str) -> Sequence[Change]:
        return self.events.get(address, [])

    def time_of(self, block: int) -> int | None:
        return block if block <= NOW else None

    def now(self) -> int:
        return NOW


@dataclass
class Party:
    """Somebody with an Ethereum key and a did:ethr."""

    signer: LocalSigner

    @property
    def did(self) -> str:
        return str(did.of(self.signer.address, CHAIN))

    @property
    def key(self) -> EthereumKey:
        return EthereumKey(self.signer, f"{self.did}#controller")


ISSUER = Party(LocalSigner(b"\x11" * 32))
HOLDER = Party(LocalSigner(b"\x22" * 32))
OTHER = Party(LocalSigner(b"\x33" * 32))
ED_ISSUER = Ed25519Key(b"\x44" * 32)
ED_DID = ED_ISSUER.verification_method.partition("#")[0]


def iso(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def credential(
    issuer: str = ISSUER.did, subject: str = HOLDER.did, **changes: Any
) -> dict[str, Any]:
    document = {
        "@context": [BASE_CONTEXT],
        "type": ["VerifiableCredential", KIND],
        "issuer": issuer,
        "validFrom": iso(NOW - 86_400),
        "validUntil": iso(NOW + 86_400),
        "credentialSubject": {"id": subject, "role": "prosumer", "zone": 4},
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


def by_jwt(**changes: Any) -> str:
    return jose.secure(credential(**changes), ISSUER.key)


def by_proof(**changes: Any) -> dict[str, Any]:
    return add_proof(credential(issuer=ED_DID, **changes), ED_ISSUER, created=iso(NOW - 10))


@dataclass
class World:
    registry: Registry = field(default_factory=Registry)
    accredited: set[str] = field(default_factory=lambda: {ISSUER.did, ED_DID})
    lists: dict[str, Secured] = field(default_factory=dict)
    now: int = NOW

    @property
    def verifier(self) -> Verifier:
        resolver = Resolver({"ethr": EthrMethod({CHAIN: self.registry}), "key": KeyMethod()})
        return Verifier(
            resolver,
            lambda issuer, kinds: issuer in self.accredited and KIND in kinds,
            self.lists.get,
            self.now,
        )

    def publish(
        self, revoked: Sequence[int], *, by: Party = ISSUER, until: int = NOW + 3_600
    ) -> StatusEntry:
        """Publish a status list; the entry is that of index 7."""
        bits = StatusList()
        bits.set(revoked)
        document = list_credential(
            LIST_URL,
            by.did,
            bits,
            purpose="revocation",
            valid_from=iso(NOW - 3_600),
            valid_until=iso(until),
        )
        self.lists[LIST_URL] = jose.secure(document, by.key)
        return StatusEntry(LIST_URL, 7)
