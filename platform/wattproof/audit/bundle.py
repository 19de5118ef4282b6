"""A round in one file, for an auditor who has neither the database nor the operator's word.

A bundle holds the round's rules, its transactions' call data, and what the chain said of every
trader at the gate. Verifying it derives everything again from these, without a node; then the
same bundle is made from a node of the auditor's choice, and the two must be alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eth_abi.exceptions import DecodingError
from sqlalchemy import Engine

from devnet.deployment import Deployment
from market.delegation import Session
from market.eligibility import TraderFacts
from market.order import Domain
from market.reference.params import MarketParams
from wattproof.audit import dispatch, dispatch_chain, networks, provenance
from wattproof.audit.findings import Finding, Mismatch, Report
from wattproof.audit.history import History
from wattproof.audit.replay import rebuild
from wattproof.audit.rounds import add_call_data, prove, settlement_arguments
from wattproof.audit.state import RoundState, State
from wattproof.errors import InvalidError, NotFoundError

VERSION = 1
_GATE, _RESULT = "closeGate", ("settle", "verifyChunk")


def export_round(
    rpc_url: str,
    deployment: Deployment,
    key: tuple[int, int],
    *,
    database: Engine | str | None = None,
) -> dict[str, Any]:
    """The bundle of a settled round (market, round), from the chain alone.

    Args:
        database: also take from here the logs of the dispatch plans that orders of the round were
            made from; the chain knows nothing of plans.

    Raises:
        NotFoundError: the round is not settled, or does not hold.
        UnavailableError: the node does not answer.
    """
    history = History(rpc_url, deployment)
    state, report = rebuild(history)
    bundle = _bundle(history, state, report, key)
    if database is not None:
        bundle["dispatch"] = [log.to_json() for log in dispatch.logs_of_round(database, key)]
        bundle["digest"] = _digest(bundle)
    return bundle


def verify_bundle(bundle: Mapping[str, Any], rpc_url: str) -> Report:
    """Check a bundle by itself, and against the chain at ``rpc_url``.

    Raises:
        InvalidError: it is no bundle.
        UnavailableError: the node does not answer.
    """
    try:
        deployment = Deployment(**bundle["deployment"])
        key = int(bundle["market"]), int(bundle["round"])
        version = bundle["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidError(f"this is no bundle of a round: {error!r}") from error
    if version != VERSION:
        raise InvalidError(f"this is a bundle of version {version}; version {VERSION} is known")
    history = History(rpc_url, deployment)
    report = Report(
        deployment.chain_id, history.head.number, history.head.hash, history.chain_head.number
    )
    report.compare("bundle", "digest", "sha256", bundle.get("digest"), _digest(bundle))
    _verify_alone(bundle, key, report)
    _verify_deployment(history, report)
    if not report.ok:
        return report
    state, replayed = rebuild(history)
    try:
        own = _bundle(history, state, replayed, key)
    except NotFoundError as error:
        report.findings.append(Finding("chain", rpc_url, "round", error.message))
        return report
    chain_alone = {name: value for name, value in bundle.items() if name != "dispatch"}
    _compare("", chain_alone, own, report)
    _verify_dispatch(bundle, state, key, history.head.timestamp, report)
    report.rounds = [done for done in replayed.rounds if (done.market, done.round) == key]
    return report


def _verify_deployment(history: History, report: Report) -> None:
    """The chain is the one the bundle speaks of, and all contracts are there."""
    chain, deployment = history.chain, history.deployment
    url = chain.rpc_url
    report.compare("chain", url, "chain id", chain.chain_id(), deployment.chain_id)
    genesis, deployed = chain.blocks([0, deployment.block])
    report.compare("chain", url, "genesis", genesis and genesis.hash, deployment.genesis_hash)
    report.compare("chain", url, "deployment", deployed and deployed.hash, deployment.block_hash)
    codes = chain.batch(
        [("eth_getCode", (address, "latest")) for address in deployment.addresses.values()]
    )
    for name, code in zip(deployment.addresses, codes, strict=True):
        report.compare("chain", url, f"contract {name}", code not in ("", "0x"), True)


def _bundle(history: History, state: State, report: Report, key: tuple[int, int]) -> dict[str, Any]:
    market, number = key
    record = state.rounds.get(key)
    name = f"round {number} of market {market}"
    if record is None:
        raise NotFoundError(f"the chain has no {name}")
    if record.status != "Settled" or record.proof is None:
        said = "; ".join(str(finding) for finding in report.findings[:3])
        raise NotFoundError(f"{name} is {record.status}, not proved as settled. {said}".strip())
    proof = record.proof
    bundle: dict[str, Any] = {
        "version": VERSION,
        "deployment": asdict(history.deployment)
        | {"addresses": dict(history.deployment.addresses)},
        "market": market,
        "round": number,
        "params": _plain(asdict(state.markets[market])),
        "gateAt": record.gate_at,
        "firstSlot": record.first_slot,
        "slots": record.slots,
        "bookRoot": _plain(record.book_root),
        "bookCount": record.count,
        "forced": sorted(_plain(digest) for digest in record.forced),
        "facts": {trader: _facts(fact) for trader, fact in proof.facts.items()},
        "transactions": _transactions(history, record),
        "gapMicro": str(proof.certificate.gap_micro),
        "welfareMicro": str(proof.certificate.welfare_micro),
        "dustMicro": str(proof.settlement.dust_micro),
        "positionsRoot": _plain(proof.settlement.positions_root),
        "pricesHash": _plain(proof.settlement.prices_hash),
    }
    if proof.book.delegating:
        bundle["named"] = {
            trader: sorted(
                {s.delegate for s in proof.book.orders if s.delegate and s.order.trader == trader}
            )
            for trader in sorted(proof.book.delegating)
        }
    if market in state.networks:
        bundle["networkDescription"] = _plain(state.networks[market])
    if state.sells_certificates(market):
        bundle["certificates"] = provenance.delivered(state, key)
    bundle["digest"] = _digest(bundle)
    return bundle


def _facts(fact: TraderFacts) -> dict[str, Any]:
    """A trader's facts; with its session where it has one and others signed for it."""
    facts: dict[str, Any] = {
        "marginMicro": str(fact.margin_micro),
        "epoch": fact.epoch,
        "eligible": fact.eligible,
        "capacityWh": None if fact.capacity_wh is None else str(fact.capacity_wh),
    }
    if fact.session is not None:
        facts["session"] = _plain(fact.session.to_chain())
    return facts


