"""An account's history from a node alone: no database, and nothing of it is believed unchecked."""

from __future__ import annotations

from devnet.deployment import Deployment
from market.track_record import AccountHistory
from wattproof.audit.history import History
from wattproof.audit.replay import rebuild
from wattproof.audit.state import State
from wattproof.errors import InvalidError, RefusedError
from wattproof.trust.told import MarketTerms, PositionLine, Surroundings, Told, history_of
from wattproof.trust.track_record import At, LedgerStatement, state


def stated(
    rpc_url: str, deployment: Deployment, account: str, *, block: int | None = None
) -> LedgerStatement:
    """The ledger half of an account's profile, from events and call data up to a block.

    Args:
        rpc_url: a node of the reader's choice.
        account: checksum address.
        block: the last block that counts; the node's latest if None.

    Raises:
        InvalidError: there is no such block (yet).
        RefusedError: the node's history does not hold, so nothing can be said from it.
        UnavailableError: the node does not answer.
    """
    history = History(rpc_url, deployment, until=block)
    if block is not None and block > history.chain_head.number:
        raise InvalidError(
            f"the node's latest block is {history.chain_head.number}, there is no block {block} yet"
        )
    if block is not None and block < deployment.first_block:
        raise InvalidError(f"the contracts were deployed in block {deployment.first_block}")
    head = history.head
    return state(deployment, At(head.number, head.hash, head.timestamp), replayed(history, account))


def replayed(history: History, account: str) -> AccountHistory:
    """Raises RefusedError where the audit finds that the history does not hold."""
    found, report = rebuild(history)
    if report.findings:
        raise RefusedError(
            f"the node's history does not hold ({report.findings[0]}); run wattproof audit replay",
            code="history_broken",
        )
    events = (Told(e.event.contract, e.event.name, e.event.args) for e in history.entries())
    return history_of(account, events, _surroundings(found, account, history.head.timestamp))


def _surroundings(found: State, account: str, now: int) -> Surroundings:
    latest: dict[int, int] = {}
    for market, period, _ in found.closures:
        latest[market] = max(period, latest.get(market, 0))
    return Surroundings(
        markets={
            number: MarketTerms(params.slot_seconds, params.period_slots)
            for number, params in found.markets.items()
        },
        positions=tuple(
            PositionLine(market, entry.product, entry.quantity_wh)
            for (market, _), record in sorted(found.rounds.items())
            if record.status == "Settled" and record.proof is not None
            for leaf in record.proof.settlement.positions
            if leaf.trader == account
            for entry in leaf.entries
        ),
        latest=latest,
        coverage=lambda market, period: found.coverage[market, period],
        now=now,
    )
