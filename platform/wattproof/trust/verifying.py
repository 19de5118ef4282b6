"""Checking the ledger half of a profile against a node of one's own choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import is_checksum_address

from devnet.deployment import Deployment
from identity.trust import sha256_of
from wattproof.errors import InvalidError
from wattproof.trust import reading, track_record
from wattproof.trust.replayed import stated
from wattproof.trust.track_record import is_whole

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a statement says something else than the chain."""

    place: str
    said: str
    found: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it; `block` is up to which it was computed again."""

    account: str
    block: int
    block_hash: str
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "holds": self.holds,
            "account": self.account,
            "block": self.block,
            "block_hash": self.block_hash,
            "differences": [
                {"place": each.place, "said": each.said, "found": each.found}
                for each in self.differences
            ],
        }


def statement_in(content: Any) -> Mapping[str, Any]:
    """The ledger half in what somebody handed over: alone, in a profile, or in an answer.

    Raises:
        InvalidError: there is none, or its own hash or that of the profile is another one.
    """
    profile = content.get("profile", content) if isinstance(content, Mapping) else None
    if not isinstance(profile, Mapping):
        raise InvalidError("this is no profile and no record")
    if profile.get("kind") == reading.KIND:
        if not is_whole(profile):
            raise InvalidError("the profile was changed: its hash is another one")
        statement = profile.get("history")
        if statement is None:
            raise InvalidError("the profile says nothing of the history on the ledger")
    else:
        statement = profile
    if not isinstance(statement, Mapping) or statement.get("kind") != track_record.KIND:
        raise InvalidError("this is no profile and no record")
    if statement.get("version") != track_record.VERSION:
        raise InvalidError(f"a record of version {track_record.VERSION} is read here alone")
    if not is_whole(statement):
        raise InvalidError("the record was changed: its hash is another one")
    return statement


def verify(
    statement: Mapping[str, Any],
    rpc_url: str,
    deployment: Deployment,
    *,
    block: int | None = None,
) -> Verdict:
    """Compute a statement again, up to its own block, and say what differs.

    Args:
        rpc_url: a node of the reader's choice.
        deployment: where the contracts are, from a source that the reader trusts.
        block: up to another block: what has changed between them.

    Raises:
        InvalidError: the statement names no account or block.
        RefusedError: the node's own history does not hold.
        UnavailableError: the node does not answer.
    """
    account, chain = statement.get("account"), statement.get("chain")
    if not isinstance(account, str) or not is_checksum_address(account):
        raise InvalidError("the record names no account")
    if not isinstance(chain, Mapping) or not isinstance(chain.get("block"), int):
        raise InvalidError("the record names no block")
    own = stated(rpc_url, deployment, account, block=chain["block"] if block is None else block)
    found = own.to_json()
    said = dict(statement)
    if sha256_of(said) == sha256_of(found):
        return Verdict(account, own.at.number, own.at.hash, ())
    differences = tuple(
        each for each in _differences("", said, found) if not each.place.endswith("sha256")
    )
    return Verdict(account, own.at.number, own.at.hash, differences)


def _differences(place: str, said: Any, found: Any) -> Iterator[Difference]:
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        for name in sorted({*said, *found}):
            inner = f"{place}.{name}" if place else str(name)
            yield from _differences(inner, said.get(name), found.get(name))
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for index, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _differences(f"{place}[{index}]", one, other)
    elif type(said) is not type(found) or said != found:
        yield Difference(place, str(said)[:_SHOWN], str(found)[:_SHOWN])
