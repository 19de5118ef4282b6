"""Reads the chain and makes the report: the same block and files give the same bytes anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from devnet.deployment import Deployment
from market.eligibility import GateRule, judge
from market.product import Product
from market.surveillance import (
    Costs,
    DeclarationError,
    Declared,
    Finding,
    Observed,
    SettledRound,
    SurveillanceReport,
    findings_of,
    in_range,
    read_costs,
    read_groups,
    survey,
)
from wattproof.audit.history import Entry, History
from wattproof.audit.replay import rebuild
from wattproof.audit.state import State
from wattproof.errors import InvalidError
from wattproof.surveillance.certificates import stock_of
from wattproof.surveillance.links import links_of, officials_of

VERSION = 1
"""Of the rules by which a report is made; another version may give other figures."""

_EXACT = 1 << 53
_FILE_MAX = 8_000_000


@dataclass(frozen=True, slots=True)
class File:
    """A file that the regulator hands in. The report tells its hash, not what it is called."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return "0x" + hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Files:
    """Declared costs, and accounts declared to belong together."""

    costs: File | None = None
    groups: File | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which settled rounds: of one market or all, from and to a round number or a gate's time
    (Unix seconds), bounds included."""

    market: int | None = None
    rounds_from: int | None = None
    rounds_to: int | None = None
    gate_from: int | None = None
    gate_to: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a report was made from. `inputs_sha256` is over all the rest of it.

    `unproven` are rounds that the chain settled and that did not prove when they were derived
    again: they are left out, and `wattproof audit replay` says what is wrong with them.
    """

    version: int
    chain_id: int
    genesis_hash: str
    exchange: str
    first_block: int
    block: int
    block_hash: str
    block_time: int
    selection: Selection
    costs_sha256: str
    groups_sha256: str
    unproven: tuple[tuple[int, int], ...]

    @property
    def inputs_sha256(self) -> str:
        return "0x" + hashlib.sha256(_canonical(plain(self))).hexdigest()


@dataclass(frozen=True, slots=True)
class SurveillanceDocument:
    """The report with what stands out, and what it was made from."""

    source: Source
    findings: tuple[Finding, ...]
    report: SurveillanceReport

    def to_json(self) -> dict[str, Any]:
        """Safe for JSON: integers beyond 2^53 as text."""
        return {
            "source": plain(self.source) | {"inputs_sha256": self.source.inputs_sha256},
            "findings": plain(self.findings),
            "report": plain(self.report),
        }


def survey_chain(
    rpc_url: str,
    deployment: Deployment,
    *,
    selection: Selection | None = None,
    files: Files | None = None,
    block: int | None = None,
) -> SurveillanceDocument:
    """The report over settled rounds up to a block, from the chain and the given files alone.

    Every round is derived again from its call data, as the audit does; stocks and links are those
    of the whole history, whatever rounds are selected.

    Args:
        rpc_url: a node of the regulator's choice.
        block: the last block that counts; the node's latest if None.

    Raises:
        InvalidError: a file or the block cannot be used; says why.
        UnavailableError: the node does not answer.
    """
    chosen, given = selection or Selection(), files or Files()
    costs, declared = _declared(given)
    history = History(rpc_url, deployment, until=block)
    if block is not None and block > history.chain_head.number:
        raise InvalidError(
            f"the node's latest block is {history.chain_head.number}, there is no block {block} yet"
        )
    if block is not None and block < deployment.first_block:
        raise InvalidError(f"the contracts were deployed in block {deployment.first_block}")
    state, _ = rebuild(history)
    entries = history.entries()
    rounds = in_range(
        _settled(state, entries),
        market=chosen.market,
        rounds_from=chosen.rounds_from,
        rounds_to=chosen.rounds_to,
        gate_from=chosen.gate_from,
        gate_to=chosen.gate_to,
    )
    report = survey(
        Observed(
            rounds=rounds,
            links=links_of(history, state),
            officials=officials_of(state, entries),
            networks=frozenset(p.network for p in state.markets.values() if p.has_network),
            stock=stock_of(history, state),
            capacity_w={
                place: state.devices[device].capacity_w
                for place, device in sorted(state.device_of.items())
            },
            costs=costs,
            declared=declared,
        )
    )
    source = Source(
        version=VERSION,
        chain_id=deployment.chain_id,
        genesis_hash=deployment.genesis_hash,
        exchange=history.chain.address("Exchange"),
        first_block=deployment.first_block,
        block=history.head.number,
        block_hash=history.head.hash,
        block_time=history.head.timestamp,
        selection=chosen,
        costs_sha256=given.costs.sha256 if given.costs else "",
        groups_sha256=given.groups.sha256 if given.groups else "",
        unproven=_unproven(state, entries),
    )
    return SurveillanceDocument(source, findings_of(report), report)


