"""Replaying the whole ledger from the chain alone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from devnet.deployment import Deployment
from market.order import Domain
from wattproof.audit import (
    against_chain,
    certificate_sales,
    certificate_stores,
    certificate_views,
    certificates,
    certificates_state,
    claims,
    credits,
    delegations,
    demand_response,
    metering,
    money,
    networks,
    quotas,
    quotas_state,
    roles,
    rounds,
    token_moves,
    tokenised,
)
from wattproof.audit.findings import Mismatch, Report, RoundSummary
from wattproof.audit.history import Entry, History
from wattproof.audit.money import Handler
from wattproof.audit.state import State

_ATTEMPTS = 4


def replay(rpc_url: str, deployment: Deployment, *, database: Engine | str | None = None) -> Report:
    """Rebuild every balance, role, certificate and price from events and call data.

    The result is compared with the contracts' views, and with a database if one is given.

    Args:
        rpc_url: a node of the auditor's choice.
        database: the operator's database or its address; nothing is taken from it but the block
            its index stands on.

    Raises:
        UnavailableError: the node does not answer.
    """
    if database is None:
        return _replay(History(rpc_url, deployment))[1]
    from wattproof.audit import against_store
    from wattproof.store.engine import make_engine, transaction

    engine = make_engine(database) if isinstance(database, str) else database
    try:
        for attempt in range(_ATTEMPTS):
            with transaction(engine) as session:
                block = against_store.indexed_block(session)
            history = History(rpc_url, deployment, until=block)
            state, report = _replay(history)
            with transaction(engine) as session:
                moved = against_store.indexed_block(session) != block
                if not moved or attempt == _ATTEMPTS - 1:
                    against_store.compare(state, history, session, report)
                    return report
        raise AssertionError  # the last attempt returns
    finally:
        if isinstance(database, str):
            engine.dispose()


def _replay(history: History) -> tuple[State, Report]:
    state, report = rebuild(history)
    against_chain.compare(state, history.chain, history.head, report)
    return state, report


def rebuild(history: History) -> tuple[State, Report]:
    """State after all of the history, and what did not hold on the way."""
    deployment = history.deployment
    state = State(
        domain=Domain(deployment.chain_id, history.chain.address("Exchange")),
        ledger=history.chain.address("Ledger"),
        contracts={str(address): name for address, name in history.chain.names.items()},
    )
    state.certificates.address = _address(history, certificates_state.CONTRACT)
    state.quotas.address = _address(history, quotas_state.CONTRACT)
    report = Report(
        deployment.chain_id, history.head.number, history.head.hash, history.chain_head.number
    )
    found = history.chain.chain_id()
    report.compare("chain", history.chain.rpc_url, "chain id", found, deployment.chain_id)
    handlers: Mapping[tuple[str, str], Handler] = {
        **money.HANDLERS,
        **roles.HANDLERS,
        **metering.HANDLERS,
        **claims.HANDLERS,
        **credits.HANDLERS,
        **demand_response.HANDLERS,
        **tokenised.HANDLERS,
        **certificates.HANDLERS,
        **certificate_stores.HANDLERS,
        **certificate_sales.HANDLERS,
        **certificates.Transfers(history).handlers,
        **quotas.HANDLERS,
        **delegations.Changes(history).handlers,
        **rounds.HANDLERS,
        **networks.HANDLERS,
        **rounds.Settlements(history).handlers,
    }
    for entry in history.entries():
        handler = handlers.get((entry.event.contract, entry.event.name))
        if handler is not None:
            report.checked["events"] += 1
            _handle(handler, state, entry, report)
    for (market, number), record in sorted(state.rounds.items()):
        if record.proof is not None:
            report.rounds.append(_summary(market, number, state))
    networks.check_rounds(state, report)
    state.entries.check(report, gifts=(token_moves.RECEIVED, *quotas.GIFTS))
    report.gifts = token_moves.given(state)
    certificate_views.check(state, report)
    quotas.check(state, report, history.head.timestamp)
    return state, report


def _address(history: History, contract: str) -> str:
    """Of a contract that a deployment from before it existed does not have: none."""
    known = contract in history.deployment.addresses
    return history.chain.address(contract) if known else ""


def _handle(handler: Handler, state: State, entry: Entry, report: Report) -> None:
    try:
        handler(state, entry)
    except Mismatch as mismatch:
        report.findings.append(mismatch.finding)
    except (KeyError, IndexError, AssertionError) as error:
        # An event about something that never happened: a node that hides or invents history.
        event = entry.event
        report.findings.append(
            Mismatch(
                f"{event.contract}.{event.name}",
                event.transaction_hash,
                "history",
                f"refers to what the chain does not hold ({error})",
            ).finding
        )


def _summary(market: int, number: int, state: State) -> RoundSummary:
    proof = state.rounds[market, number].proof
    assert proof is not None
    traded = sum(
        entry.quantity_wh
        for leaf in proof.settlement.positions
        for entry in leaf.entries
        if entry.quantity_wh > 0
    )
    return RoundSummary(
        market,
        number,
        proof.book.count,
        traded,
        proof.certificate.gap_micro,
        proof.certificate.welfare_micro,
        proof.certificate.coupled,
    )
