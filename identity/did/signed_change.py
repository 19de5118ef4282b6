"""Changes of an identity that its controller signs and anybody may carry out (EIP-712).

The typed data is that of the ``...Signed`` functions of ``contracts/src/identity/DidRegistry.sol``:
domain "Wattproof" version 1, the chain, the registry; the change's own fields, then the
controller's nonce and a deadline, whose own second is in time. So a signature is good for one
change, once, on one chain, in one registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_account.messages import _hash_eip191_message, encode_typed_data

from identity.did.change import RegistryChange
from identity.errors import DidError
from identity.signature import recover
from identity.signer import Signer

LATEST: Final = 2**40
"""Deadlines and nonces stay below it (the year 36812), so that JSON holds them."""
_DOMAIN_FIELDS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_LOW_BITS: Final = (1 << 255) - 1


@dataclass(frozen=True, slots=True)
class RegistryDomain:
    """Where a signed change counts: a chain and the checksum address of its DidRegistry."""

    chain_id: int
    registry: str


@dataclass(frozen=True, slots=True)
class SignedChange:
    """A change with what binds a signature to it; the signature itself stands apart.

    Attributes:
        nonce: the controller's next one in the registry.
        deadline: seconds, UTC; the last second in which the registry takes it.
    """

    change: RegistryChange
    domain: RegistryDomain
    nonce: int
    deadline: int

    def __post_init__(self) -> None:
        if not (0 <= self.nonce < LATEST and 0 <= self.deadline < LATEST):
            raise DidError("nonce and deadline are numbers from 0 to 2^40")

    def typed_data(self) -> dict[str, Any]:
        """As ``eth_signTypedData_v4`` takes it, safe for JSON."""
        change = self.change
        fields = (
            ("identity", "address"),
            *change.fields,
            ("nonce", "uint256"),
            ("deadline", "uint256"),
        )
        values = (change.identity, *change.values, self.nonce, self.deadline)
        return {
            "types": {
                "EIP712Domain": _described(_DOMAIN_FIELDS),
                change.struct: _described(fields),
            },
            "primaryType": change.struct,
            "domain": {
                "name": "Wattproof",
                "version": "1",
                "chainId": self.domain.chain_id,
                "verifyingContract": self.domain.registry,
            },
            "message": {
                name: "0x" + value.hex() if isinstance(value, bytes) else value
                for (name, _), value in zip(fields, values, strict=True)
            },
        }

    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        return bytes(_hash_eip191_message(encode_typed_data(full_message=self.typed_data())))

    def sign(self, signer: Signer) -> bytes:
        """The controller's signature, compact (64 bytes)."""
        return signer.sign_digest(self.digest())

    def signed_by(self, signature: bytes) -> str:
        """Who signed it. Raises SignatureError for what is malformed or malleated."""
        return recover(self.digest(), signature)

    def call(self, signature: bytes) -> tuple[str, tuple[Any, ...]]:
        """Function and arguments of the registry that carry it out; takes 64 or 65 bytes."""
        r, s, v = _parts(signature)
        change = self.change
        return (
            f"{change.function}Signed",
            (change.identity, v, r, s, *change.values, self.deadline),
        )


def _described(fields: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _parts(signature: bytes) -> tuple[bytes, bytes, int]:
    """r, s and v (27 or 28)."""
    if len(signature) == 65:
        return signature[:32], signature[32:64], 27 + signature[64] % 27
    packed = int.from_bytes(signature[32:], "big")
    return signature[:32], (packed & _LOW_BITS).to_bytes(32, "big"), 27 + (packed >> 255)