def bound_of(text: str, *, upper: bool) -> dict[str, int]:
    """A bound of a `Selection` as somebody writes it: a round's number, or a time in ISO 8601 (UTC
    where it names no offset; a day alone is the whole day).

    Raises:
        InvalidError: it is neither.
    """
    side = "to" if upper else "from"
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        return {f"rounds_{side}": int(text)}
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(
            f"{ascii(text)[:60]} is neither the number of a round nor a time such as "
            "2026-11-28T08:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    second = int(moment.timestamp())
    if upper and len(text) == len("2026-11-28"):
        second += 86_399
    return {f"gate_{side}": second}


def selection_of(market: int | None, lower: str | None, upper: str | None) -> Selection:
    """Rounds as somebody names them. Raises InvalidError."""
    bounds = bound_of(lower, upper=False) if lower is not None else {}
    bounds |= bound_of(upper, upper=True) if upper is not None else {}
    return Selection(market=market, **bounds)


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as JSON has them; integers beyond 2^53 as text."""
    if is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, Product):
            return {"carrier": value.carrier, "zone": value.zone, "slot": value.slot}
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in sorted(value.items())}
    if isinstance(value, tuple | list | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT:
        return str(value)
    return value


def canonical_json(document: SurveillanceDocument) -> str:
    """The report's JSON, the same bytes for the same report; ends with a line feed."""
    return json.dumps(document.to_json(), indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _declared(files: Files) -> tuple[Costs, tuple[Declared, ...]]:
    for file in (files.costs, files.groups):
        if file is not None and len(file.content) > _FILE_MAX:
            raise InvalidError(f"{file.name} is larger than {_FILE_MAX:,} bytes")
    try:
        return (
            read_costs(files.costs.name, files.costs.content) if files.costs else Costs(),
            read_groups(files.groups.name, files.groups.content) if files.groups else (),
        )
    except DeclarationError as error:
        raise InvalidError(str(error), code="bad_declaration") from error


def _settled(state: State, entries: list[Entry]) -> Iterator[SettledRound]:
    opened_at = {
        (entry.event.args["market"], entry.event.args["round"]): entry.time
        for entry in entries
        if (entry.event.contract, entry.event.name) == ("Exchange", "RoundOpened")
    }
    for key, record in sorted(state.rounds.items()):
        if record.status != "Settled" or record.proof is None:
            continue
        proof, params = record.proof, state.markets[key[0]]
        judged = judge(proof.book, proof.facts, params.rules)
        yield SettledRound(
            book=proof.book,
            maxima=proof.maxima,
            clearing=proof.clearing,
            slot_seconds=params.slot_seconds,
            opened_at=opened_at[key],
            gate_at=record.gate_at,
            tokenised=params.tokenised,
            stale=tuple(i for i, each in enumerate(judged) if each.broken is GateRule.EPOCH),
        )


def _unproven(state: State, entries: list[Entry]) -> tuple[tuple[int, int], ...]:
    """Rounds that the chain calls settled and the replay could not follow."""
    settled = {
        (entry.event.args["market"], entry.event.args["round"])
        for entry in entries
        if (entry.event.contract, entry.event.name) == ("Exchange", "RoundSettled")
    }
    return tuple(
        key
        for key in sorted(settled)
        if key not in state.rounds
        or state.rounds[key].proof is None
        or state.rounds[key].status != "Settled"
    )
