"""EIP-712 digests of the protocol's messages and compact signatures (EIP-2098).

Signers are plain keys. The compact form is r, then yParity << 255 | s; an `s` above half the
curve's order is refused, so that a message has one signature of each key and nonce, not two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_account import Account
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
COMPACT_LENGTH = 64

_DOMAIN_FIELDS = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_DOMAIN_NAME, _DOMAIN_VERSION = "Wattproof", "1"
_DOMAIN_TYPEHASH = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_MAX_JSON_INTEGER = (1 << 53) - 1

PrivateKey = bytes | str
"""32 bytes, or their hexadecimal form."""


class SignatureError(ValueError):
    """A signature that is malformed or does not recover to a key."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The chain and contract for which a signature holds; `exchange` is its checksum address."""

    chain_id: int
    exchange: str

    @property
    def separator(self) -> bytes:
        return _separator(self.chain_id, self.exchange)


@lru_cache(maxsize=64)
def _separator(chain_id: int, contract: str) -> bytes:
    return keccak(
        _DOMAIN_TYPEHASH
        + keccak(text=_DOMAIN_NAME)
        + keccak(text=_DOMAIN_VERSION)
        + word(chain_id)
        + address_word(contract)
    )


def word(value: int) -> bytes:
    """ABI word of an integer of any sign that fits it."""
    return value.to_bytes(32, "big", signed=value < 0)


@lru_cache(maxsize=65_536)
def address_bytes(address: str) -> bytes:
    """The 20 bytes of a checksum address. Raises ValueError for anything else."""
    if not is_checksum_address(address):
        raise ValueError(f"{address!r} is not a checksum address")
    return bytes.fromhex(address[2:])


def address_word(address: str) -> bytes:
    """ABI word of an address."""
    return bytes(12) + address_bytes(address)


def message_digest(domain: Domain, struct_hash: bytes) -> bytes:
    """EIP-712 digest, 32 bytes."""
    return keccak(b"\x19\x01" + domain.separator + struct_hash)


def typed_message(
    domain: Domain,
    primary_type: str,
    types: Mapping[str, Sequence[tuple[str, str]]],
    message: Mapping[str, Any],
) -> dict[str, Any]:
    """The message as `eth_signTypedData_v4` takes it, safe for JSON.

    Integers that a JavaScript number cannot hold become decimal strings.
    """
    all_types = {"EIP712Domain": _DOMAIN_FIELDS, **types}
    return {
        "types": {
            name: [{"name": field, "type": kind} for field, kind in fields]
            for name, fields in all_types.items()
        },
        "primaryType": primary_type,
        "domain": {
            "name": _DOMAIN_NAME,
            "version": _DOMAIN_VERSION,
            "chainId": json_integer(domain.chain_id),
            "verifyingContract": domain.exchange,
        },
        "message": dict(message),
    }


def json_integer(value: int) -> int | str:
    """The integer, as a decimal string where a JavaScript number would lose digits."""
    return value if abs(value) <= _MAX_JSON_INTEGER else str(value)


def sign_digest(digest: bytes, private_key: PrivateKey) -> bytes:
    """Compact signature, 64 bytes."""
    signed = Account.unsafe_sign_hash(digest, private_key)
    parity = signed.v - 27
    return word(signed.r) + word(parity << 255 | signed.s)


def recover(digest: bytes, signature: bytes) -> str:
    """Checksum address of the signer.

    Raises SignatureError for a wrong length, a high `s`, or a point that is not on the curve.
    """
    if len(signature) != COMPACT_LENGTH:
        raise SignatureError(f"a compact signature has 64 bytes, not {len(signature)}")
    r = int.from_bytes(signature[:32], "big")
    parity_and_s = int.from_bytes(signature[32:], "big")
    parity, s = parity_and_s >> 255, parity_and_s & ((1 << 255) - 1)
    if s > HALF_ORDER:
        raise SignatureError("s lies above half the curve's order: sign again with low s")
    if r == 0 or s == 0:
        raise SignatureError("r and s must not be zero")
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise SignatureError(f"the signature belongs to no key: {error}") from error
    return str(key.to_checksum_address())
