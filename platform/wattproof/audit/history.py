"""The chain as an auditor reads it: events in their order, block times, call data.

Nothing here asks a database. The node is trusted to be a node of the chain the auditor means; a
node that lies about call data is caught, because call data must reproduce the hashes in the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from devnet.deployment import Deployment
from wattproof.audit.findings import Mismatch
from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Block, Chain

_BLOCKS = 2_000
# Events whose transaction's call data the replay needs.
_NEEDS_CALL = {
    "RoundSettled",
    "ChunkVerified",
    "OmissionPaid",
    "TransferSingle",
    "TransferBatch",
    "SessionAuthorised",
    "SessionRevoked",
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as it was mined; ``to`` is empty for a creation."""

    hash: str
    sender: str
    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with the time of its block (Unix seconds), and its transaction if it matters."""

    event: Event
    time: int
    transaction: Transaction | None

    def mismatch(self, what: str, detail: str) -> Mismatch:
        """The event does not hold: what of it, and why."""
        event = self.event
        return Mismatch(f"{event.contract}.{event.name}", event.transaction_hash, what, detail)

    def call(self, chain: Chain, contract: str, *functions: str) -> tuple[str, Mapping[str, Any]]:
        """The top-level call that caused the event.

        Raises:
            Mismatch: the event was not caused by one of these calls to the contract.
        """
        sent = self.transaction
        if sent is not None and sent.to == chain.address(contract):
            try:
                name, args = chain.interfaces[contract].decode_call(sent.data)
            except (KeyError, ValueError, DecodingError):
                name, args = "", {}
            if name in functions:
                return name, args
        raise self.mismatch(
            "call data",
            f"the transaction is no direct call of {contract}.{' or '.join(functions)}",
        )


class History:
    """Everything our contracts did up to one block."""

    def __init__(self, rpc_url: str, deployment: Deployment, *, until: int | None = None) -> None:
        self.chain = Chain(rpc_url, deployment)
        self.deployment = deployment
        self.chain_head = self.chain.head()
        self.head = self.chain_head if until is None else self._block(until)
        self._read: list[Entry] | None = None

    def _block(self, number: int) -> Block:
        block = self.chain.block(min(number, self.chain_head.number))
        assert block is not None  # at or below the head
        return block

    def entries(self) -> list[Entry]:
        """Events in the order in which they happened; read once."""
        if self._read is None:
            self._read = list(self._fetch())
        return self._read

    def _fetch(self) -> Iterator[Entry]:
        for first in range(self.deployment.first_block, self.head.number + 1, _BLOCKS):
            events = self.chain.events(first, min(first + _BLOCKS - 1, self.head.number))
            times = self._times(events)
            calls = self._transactions(
                sorted({e.transaction_hash for e in events if e.name in _NEEDS_CALL})
            )
            for event in events:
                yield Entry(event, times[event.block_number], calls.get(event.transaction_hash))

    def _times(self, events: Sequence[Event]) -> dict[int, int]:
        numbers = sorted({event.block_number for event in events})
        blocks = self.chain.blocks(numbers)
        return {n: b.timestamp for n, b in zip(numbers, blocks, strict=True) if b is not None}

    def _transactions(self, hashes: Sequence[str]) -> dict[str, Transaction]:
        answers = self.chain.batch([("eth_getTransactionByHash", (h,)) for h in hashes])
        return {
            sent["hash"]: Transaction(
                sent["hash"],
                to_checksum_address(sent["from"]),
                to_checksum_address(sent["to"]) if sent["to"] else "",
                bytes.fromhex(sent["input"][2:]),
            )
            for sent in answers
            if sent is not None
        }
