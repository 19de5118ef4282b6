"""A `Signer` whose key lies in a key management service, which alone ever sees it.

Cloud services answer with the public key as DER SubjectPublicKeyInfo (RFC 5480) and with signatures
as DER ECDSA-Sig-Value (RFC 3279), whose `s` is as often high as low, and which do not say which of
two keys made them. The chain wants the low `s` and that bit: both are found here, and a signature
that is not of the key is never passed on. docs/keys.md shows adapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from coincurve import PublicKey
from Crypto.Util.asn1 import DerSequence
from eth_account._utils.legacy_transactions import (
    encode_transaction,
    serializable_unsigned_transaction_from_dict,
)
from eth_account.messages import _hash_eip191_message, encode_defunct
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from identity.errors import KeystoreError
from identity.signature import CURVE_ORDER, HALF_ORDER, SignatureError, recover_compact

_SPKI: Final = {
    # SEQUENCE, AlgorithmIdentifier (ecPublicKey, secp256k1), BIT STRING, then the point.
    bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200"): 65,
    bytes.fromhex("3036301006072a8648ce3d020106052b8104000a032200"): 33,
}


class KeyService(Protocol):
    """What a key management service does with one secp256k1 key."""

    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """DER ECDSA-Sig-Value over 32 bytes, signed as they are (no further hash)."""
        ...


class KmsSigner:
    """Signs by a key service. Raises KeystoreError where the service answers with something else.

    What the service itself raises (network, access) goes through.
    """

    __slots__ = ("_service", "address")

    def __init__(self, service: KeyService) -> None:
        self._service = service
        point = read_public_key(service.public_key()).format(compressed=False)
        self.address = str(to_checksum_address(keccak(point[1:])[12:]))

    def __repr__(self) -> str:
        return f"KmsSigner({self.address})"

    def sign_digest(self, digest: bytes) -> bytes:
        """See `Signer`."""
        if len(digest) != 32:
            raise KeystoreError("what is signed has 32 bytes")
        r, s = read_signature(self._service.sign(digest))
        for parity in (0, 1):
            compact = r.to_bytes(32, "big") + (parity << 255 | s).to_bytes(32, "big")
            try:
                if recover_compact(digest, compact) == self.address:
                    return compact
            except SignatureError:
                continue
        raise KeystoreError(f"the key service signed with another key than that of {self.address}")

    def sign_text(self, text: str) -> bytes:
        """See `Signer`."""
        parity, r, s = self._vrs(bytes(_hash_eip191_message(encode_defunct(text=text))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """See `Signer`; typed transactions (EIP-2718) alone."""
        fields = dict(transaction)
        if fields.pop("from", self.address) != self.address:
            raise KeystoreError(f"the transaction is from another account than {self.address}")
        unsigned = serializable_unsigned_transaction_from_dict(fields)
        if not isinstance(unsigned, TypedTransaction):
            raise KeystoreError("only typed transactions (EIP-2718) are signed")
        return bytes(encode_transaction(unsigned, self._vrs(bytes(unsigned.hash()))))

    def _vrs(self, digest: bytes) -> tuple[int, int, int]:
        compact = self.sign_digest(digest)
        packed = int.from_bytes(compact[32:], "big")
        return packed >> 255, int.from_bytes(compact[:32], "big"), packed & ((1 << 255) - 1)


def read_public_key(der: bytes) -> PublicKey:
    """The point of a SubjectPublicKeyInfo. Raises KeystoreError: another curve, or no point."""
    for prefix, length in _SPKI.items():
        if der.startswith(prefix) and len(der) == len(prefix) + length:
            try:
                return PublicKey(der[len(prefix) :])
            except ValueError as error:
                raise KeystoreError("the key service's key is no point of secp256k1") from error
    raise KeystoreError("the key service's key is not one of secp256k1 (ECC_SECG_P256K1)")


def read_signature(der: bytes) -> tuple[int, int]:
    """`r` and the low `s` of an ECDSA-Sig-Value. Raises KeystoreError: no strict DER."""
    try:
        read: Any = DerSequence().decode(der, strict=True, nr_elements=2, only_ints_expected=True)
        r, s = int(read[0]), int(read[1])
    except (ValueError, IndexError, TypeError) as error:
        raise KeystoreError(f"the key service's signature is not DER: {error}") from error
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise KeystoreError("the key service's signature has numbers outside the curve's order")
    return r, CURVE_ORDER - s if s > HALF_ORDER else s
