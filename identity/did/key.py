"""``did:key``: an identifier that is its own public key (W3C CCG, did:key).

Keys for signing: Ed25519, secp256k1, P-256. Nothing is looked up, nothing changes, nothing can be
deactivated.
"""

from __future__ import annotations

from typing import Final

from coincurve import PublicKey

from identity.did.multibase import multikey, read_multikey
from identity.did.resolution import DidDocument, Resolution, ResolutionCode, Wanted, failed
from identity.did.url import DidUrl
from identity.errors import DidError

ED25519: Final = 0xED
SECP256K1: Final = 0xE7
P256: Final = 0x1200

_LENGTHS: Final = {ED25519: 32, SECP256K1: 33, P256: 33}
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
    if codec == SECP256K1:
        try:
            PublicKey(public_key)
        except ValueError as error:
            raise DidError("no point of secp256k1") from error
    elif codec == P256 and public_key[0] not in (2, 3):
        raise DidError("no compressed point of P-256")
