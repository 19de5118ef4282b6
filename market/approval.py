"""A dispatcher's signed word that a plan may be sent to a participant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_utils.crypto import keccak

from market.signature import (
    Domain,
    SignedMessage,
    address_word,
    json_integer,
    message_digest,
    typed_message,
    word,
)

REASON_CHARACTERS_MAX: Final = 500

_FIELDS = (
    ("market", "uint32"),
    ("period", "uint32"),
    ("participant", "address"),
    ("plan", "bytes32"),
    ("inputs", "bytes32"),
    ("reason", "string"),
    ("approvedAt", "uint64"),
)
_TYPEHASH = keccak(
    text="DispatchApproval(uint32 market,uint32 period,address participant,bytes32 plan,"
    "bytes32 inputs,string reason,uint64 approvedAt)"
)


@dataclass(frozen=True, slots=True)
class DispatchApproval(SignedMessage):
    """A dispatcher approves a plan (by its hash) of a participant and period, and says why.

    Attributes:
        participant: checksum address of who is to follow the plan.
        plan, inputs: `market.dispatch.plan_hash` and the hash of what it was solved from.
        approved_at: seconds, UTC.
    """

    market: int
    period: int
    participant: str
    plan: bytes
    inputs: bytes
    reason: str
    approved_at: int

    def digest(self, domain: Domain) -> bytes:
        """EIP-712 digest, 32 bytes; ``domain`` is the Exchange's."""
        return message_digest(
            domain,
            keccak(
                _TYPEHASH
                + word(self.market)
                + word(self.period)
                + address_word(self.participant)
                + self.plan
                + self.inputs
                + keccak(text=self.reason)
                + word(self.approved_at)
            ),
        )

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The message as `eth_signTypedData_v4` takes it."""
        return typed_message(
            domain,
            "DispatchApproval",
            {"DispatchApproval": _FIELDS},
            {
                "market": self.market,
                "period": self.period,
                "participant": self.participant,
                "plan": "0x" + self.plan.hex(),
                "inputs": "0x" + self.inputs.hex(),
                "reason": self.reason,
                "approvedAt": json_integer(self.approved_at),
            },
        )