def _transactions(history: History, record: RoundState) -> list[dict[str, Any]]:
    answers = history.chain.batch(
        [("eth_getTransactionByHash", (digest,)) for digest in record.transactions]
    )
    return [
        {
            "hash": sent["hash"],
            "blockHash": sent["blockHash"],
            "blockNumber": int(sent["blockNumber"], 16),
            "from": sent["from"],
            "input": sent["input"],
        }
        for sent in answers
    ]


def _verify_alone(bundle: Mapping[str, Any], key: tuple[int, int], report: Report) -> None:
    """Derive the round again from the bundle's own words."""
    try:
        state = _state(bundle, key)
        record = state.rounds[key]
        proof = prove(state, key)
        if "certificates" in bundle:
            provenance.check(bundle["certificates"], proof, report)
    except Mismatch as mismatch:
        report.findings.append(mismatch.finding)
        return
    except (KeyError, TypeError, ValueError, AttributeError, DecodingError) as error:
        report.findings.append(Finding("bundle", f"{key}", "content", f"is damaged: {error!r}"))
        return
    derived = {
        "gapMicro": str(proof.certificate.gap_micro),
        "welfareMicro": str(proof.certificate.welfare_micro),
        "dustMicro": str(proof.settlement.dust_micro),
        "positionsRoot": _plain(proof.settlement.positions_root),
        "pricesHash": _plain(proof.settlement.prices_hash),
        "bookRoot": _plain(proof.book.root),
        "bookCount": proof.book.count,
    }
    for name, value in derived.items():
        report.compare("bundle", name, "value", bundle.get(name), value)
    if state.markets[key[0]].has_network:
        networks.check_round(state, key, proof, report)
    report.checked["orders"] += len(record.submitted)


