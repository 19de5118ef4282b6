"""A holder's consent: who may read which topics of its profile, for what, until when.

EIP-712 typed data, so that a wallet shows what it signs: ``ProfileConsent(address owner,address
audience,string purpose,string[] topics,uint64 issuedAt,uint64 endsAt,bytes32 nonce)``, domain
"Wattproof" version 1, the chain id and the CredentialRegistry. The nonce makes two consents two;
``issuedAt`` bounds how long a signature can be handed in, so that one that was given up long ago
cannot come back after everything about it has been erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_account.messages import _hash_eip191_message, encode_typed_data

from identity.errors import CredentialError

HAND_IN_SECONDS: Final = 900
"""How long after ``issuedAt`` a signed consent is taken; clocks may differ by a minute."""
LONGEST_SECONDS: Final = 366 * 86_400
_CLOCK_SKEW_S: Final = 60
_TYPES: Final = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "ProfileConsent": [
        {"name": "owner", "type": "address"},
        {"name": "audience", "type": "address"},
        {"name": "purpose", "type": "string"},
        {"name": "topics", "type": "string[]"},
        {"name": "issuedAt", "type": "uint64"},
        {"name": "endsAt", "type": "uint64"},
        {"name": "nonce", "type": "bytes32"},
    ],
}


@dataclass(frozen=True, slots=True)
class ConsentDomain:
    """Where a consent counts: a chain and its CredentialRegistry."""

    chain_id: int
    registry: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What a holder allows.

    Attributes:
        owner, audience: checksum addresses; the audience alone may read.
        purpose: what the audience reads it for, in words.
        topics: names in ascending order, each once.
        issued_at, ends_at: seconds, UTC; the end is excluded.
        nonce: 32 bytes.
    """

    owner: str
    audience: str
    purpose: str
    topics: tuple[str, ...]
    issued_at: int
    ends_at: int
    nonce: bytes

    def __post_init__(self) -> None:
        if not self.topics or list(self.topics) != sorted(set(self.topics)):
            raise CredentialError("name topics in ascending order, each once, at least one")
        if not self.purpose.strip():
            raise CredentialError("a consent is for a purpose")
        if self.owner == self.audience:
            raise CredentialError("nobody needs its own consent")
        if len(self.nonce) != 32:
            raise CredentialError("the nonce has 32 bytes")
        if not 0 <= self.issued_at < self.ends_at <= self.issued_at + LONGEST_SECONDS:
            raise CredentialError("a consent ends after it begins, within 366 days")

    def typed_data(self, domain: ConsentDomain) -> dict[str, Any]:
        """What ``eth_signTypedData_v4`` takes."""
        return {
            "types": _TYPES,
            "primaryType": "ProfileConsent",
            "domain": {
                "name": "Wattproof",
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": domain.registry,
            },
            "message": {
                "owner": self.owner,
                "audience": self.audience,
                "purpose": self.purpose,
                "topics": list(self.topics),
                "issuedAt": self.issued_at,
                "endsAt": self.ends_at,
                "nonce": "0x" + self.nonce.hex(),
            },
        }

    def digest(self, domain: ConsentDomain) -> bytes:
        """What its owner signs, and what it is called by, 32 bytes."""
        message = encode_typed_data(full_message=self.typed_data(domain))
        return bytes(_hash_eip191_message(message))

    def check_handed_in(self, now: int) -> None:
        """Raises CredentialError for one that is too old, of the future, or over."""
        if not self.issued_at - _CLOCK_SKEW_S <= now <= self.issued_at + HAND_IN_SECONDS:
            raise CredentialError("the consent was not signed just now; sign a new one")
        if now >= self.ends_at:
            raise CredentialError("the consent is over")

    def allows(self, audience: str, purpose: str, topics: frozenset[str], now: int) -> bool:
        """Whether this audience may read these topics for this purpose now."""
        return (
            audience == self.audience
            and purpose == self.purpose
            and topics <= set(self.topics)
            and self.issued_at - _CLOCK_SKEW_S <= now < self.ends_at
        )
