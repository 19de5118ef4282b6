"""`did:ethr` identifiers and their documents, from the history of an ERC-1056 registry.

Follows the did:ethr method: a document is what the registry's events add up to at a moment. A
delegate or attribute counts while ``valid_to > now`` (as the registry's ``validDelegate``); their
numbers (``#delegate-N``, ``#service-N``) count every such event, valid or not, so that an id never
names another key later. Versions are blocks: ``versionId`` is the block of the last change.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from eth_keys.datatypes import PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError

from identity.did.multibase import base58_encode
from identity.did.resolution import DidDocument, Resolution, ResolutionCode, Wanted, failed
from identity.did.url import DidUrl
from identity.errors import DidError

ZERO_ADDRESS: Final = "0x" + "00" * 20
_IDENTIFIER: Final = re.compile(
    r"did:ethr:(?:(?P<network>[A-Za-z0-9]+):)?(?P<key>0x(?:[0-9a-fA-F]{66}|[0-9a-fA-F]{40}))"
)
_NETWORKS: Final = {"mainnet": 1, "sepolia": 11_155_111, "holesky": 17_000}
_ATTRIBUTE: Final = re.compile(r"did/(pub|svc)/(\w+)(?:/(\w+))?(?:/(\w+))?", re.ASCII)
_RECOVERY: Final = "EcdsaSecp256k1RecoveryMethod2020"
_SECP256K1: Final = "EcdsaSecp256k1VerificationKey2019"
# By algorithm and purpose, as existing resolvers of did:ethr name them; else the algorithm itself.
_KEY_TYPES: Final = {
    ("Secp256k1", "veriKey"): _SECP256K1,
    ("Secp256k1", "sigAuth"): _SECP256K1,
    ("Ed25519", "veriKey"): "Ed25519VerificationKey2018",
    ("Ed25519", "sigAuth"): "Ed25519VerificationKey2018",
    ("RSA", "veriKey"): "RSAVerificationKey2018",
    ("X25519", "enc"): "X25519KeyAgreementKey2019",
}
_CONTEXTS: Final = (
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
    "https://w3id.org/security/v3-unstable",
)


@dataclass(frozen=True, slots=True)
class EthrDid:
    """An identifier: an address on a chain, perhaps given as a public key.

    Attributes:
        chain_id: EIP-155 id of the chain that holds the registry.
        address: checksum address of the identity.
        public_key: 33 bytes, compressed, when the identifier carries the key itself.
    """

    chain_id: int
    address: str
    public_key: bytes | None = None

    def __str__(self) -> str:
        key = self.address if self.public_key is None else "0x" + self.public_key.hex()
        return f"did:ethr:{key}" if self.chain_id == 1 else f"did:ethr:{hex(self.chain_id)}:{key}"


def parse(text: str) -> EthrDid:
    """Read ``did:ethr:[network:]address-or-public-key``; the network a name or a hex chain id.

    Raises:
        DidError: it is not such an identifier.
    """
    match = _IDENTIFIER.fullmatch(text)
    if match is None:
        raise DidError(f"{text!r} is not a did:ethr identifier")
    chain_id = _chain_id(match["network"])
    raw = bytes.fromhex(match["key"][2:])
    if len(raw) == 20:
        return EthrDid(chain_id, to_checksum_address(raw))
    try:
        public_key = PublicKey.from_compressed_bytes(raw)
    except (ValidationError, ValueError) as error:
        raise DidError(f"{match['key']} is not a public key of secp256k1") from error
    return EthrDid(chain_id, str(public_key.to_checksum_address()), raw)


def of(address: str, chain_id: int) -> EthrDid:
    """The identifier of an address on a chain."""
    return parse(f"did:ethr:{hex(chain_id)}:{address}")


@dataclass(frozen=True, slots=True)
class OwnerChanged:
    """DIDOwnerChanged; the zero address deactivates for good."""

    block: int
    owner: str


@dataclass(frozen=True, slots=True)
class DelegateChanged:
    """DIDDelegateChanged; ``valid_to`` in seconds, excluded."""

    block: int
    delegate_type: bytes
    delegate: str
    valid_to: int


@dataclass(frozen=True, slots=True)
class AttributeChanged:
    """DIDAttributeChanged; ``valid_to`` in seconds, excluded; 0 revokes."""

    block: int
    name: bytes
    value: bytes
    valid_to: int


Change = OwnerChanged | DelegateChanged | AttributeChanged


class RegistryHistory(Protocol):
    """What a registry on one chain knows of an identity."""

    def changes(self, address: str) -> Sequence[Change]:
        """Its events, oldest first."""
        ...

    def time_of(self, block: int) -> int | None:
        """When a block was made, seconds; None where there is no such block (yet)."""
        ...

    def now(self) -> int:
        """Seconds, UTC."""
        ...


class EthrMethod:
    """Resolves did:ethr on the chains whose registry is known."""

    def __init__(self, registries: Mapping[int, RegistryHistory]) -> None:
        self._registries = dict(registries)

    def resolve(self, did: DidUrl, wanted: Wanted) -> Resolution:
        """See `Method`. An address without a history owns itself: there always is a document."""
        try:
            identity = parse(did.did)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID, str(error))
        registry = self._registries.get(identity.chain_id)
        if registry is None:
            return failed(
                ResolutionCode.NOT_FOUND, f"no registry of chain {identity.chain_id} is known here"
            )
        changes = registry.changes(identity.address)
        try:
            moment, counted = _until(registry, changes, wanted)
        except DidError as error:
            return failed(ResolutionCode.NOT_FOUND, str(error))
        builder = _Builder(identity, did.did)
        for change in changes[:counted]:
            builder.apply(change, moment)
            if builder.deactivated:
                break
        return Resolution(
            builder.document(), _metadata(registry, builder, [c.block for c in changes[counted:]])
        )


def _until(registry: RegistryHistory, changes: Sequence[Change], wanted: Wanted) -> tuple[int, int]:
    """The moment that is asked for, seconds, and how many changes had happened by then."""
    if wanted.version_id is not None:
        text = wanted.version_id
        block = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
        moment = None if block < 0 else registry.time_of(block)
        if moment is None:
            raise DidError(f"there is no version {text!r}: versions of did:ethr are blocks")
        return moment, sum(change.block <= block for change in changes)
    if wanted.version_time is not None:
        if wanted.version_time > registry.now():
            raise DidError("the versionTime has not come yet")
        times = (registry.time_of(change.block) for change in changes)
        past = sum(time is not None and time <= wanted.version_time for time in times)
        return wanted.version_time, past
    return registry.now(), len(changes)


def _metadata(registry: RegistryHistory, builder: _Builder, later: list[int]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"deactivated": True} if builder.deactivated else {}
    if builder.version:
        metadata["versionId"] = str(builder.version)
        metadata["updated"] = _iso(registry, builder.version)
    if later:
        metadata["nextVersionId"] = str(min(later))
        metadata["nextUpdate"] = _iso(registry, min(later))
    return metadata


def _iso(registry: RegistryHistory, block: int) -> str:
    moment = registry.time_of(block)
    if moment is None:
        raise DidError(f"the registry names a change in block {block}, which does not exist")
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Builder:
    def __init__(self, did: EthrDid, name: str) -> None:
        self.did = did
        self.name = name
        self.controller = did.address
        self.deactivated = False
        self.version = 0
        self.delegates = 0
        self.services_seen = 0
        self.methods: dict[tuple[object, ...], tuple[dict[str, Any], str]] = {}
        self.services: dict[tuple[object, ...], dict[str, Any]] = {}

    def apply(self, change: Change, now: int) -> None:
        self.version = change.block
        if isinstance(change, OwnerChanged):
            self.controller = to_checksum_address(change.owner)
            self.deactivated = self.controller == ZERO_ADDRESS
        elif isinstance(change, DelegateChanged):
            self._delegate(change, change.valid_to > now)
        else:
            self._attribute(change, change.valid_to > now)

    def _delegate(self, change: DelegateChanged, valid: bool) -> None:
        purpose = _text(change.delegate_type)
        if purpose is None:
            return
        self.delegates += 1
        key = ("delegate", change.delegate_type, change.delegate)
        if not valid:
            self.methods.pop(key, None)
        elif purpose in ("sigAuth", "veriKey"):
            self.methods[key] = (
                {
                    "id": f"{self.name}#delegate-{self.delegates}",
                    "type": _RECOVERY,
                    "controller": self.name,
                    "blockchainAccountId": self._account_id(change.delegate),
                },
                purpose,
            )

    def _attribute(self, change: AttributeChanged, valid: bool) -> None:
        match = _ATTRIBUTE.fullmatch(_text(change.name) or "")
        if match is None:
            return
        section, kind, purpose, encoding = match.groups()
        key = ("attribute", change.name, change.value)
        if section == "svc":
            self.services_seen += 1
            endpoint = _endpoint(change.value)
            if not valid or endpoint is None:
                self.services.pop(key, None)
            else:
                self.services[key] = {
                    "id": f"{self.name}#service-{self.services_seen}",
                    "type": kind,
                    "serviceEndpoint": endpoint,
                }
            return
        self.delegates += 1
        material = _key_material(change.value, encoding)
        if not valid or material is None:
            self.methods.pop(key, None)
        else:
            method = {
                "id": f"{self.name}#delegate-{self.delegates}",
                "type": _KEY_TYPES.get((kind, purpose), kind),
                "controller": self.name,
            } | material
            self.methods[key] = (method, purpose or "veriKey")

    def document(self) -> DidDocument:
        did = self.name
        document: DidDocument = {
            "@context": list(_CONTEXTS),
            "id": did,
            "verificationMethod": [],
            "authentication": [],
            "assertionMethod": [],
        }
        if self.deactivated:
            return document
        controller = f"{did}#controller"
        document["verificationMethod"].append(
            {
                "id": controller,
                "type": _RECOVERY,
                "controller": did,
                "blockchainAccountId": self._account_id(self.controller),
            }
        )
        speaking = [controller]
        if self.did.public_key is not None and self.controller == self.did.address:
            document["verificationMethod"].append(
                {
                    "id": f"{did}#controllerKey",
                    "type": _SECP256K1,
                    "controller": did,
                    "publicKeyHex": self.did.public_key.hex(),
                }
            )
            speaking.append(f"{did}#controllerKey")
        document["authentication"] += speaking
        document["assertionMethod"] += speaking
        for method, purpose in self.methods.values():
            document["verificationMethod"].append(method)
            if purpose == "enc":
                document.setdefault("keyAgreement", []).append(method["id"])
                continue
            document["assertionMethod"].append(method["id"])
            if purpose == "sigAuth":
                document["authentication"].append(method["id"])
        if self.services:
            document["service"] = list(self.services.values())
        return document

    def _account_id(self, address: str) -> str:
        return f"eip155:{self.did.chain_id}:{to_checksum_address(address)}"


def _chain_id(network: str | None) -> int:
    if network is None:
        return 1
    if network in _NETWORKS:
        return _NETWORKS[network]
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}", network) or int(network, 16) == 0:
        raise DidError(f"{network!r} is neither a known network nor a hex chain id")
    return int(network, 16)


def _text(word: bytes) -> str | None:
    """Text in a bytes32, without the zero bytes that fill it; None if it is no text."""
    try:
        return word.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None


def _key_material(value: bytes, encoding: str | None) -> dict[str, str] | None:
    """The member of a verification method that holds a key; None if it is not in its encoding."""
    if encoding is None or encoding == "hex":
        return {"publicKeyHex": value.hex()}
    if encoding == "base64":
        return {"publicKeyBase64": base64.b64encode(value).decode()}
    if encoding == "base58":
        return {"publicKeyBase58": base58_encode(value)}
    if encoding == "pem":
        try:
            return {"publicKeyPem": value.decode("utf-8")}
        except UnicodeDecodeError:
            return None
    return {"value": value.hex()}


def _endpoint(value: bytes) -> Any:
    """A service's endpoint: JSON where the value is JSON, else its text; None if it is no text."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
