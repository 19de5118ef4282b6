"""`did:ethr` identifiers and their documents, from the history of an ERC-1056 registry.

Follows the did:ethr method: a document is what the registry's events add up to at a moment. A
delegate or attribute counts while ``valid_to > now`` (as the registry's ``validDelegate``); their
numbers (``#delegate-N``, ``#service-N``) count every such event, valid or not, so that an id never
names another key later.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from eth_keys.datatypes import PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError

from identity.errors import DidError

ZERO_ADDRESS: Final = "0x" + "00" * 20
_IDENTIFIER: Final = re.compile(
    r"did:ethr:(?:(?P<network>[A-Za-z0-9]+):)?(?P<key>0x(?:[0-9a-fA-F]{66}|[0-9a-fA-F]{40}))"
)
_NETWORKS: Final = {"mainnet": 1, "sepolia": 11_155_111, "holesky": 17_000}
_ATTRIBUTE: Final = re.compile(r"did/(pub|svc)/(\w+)(?:/(\w+))?(?:/(\w+))?", re.ASCII)
_KEY_TYPES: Final = {
    "Secp256k1": "EcdsaSecp256k1VerificationKey2019",
    "Ed25519": "Ed25519VerificationKey2020",
    "X25519": "X25519KeyAgreementKey2020",
    "RSA": "RsaVerificationKey2018",
}
_RECOVERY: Final = "EcdsaSecp256k1RecoveryMethod2020"


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


@dataclass(frozen=True, slots=True)
class Resolution:
    """A document and its metadata.

    Attributes:
        document: DID document (JSON-LD representation).
        deactivated: nothing speaks for this identity any more.
        version: block of the last change that counts, 0 if there was none.
    """

    document: dict[str, Any]
    deactivated: bool
    version: int


def resolve(did: EthrDid, changes: Iterable[Change], *, now: int) -> Resolution:
    """The document of an identity at ``now`` (seconds, UTC).

    Args:
        changes: the registry's events of this identity, in their order.
    """
    builder = _Builder(did)
    for change in changes:
        builder.apply(change, now)
        if builder.deactivated:
            break
    return builder.resolution()


class _Builder:
    def __init__(self, did: EthrDid) -> None:
        self.did = did
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
        self.delegates += 1
        purpose = _text(change.delegate_type)
        key = ("delegate", change.delegate_type, change.delegate)
        self.methods.pop(key, None)
        if valid and purpose in ("sigAuth", "veriKey"):
            self.methods[key] = (
                {
                    "id": f"{self.did}#delegate-{self.delegates}",
                    "type": _RECOVERY,
                    "controller": str(self.did),
                    "blockchainAccountId": self._account_id(change.delegate),
                },
                purpose,
            )

    def _attribute(self, change: AttributeChanged, valid: bool) -> None:
        match = _ATTRIBUTE.fullmatch(_text(change.name))
        if match is None:
            return
        section, kind, purpose, encoding = match.groups()
        key = ("attribute", change.name, change.value)
        if section == "svc":
            self.services_seen += 1
            self.services.pop(key, None)
            endpoint = _endpoint(change.value)
            if valid and endpoint is not None:
                self.services[key] = {
                    "id": f"{self.did}#service-{self.services_seen}",
                    "type": kind,
                    "serviceEndpoint": endpoint,
                }
            return
        self.delegates += 1
        self.methods.pop(key, None)
        if valid:
            method = {
                "id": f"{self.did}#delegate-{self.delegates}",
                "type": _KEY_TYPES.get(kind, kind),
                "controller": str(self.did),
            } | _key_material(change.value, encoding)
            self.methods[key] = (method, purpose or "veriKey")

    def resolution(self) -> Resolution:
        did = str(self.did)
        document: dict[str, Any] = {
            "@context": [
                "https://www.w3.org/ns/did/v1",
                "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
            ],
            "id": did,
            "verificationMethod": [],
            "authentication": [],
            "assertionMethod": [],
        }
        if self.deactivated:
            return Resolution(document, True, self.version)
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
                    "type": _KEY_TYPES["Secp256k1"],
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
        return Resolution(document, False, self.version)

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


def _text(word: bytes) -> str:
    """Text in a bytes32: up to the first zero byte."""
    return word.split(b"\0", 1)[0].decode("utf-8", errors="replace")


def _key_material(value: bytes, encoding: str | None) -> dict[str, str]:
    if encoding == "base64":
        return {"publicKeyBase64": base64.b64encode(value).decode()}
    if encoding == "base58":
        return {"publicKeyBase58": _base58(value)}
    if encoding == "pem":
        return {"publicKeyPem": value.decode("utf-8", errors="replace")}
    return {"publicKeyHex": value.hex()}


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


def _base58(value: bytes) -> str:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = int.from_bytes(value, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = alphabet[digit] + digits
    return "1" * (len(value) - len(value.lstrip(b"\0"))) + digits
