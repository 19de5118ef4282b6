"""Signatures over secp256k1: the compact form of EIP-2098, 65 bytes of wallets, recovery."""

from __future__ import annotations

from eth_account import Account
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def compact(signature: bytes) -> bytes:
    """The 64 bytes of EIP-2098 (``r``, ``yParity << 255 | s``) of a 65-byte ``r, s, v`` signature.

    Raises:
        ValueError: another length, a ``v`` that is none, or ``s`` above half the curve order.
    """
    if len(signature) != 65:
        raise ValueError(f"a signature has 65 bytes, not {len(signature)}")
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (0, 1, 27, 28):
        raise ValueError(f"the signature's last byte is 0, 1, 27 or 28, not {v}")
    if s > CURVE_ORDER // 2:
        raise ValueError("the signature's s is above half the curve order")
    return signature[:32] + ((v % 27) << 255 | s).to_bytes(32, "big")


def sign_digest(digest: bytes, private_key: bytes) -> bytes:
    """Sign 32 bytes; compact form."""
    return compact(bytes(Account.unsafe_sign_hash(digest, private_key).signature))


def recover(digest: bytes, signature: bytes) -> str:
    """The checksum address that signed ``digest``.

    Args:
        signature: 64 bytes (EIP-2098) or 65 bytes (``r, s, v``).

    Raises:
        ValueError: the signature is malformed, or no key could have made it.
    """
    form = signature if len(signature) == 64 else compact(signature)
    r = int.from_bytes(form[:32], "big")
    packed = int.from_bytes(form[32:], "big")
    y_parity, s = packed >> 255, packed & ((1 << 255) - 1)
    if s > CURVE_ORDER // 2:
        raise ValueError("the signature's s is above half the curve order")
    try:
        public_key = Signature(vrs=(y_parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise ValueError("no key could have made this signature") from error
    return str(public_key.to_checksum_address())
