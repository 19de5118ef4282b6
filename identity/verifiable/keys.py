"""Keys that sign credentials, and the verification methods of DID documents that check them.

The key decides the algorithm, never the message: an Ed25519 key checks EdDSA alone, a secp256k1
key or an Ethereum address ES256K alone (RFC 8037, RFC 8812). An address has no public key to look
at, so both keys that a signature may recover to are compared with it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, cast

from coincurve import PublicKey as CurvePoint
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from identity.did.key import ED25519, SECP256K1, did_of
from identity.did.multibase import base58_decode, multikey, read_multikey
from identity.errors import CredentialError, DidError
from identity.signature import HALF_ORDER, SignatureError, recover_compact
from identity.signer import DigestSigner

_SIGNATURE_LENGTH: Final = 64
_ACCOUNT: Final = re.compile(r"eip155:[1-9][0-9]{0,31}:(?P<address>0x[0-9a-fA-F]{40})", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+", re.ASCII)


class Algorithm(StrEnum):
    """Names of JOSE."""

    EDDSA = "EdDSA"
    ES256K = "ES256K"


class SigningKey(Protocol):
    """Signs for one verification method; where the key lives is its own affair."""

    @property
    def algorithm(self) -> Algorithm: ...

    @property
    def verification_method(self) -> str:
        """DID URL of the method in its controller's document."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes: ``R || S`` for EdDSA, ``r || s`` over SHA-256 for ES256K."""
        ...


class Ed25519Key:
    """An Ed25519 key in memory. Its representation shows the method alone."""

    __slots__ = ("_key", "verification_method")

    algorithm: Final = Algorithm.EDDSA

    def __init__(self, seed: bytes, verification_method: str | None = None) -> None:
        """A key of 32 bytes; without a method that of its own did:key. Raises CredentialError."""
        if len(seed) != 32:
            raise CredentialError("an Ed25519 key has 32 bytes")
        self._key = ECC.construct(curve="Ed25519", seed=cast(Any, seed))  # the stub says int
        if verification_method is None:
            verification_method = f"{did_of(ED25519, self.public_key)}#{self.multikey}"
        self.verification_method = verification_method

    def __repr__(self) -> str:
        return f"Ed25519Key({self.verification_method})"

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._key.public_key().export_key(format="raw")

    @property
    def multikey(self) -> str:
        """``publicKeyMultibase``."""
        return multikey(ED25519, self.public_key)

    def under(self, verification_method: str) -> Ed25519Key:
        """The same key as another method, such as one of a did:ethr's document."""
        return Ed25519Key(self._key.seed, verification_method)

    def sign(self, message: bytes) -> bytes:
        """See `SigningKey`."""
        return eddsa.new(self._key, "rfc8032").sign(message)


class EthereumKey:
    """An Ethereum key, wherever it lives, signing for the controller of its did:ethr."""

    __slots__ = ("_signer", "verification_method")

    algorithm: Final = Algorithm.ES256K

    def __init__(self, signer: DigestSigner, verification_method: str) -> None:
        self._signer = signer
        self.verification_method = verification_method

    def sign(self, message: bytes) -> bytes:
        """See `SigningKey`."""
        compact = self._signer.sign_digest(hashlib.sha256(message).digest())
        return compact[:32] + bytes([compact[32] & 0x7F]) + compact[33:]


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """What checks signatures of one verification method; one of the three is set.

    Attributes:
        ed25519: 32 bytes.
        secp256k1: 33 bytes.
        address: checksum address.
    """

    ed25519: bytes | None = None
    secp256k1: bytes | None = None
    address: str | None = None

    @property
    def algorithm(self) -> Algorithm:
        """The only one it checks."""
        return Algorithm.EDDSA if self.ed25519 is not None else Algorithm.ES256K

    def check(self, message: bytes, signature: bytes) -> None:
        """Raises CredentialError where the signature is not of this key, or malleated."""
        if len(signature) != _SIGNATURE_LENGTH:
            raise CredentialError(f"a signature has 64 bytes, not {len(signature)}")
        if self.ed25519 is not None:
            self._check_ed25519(message, signature)
            return
        if int.from_bytes(signature[32:], "big") > HALF_ORDER:
            raise CredentialError("the signature's s is above half the curve order")
        digest = hashlib.sha256(message).digest()
        expected = self.address or _address(self.secp256k1 or b"")
        if expected not in _signers(digest, signature):
            raise CredentialError("another key signed it, or it was changed afterwards")

    def _check_ed25519(self, message: bytes, signature: bytes) -> None:
        try:
            key = eddsa.import_public_key(self.ed25519 or b"")
            eddsa.new(key, "rfc8032").verify(message, signature)
        except ValueError as error:
            raise CredentialError("another key signed it, or it was changed afterwards") from error