def _verify_dispatch(
    bundle: Mapping[str, Any],
    state: State,
    key: tuple[int, int],
    head_time: int,
    report: Report,
) -> None:
    """The logs of the plans behind the round: by themselves, and against the chain."""
    proof = state.rounds[key].proof
    assert proof is not None  # its own bundle was made from it
    try:
        logs = [dispatch.Log.from_json(each) for each in bundle.get("dispatch", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        report.findings.append(Finding("bundle", "dispatch", "content", f"is damaged: {error!r}"))
        return
    for log in logs:
        done = dispatch.replay(log, state.domain, report)
        dispatch_chain.check_roles(done, state, head_time, report)
        dispatch_chain.check_readings(done, state, report)
        found = dispatch_chain.check_orders(done, proof.book.orders, key, report)
        report.compare("bundle", f"plan {log.number}", "has orders in the round", bool(found), True)


class _GivenFacts(State):
    """A state whose facts are what a bundle says."""

    given: dict[str, TraderFacts]

    def facts(
        self, market: int, number: int, account: str, *, delegating: bool = False
    ) -> TraderFacts:
        return self.given[account]


def _state(bundle: Mapping[str, Any], key: tuple[int, int]) -> State:
    from wattproof.gateway.abi import Interface

    deployment = Deployment(**bundle["deployment"])
    state = _GivenFacts(
        domain=Domain(deployment.chain_id, deployment.addresses["Exchange"]),
        ledger=deployment.addresses["Ledger"],
    )
    params = {name: _number(value) for name, value in bundle["params"].items()}
    for name in ("role", "network_hash"):
        params[name] = bytes.fromhex(bundle["params"][name][2:])
    state.markets[key[0]] = MarketParams(**params)
    if "networkDescription" in bundle:
        state.networks[key[0]] = bytes.fromhex(bundle["networkDescription"][2:])
    record = state.rounds[key] = RoundState(
        int(bundle["gateAt"]), int(bundle["firstSlot"]), int(bundle["slots"])
    )
    record.book_root = bytes.fromhex(bundle["bookRoot"][2:])
    record.count = int(bundle["bookCount"])
    record.forced = {bytes.fromhex(digest[2:]) for digest in bundle["forced"]}
    state.given = {
        trader: TraderFacts(
            int(fact["marginMicro"]),
            int(fact["epoch"]),
            bool(fact["eligible"]),
            None if fact["capacityWh"] is None else int(fact["capacityWh"]),
            Session.of_chain(fact["session"]) if "session" in fact else None,
            record.gate_at,
        )
        for trader, fact in bundle["facts"].items()
    }
    for trader, signers in bundle.get("named", {}).items():
        state.delegations.named[key[0], trader].update(signers)
    exchange = Interface("Exchange", deployment.abi("Exchange"))
    for sent in bundle["transactions"]:
        function, args = exchange.decode_call(bytes.fromhex(sent["input"][2:]))
        if function in _RESULT:
            *own, results, orders = settlement_arguments(args)
            if tuple(own) != key:
                raise ValueError(f"transaction {sent['hash']} is of round {own}")
            add_call_data(state, key, results, orders)
        elif function != _GATE:
            raise ValueError(f"transaction {sent['hash']} calls {function}")
    return state


def _compare(path: str, given: Any, own: Any, report: Report) -> None:
    """Name every place where a bundle differs from the one the chain gives."""
    if path == ".digest":
        return
    if isinstance(own, Mapping) and isinstance(given, Mapping):
        for name in sorted({*own, *given}):
            _compare(f"{path}.{name}", given.get(name), own.get(name), report)
    elif isinstance(own, list) and isinstance(given, list) and len(own) == len(given):
        for index, (one, other) in enumerate(zip(given, own, strict=True)):
            _compare(f"{path}[{index}]", one, other, report)
    else:
        report.compare("bundle", path.lstrip("."), "value", given, own)


def _digest(bundle: Mapping[str, Any]) -> str:
    """SHA-256 of the bundle's canonical JSON without the digest itself."""
    content = {name: value for name, value in bundle.items() if name != "digest"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "0x" + hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value
