"""EIP-712 digests of the protocol's messages; signers are plain keys, signatures compact."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from identity.signature import HALF_ORDER, PrivateKey, SignatureError, sign_digest
from identity.signature import recover_compact as recover

__all__ = [
    "HALF_ORDER",
    "Domain",
    "PrivateKey",
    "SignatureError",
    "SignedMessage",
    "address_bytes",
    "address_word",
    "json_integer",
    "message_digest",
    "recover",
    "sign_digest",
    "typed_message",
    "word",
]

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


class SignedMessage(ABC):
    """A message that a plain key signs; what it says is its own."""

    __slots__ = ()

    @abstractmethod
    def digest(self, domain: Domain) -> bytes:
        """EIP-712 digest, 32 bytes."""

    def sign(self, domain: Domain, private_key: PrivateKey) -> bytes:
        """Compact signature, 64 bytes."""
        return sign_digest(self.digest(domain), private_key)

    def signer(self, domain: Domain, signature: bytes) -> str:
        """Whose signature it is. Raises SignatureError."""
        return recover(self.digest(domain), signature)


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