def key_of(method: Mapping[str, Any]) -> VerificationKey:
    """The key of a verification method.

    Multikey and Ed25519VerificationKey2020 (``publicKeyMultibase``), JsonWebKey, the methods of
    did:ethr (``blockchainAccountId``, ``publicKeyHex``, ``publicKeyBase64``, ``publicKeyBase58``).

    Raises:
        CredentialError: a kind that does not sign here, or no key.
    """
    try:
        return _key_of(method)
    except CredentialError:
        raise
    except (DidError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CredentialError(f"the method {method.get('id')} holds no key: {error}") from error


def _key_of(method: Mapping[str, Any]) -> VerificationKey:
    if "publicKeyMultibase" in method:
        codec, key = read_multikey(method["publicKeyMultibase"])
        did_of(codec, key)
        if codec == ED25519:
            return VerificationKey(ed25519=key)
        if codec == SECP256K1:
            return VerificationKey(secp256k1=key)
        raise CredentialError("keys of P-256 sign no credentials here")
    if "publicKeyJwk" in method:
        return _of_jwk(method["publicKeyJwk"])
    if "blockchainAccountId" in method:
        account = _ACCOUNT.fullmatch(method["blockchainAccountId"])
        if account is None or not is_checksum_address(account["address"]):
            raise CredentialError("an account is eip155:<chain>:<checksum address>")
        return VerificationKey(address=account["address"])
    raw = _raw(method)
    if str(method["type"]).startswith("Ed25519"):
        did_of(ED25519, raw)
        return VerificationKey(ed25519=raw)
    if str(method["type"]).startswith("EcdsaSecp256k1"):
        return VerificationKey(secp256k1=CurvePoint(raw).format())
    raise CredentialError(f"methods of type {method['type']} sign no credentials here")


def _of_jwk(jwk: Mapping[str, Any]) -> VerificationKey:
    if "d" in jwk:
        raise CredentialError("a published key must not hold its private part")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise CredentialError("the published key is not one for signatures")
    kind = (jwk["kty"], jwk["crv"])
    key = _key_of_jwk(jwk, kind)
    if jwk.get("alg", key.algorithm.value) not in (key.algorithm.value, kind[1]):
        raise CredentialError(f"a key of the kind {kind} does not sign {jwk['alg']!r}")
    return key


def _key_of_jwk(jwk: Mapping[str, Any], kind: tuple[str, str]) -> VerificationKey:
    if kind == ("OKP", "Ed25519"):
        key = _coordinate(jwk["x"])
        did_of(ED25519, key)
        return VerificationKey(ed25519=key)
    if kind == ("EC", "secp256k1"):
        point = CurvePoint(b"\x04" + _coordinate(jwk["x"]) + _coordinate(jwk["y"]))
        return VerificationKey(secp256k1=point.format())
    raise CredentialError(f"keys of the kind {kind} sign no credentials here")


def _raw(method: Mapping[str, Any]) -> bytes:
    if "publicKeyHex" in method:
        if not _HEX.fullmatch(method["publicKeyHex"]):
            raise CredentialError("publicKeyHex is not hexadecimal")
        return bytes.fromhex(method["publicKeyHex"])
    if "publicKeyBase64" in method:
        return base64.b64decode(method["publicKeyBase64"], validate=True)
    return base58_decode(method["publicKeyBase58"])


def _coordinate(text: str) -> bytes:
    """32 bytes. Raises ValueError: another length, or base64url with padding or bits left over."""
    value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(value) != 32 or base64.urlsafe_b64encode(value).rstrip(b"=").decode() != text:
        raise ValueError("a coordinate is 32 bytes as base64url without padding")
    return value


def _signers(digest: bytes, signature: bytes) -> set[str]:
    """The addresses of the keys that could have made ``r || s``."""
    found = set()
    for parity in (0, 0x80):
        compact = signature[:32] + bytes([signature[32] | parity]) + signature[33:]
        try:
            found.add(recover_compact(digest, compact))
        except SignatureError:
            continue
    return found


def _address(public_key: bytes) -> str:
    point = CurvePoint(public_key).format(compressed=False)
    return str(to_checksum_address(keccak(point[1:])[12:]))
