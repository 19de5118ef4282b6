"""Signatures over secp256k1: the compact form of EIP-2098, 65 bytes of wallets, recovery.

The compact form is r, then yParity << 255 | s; an `s` above half the curve's order is refused, so
that a message has one signature of each key and nonce, not two.
"""

from __future__ import annotations

import sys

from eth_account import Account
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

# A library behind eth-account raises the interpreter's recursion limit to 100,000 when it is
# imported. Deeply nested JSON, from a file or a request, would then overflow the C stack and kill
# the process instead of raising RecursionError.
sys.setrecursionlimit(1_000)

COMPACT_LENGTH = 64
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = CURVE_ORDER // 2

PrivateKey = bytes | str
"""32 bytes, or their hexadecimal form."""


class SignatureError(ValueError):
    """A signature that is malformed or does not recover to a key."""


def compact(signature: bytes) -> bytes:
    """The compact form of a 65-byte ``r, s, v`` signature.

    Raises:
        SignatureError: another length, a ``v`` that is none, or ``s`` above half the curve order.
    """
    if len(signature) != 65:
        raise SignatureError(f"a signature has 65 bytes, not {len(signature)}")
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (0, 1, 27, 28):
        raise SignatureError(f"the signature's last byte is 0, 1, 27 or 28, not {v}")
    if s > HALF_ORDER:
        raise SignatureError("the signature's s is above half the curve order")
    return signature[:32] + ((v % 27) << 255 | s).to_bytes(32, "big")


def sign_digest(digest: bytes, private_key: PrivateKey) -> bytes:
    """Sign 32 bytes; compact form."""
    return compact(bytes(Account.unsafe_sign_hash(digest, private_key).signature))


def recover(digest: bytes, signature: bytes) -> str:
    """The checksum address that signed ``digest``.

    Args:
        signature: 64 bytes (EIP-2098) or 65 bytes (``r, s, v``).

    Raises:
        SignatureError: the signature is malformed, or no key could have made it.
    """
    return recover_compact(
        digest, signature if len(signature) == COMPACT_LENGTH else compact(signature)
    )


def recover_compact(digest: bytes, signature: bytes) -> str:
    """The checksum address that signed ``digest``; takes the compact form alone.

    Raises:
        SignatureError: a wrong length, a high ``s``, or a point that is not on the curve.
    """
    if len(signature) != COMPACT_LENGTH:
        raise SignatureError(f"a compact signature has 64 bytes, not {len(signature)}")
    r = int.from_bytes(signature[:32], "big")
    packed = int.from_bytes(signature[32:], "big")
    y_parity, s = packed >> 255, packed & ((1 << 255) - 1)
    if s > HALF_ORDER:
        raise SignatureError("s lies above half the curve's order: sign again with low s")
    if r == 0 or s == 0:
        raise SignatureError("r and s must not be zero")
    try:
        key = Signature(vrs=(y_parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise SignatureError(f"the signature belongs to no key: {error}") from error
    return str(key.to_checksum_address())
