"""The document of a `did:ethr`: what the registry's events add up to at a moment.

Follows the did:ethr method. A delegate or attribute counts while ``valid_to > now`` (as the
registry's ``validDelegate``); their numbers (``#delegate-N``, ``#service-N``) count every such
event, valid or not, so that an id never names another key later.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from eth_utils.address import to_checksum_address

from identity.did.ethr import (
    ZERO_ADDRESS,
    AttributeChanged,
    Change,
    DelegateChanged,
    EthrDid,
    OwnerChanged,
)
from identity.did.multibase import base58_encode
from identity.did.resolution import DidDocument

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


class EthrDocument:
    """Takes events, oldest first; nothing counts after a deactivation."""

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
