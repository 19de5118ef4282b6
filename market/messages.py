"""The other signed messages of a round: a trader's cancellation, the operator's receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from market.signature import (
    Domain,
    SignedMessage,
    json_integer,
    message_digest,
    typed_message,
    word,
)

_CANCELLATION_FIELDS = (("market", "uint32"), ("round", "uint32"), ("order", "bytes32"))
_RECEIPT_FIELDS = (*_CANCELLATION_FIELDS, ("receivedAt", "uint64"))
_CANCELLATION_TYPEHASH = keccak(text="Cancellation(uint32 market,uint32 round,bytes32 order)")
_RECEIPT_TYPEHASH = keccak(
    text="Receipt(uint32 market,uint32 round,bytes32 order,uint64 receivedAt)"
)


@dataclass(frozen=True, slots=True)
class Cancellation(SignedMessage):
    """A trader takes its order (by hash) out of a round before the gate."""

    market: int
    round: int
    order: bytes

    def digest(self, domain: Domain) -> bytes:
        return message_digest(
            domain,
            keccak(_CANCELLATION_TYPEHASH + word(self.market) + word(self.round) + self.order),
        )

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        return typed_message(
            domain,
            "Cancellation",
            {"Cancellation": _CANCELLATION_FIELDS},
            {"market": self.market, "round": self.round, "order": "0x" + self.order.hex()},
        )


@dataclass(frozen=True, slots=True)
class Receipt(SignedMessage):
    """The operator's word that it received an order (by hash) at `received_at`, seconds UTC."""

    market: int
    round: int
    order: bytes
    received_at: int

    def digest(self, domain: Domain) -> bytes:
        return message_digest(
            domain,
            keccak(
                _RECEIPT_TYPEHASH
                + word(self.market)
                + word(self.round)
                + self.order
                + word(self.received_at)
            ),
        )

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        return typed_message(
            domain,
            "Receipt",
            {"Receipt": _RECEIPT_FIELDS},
            {
                "market": self.market,
                "round": self.round,
                "order": "0x" + self.order.hex(),
                "receivedAt": json_integer(self.received_at),
            },
        )
