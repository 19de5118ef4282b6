"""What became of an identity: every change the registry logged, in words that people can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from identity.did.attribute import KeyAttribute, ServiceAttribute, name_text, read_attribute
from identity.did.ethr import ZERO_ADDRESS, Change, DelegateChanged, OwnerChanged
from wattproof.identities.history import ChainHistory, change_of
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class PastChange:
    """One event of the registry.

    Attributes:
        time: of its block, seconds, UTC.
        what: controller, deactivation, delegate, key, service or attribute.
        valid_to: seconds, excluded; None for what has no end of its own. A change that ends
            something has one that is not after ``time``.
        details: what was changed, by name.
    """

    block: int
    log_index: int
    time: int
    transaction_hash: str
    what: str
    valid_to: int | None
    details: dict[str, Any]

    @property
    def revokes(self) -> bool:
        """Whether it ended a delegation, key, service or attribute."""
        return self.valid_to is not None and self.valid_to <= self.time


def past_changes(
    platform: Platform, identity: str, *, after: tuple[int, int] | None, limit: int
) -> Sequence[PastChange]:
    """Changes of an identity, oldest first.

    Args:
        after: block and place of the log after which to begin.
    """
    history = ChainHistory(platform.chain, platform.clock)
    events = [
        event
        for event in history.events(identity)
        if after is None or (event.block_number, event.log_index) > after
    ]
    found: list[PastChange] = []
    for event in events[:limit]:
        change = change_of(event)
        what, details = _described(change)
        found.append(
            PastChange(
                block=event.block_number,
                log_index=event.log_index,
                time=history.time_of(event.block_number) or 0,
                transaction_hash=event.transaction_hash,
                what=what,
                valid_to=None if isinstance(change, OwnerChanged) else change.valid_to,
                details=details,
            )
        )
    return found


def _described(change: Change) -> tuple[str, dict[str, Any]]:
    if isinstance(change, OwnerChanged):
        if change.owner == ZERO_ADDRESS:
            return "deactivation", {}
        return "controller", {"controller": change.owner}
    if isinstance(change, DelegateChanged):
        return "delegate", {"purpose": _name(change.delegate_type), "delegate": change.delegate}
    meant = read_attribute(change.name, change.value)
    if isinstance(meant, KeyAttribute):
        return "key", {
            "algorithm": meant.algorithm,
            "purpose": meant.purpose,
            "encoding": meant.encoding,
            "public_key": "0x" + meant.public_key.hex(),
        }
    if isinstance(meant, ServiceAttribute):
        return "service", {"type": meant.type, "endpoint": meant.endpoint}
    return "attribute", {"name": _name(change.name), "value": "0x" + change.value.hex()}


def _name(word: bytes) -> str:
    """As text where it is text, else in hex."""
    return name_text(word) or "0x" + word.hex()
