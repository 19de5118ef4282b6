"""The ledger half of a profile: a statement that anybody can compute again from a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from devnet.deployment import Deployment
from identity.trust import sha256_of, statement_bytes
from market.track_record import AccountHistory, TrackRecord, record_of
from wattproof.surveillance.service import plain

VERSION: Final = 1
"""Of the rules by which figures are made; another version may give other figures."""
KIND: Final = "wattproof-track-record"


@dataclass(frozen=True, slots=True)
class At:
    """The block up to which everything counts; its time in seconds."""

    number: int
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class LedgerStatement:
    """An account's record up to a block of one chain."""

    chain_id: int
    genesis_hash: str
    exchange: str
    first_block: int
    at: At
    record: TrackRecord

    def body(self) -> dict[str, Any]:
        """Without its own hash; integers beyond 2^53 as text."""
        return {
            "kind": KIND,
            "version": VERSION,
            "account": self.record.account,
            "chain": {
                "chain_id": self.chain_id,
                "genesis_hash": self.genesis_hash,
                "exchange": self.exchange,
                "first_block": self.first_block,
                "block": self.at.number,
                "block_hash": self.at.hash,
                "block_time": self.at.time,
            },
            "least_periods": self.record.least_periods,
            "markets": plain(self.record.markets),
            "quotas": plain(self.record.quotas),
        }

    def to_json(self) -> dict[str, Any]:
        """With the hash of everything else in it."""
        body = self.body()
        return body | {"sha256": sha256_of(body)}

    def to_bytes(self) -> bytes:
        """Canonical: the same facts give the same bytes on every machine."""
        return statement_bytes(self.to_json())


def state(deployment: Deployment, at: At, history: AccountHistory) -> LedgerStatement:
    """The statement of a history up to a block."""
    return LedgerStatement(
        chain_id=deployment.chain_id,
        genesis_hash=deployment.genesis_hash,
        exchange=deployment.addresses["Exchange"],
        first_block=deployment.first_block,
        at=at,
        record=record_of(history),
    )


def is_whole(statement: Mapping[str, Any]) -> bool:
    """Whether a statement's own hash is that of the rest of it."""
    body = {name: value for name, value in statement.items() if name != "sha256"}
    try:
        return statement.get("sha256") == sha256_of(body)
    except (ValueError, RecursionError):
        return False
