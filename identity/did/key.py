"""``did:key``: an identifier that is its own public key (W3C CCG, did:key).

Keys for signing: Ed25519, secp256k1, P-256. Nothing is looked up, nothing changes, nothing can be
deactivated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coincurve import PublicKey
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from identity.did.multibase import multikey, read_multikey
from identity.did.resolution import DidDocument, Resolution, ResolutionCode, Wanted, failed
from identity.did.url import DidUrl
from identity.errors import DidError

ED25519: Final = 0xED
SECP256K1: Final = 0xE7
P256: Final = 0x1200

_LENGTHS: Final = {ED25519: 32, SECP256K1: 33, P256: 33}
_NAMES: Final = {ED25519: "Ed25519", SECP256K1: "secp256k1", P256: "P-256"}
_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")
_RELATIONSHIPS: Final = (
    "authentication",
    "assertionMethod",
    "capabilityDelegation",
    "capabilityInvocation",
)


def did_of(codec: int, public_key: bytes) -> str:
    """The did:key of a key: 32 bytes for Ed25519, 33 compressed for the others.

    Raises:
        DidError: no key of that kind.
    """
    _check(codec, public_key)
    return f"did:key:{multikey(codec, public_key)}"


class KeyMethod:
    """Expands a key into its document."""

    def resolve(self, did: DidUrl, wanted: Wanted) -> Resolution:
        """See `Method`."""
        if wanted.is_past:
            return failed(ResolutionCode.NOT_FOUND, "a did:key has no versions")
        try:
            codec, public_key = read_multikey(did.identifier)
            _check(codec, public_key)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID, f"{did.did} is not a key: {error}")
        return Resolution(_document(did))


def _document(did: DidUrl) -> DidDocument:
    method = f"{did.did}#{did.identifier}"
    document: DidDocument = {
        "@context": list(_CONTEXTS),
        "id": did.did,
        "verificationMethod": [
            {
                "id": method,
                "type": "Multikey",
                "controller": did.did,
                "publicKeyMultibase": did.identifier,
            }
        ],
    }
    return document | {relationship: [method] for relationship in _RELATIONSHIPS}


def _check(codec: int, public_key: bytes) -> None:
    if codec not in _LENGTHS:
        raise DidError(f"keys of the kind {codec:#x} are not read; use Ed25519, secp256k1 or P-256")
    if len(public_key) != _LENGTHS[codec]:
        raise DidError(f"{len(public_key)} bytes where a key has {_LENGTHS[codec]}")
    try:
        _POINTS[codec](public_key)
    except ValueError as error:
        raise DidError(f"no key of {_NAMES[codec]}: {error}") from error


def _ed25519(raw: bytes) -> None:
    """Raises ValueError. Under a point of small order one signature holds for every message."""
    key = eddsa.import_public_key(raw)
    if key.export_key(format="raw") != raw:
        raise ValueError("the point is not written in its one form")
    if (key.pointQ * 8).is_point_at_infinity():
        raise ValueError("the point has a small order")


def _p256(raw: bytes) -> None:
    """Raises ValueError."""
    x = int.from_bytes(raw[1:], "big")
    y = pow(x**3 - 3 * x + _P256_B, (_P256_PRIME + 1) // 4, _P256_PRIME)
    ECC.construct(curve="P-256", point_x=x, point_y=y)
    if raw[0] not in (2, 3) or x >= _P256_PRIME:
        raise ValueError("the point is not written in its one form")


_POINTS: Final[dict[int, Callable[[bytes], object]]] = {
    ED25519: _ed25519,
    SECP256K1: PublicKey,
    P256: _p256,
}
