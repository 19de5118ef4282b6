"""The dispatch centre's tables: every record against its steps, the steps against the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, SQLModel, select

from wattproof.audit import dispatch, dispatch_chain
from wattproof.audit.dispatch import ORDER, PLAN, TEXT, Replayed
from wattproof.audit.findings import Report
from wattproof.audit.state import State
from wattproof.dispatch.lifecycle import Action
from wattproof.dispatch.models import (
    DispatchDocumentRow,
    DispatchOrderRow,
    DispatchRow,
    DispatchStepRow,
)
from wattproof.dispatch.record import columns, digest_of
from wattproof.orders.models import OrderRow

Rows = Callable[[type[SQLModel]], list[Any]]


def compare(state: State, head_time: int, session: Session, rows: Rows, report: Report) -> None:
    """Check every plan, step, document and recorded order of a database.

    Args:
        head_time: of the block that ``state`` was rebuilt up to; approvals given later may rest on
            grants that it does not know yet.
        rows: reads a table; what cannot be read is a finding of its own.
    """
    plans = {row.id: row for row in rows(DispatchRow)}
    told = set(session.exec(select(DispatchStepRow.dispatch).distinct()).all())
    for number in sorted(told - plans.keys(), key=str):
        report.compare(PLAN, str(number), "row", "missing", "its steps are there")
    recorded = {row.digest: row for row in rows(DispatchOrderRow)}
    books = {
        digest: key
        for key, record in state.rounds.items()
        if record.proof is not None
        for digest in (each.digest for each in record.proof.book.orders)
    }
    named: set[str] = set()
    for log in dispatch.read_logs(session, sorted(plans)):
        done = dispatch.replay(log, state.domain, report)
        if done.standing is None:
            continue
        for name, value in columns(done.standing).items():
            report.compare(PLAN, str(log.number), name, getattr(plans[log.number], name), value)
        dispatch_chain.check_roles(done, state, head_time, report)
        dispatch_chain.check_readings(done, state, report)
        named |= _orders(done, state, session, recorded, books, report)
    for digest in sorted(recorded.keys() - named):
        report.compare(ORDER, digest, "row", "stored", "no step says so")
    for text in rows(DispatchDocumentRow):
        found = digest_of(str(text.content))
        report.compare(TEXT, text.hash, "content", found, text.hash)


def _orders(
    done: Replayed,
    state: State,
    session: Session,
    recorded: dict[str, DispatchOrderRow],
    books: dict[bytes, tuple[int, int]],
    report: Report,
) -> set[str]:
    """Orders that a plan's steps name: stored so, and in the book of their round."""
    assert done.standing is not None
    said = {
        digest: step.sequence
        for step, _ in done.taken
        if step.action == Action.ORDER
        for digest in step.content()["orders"]
    }
    rounds = {}
    for digest, sequence in said.items():
        row = recorded.get(digest)
        found = None if row is None else (row.dispatch, row.sequence)
        report.compare(ORDER, digest, "row", found, (done.log.number, sequence))
        order = session.get(OrderRow, digest)
        report.compare(ORDER, digest, "order", "stored" if order else "missing", "stored")
        key = books.get(bytes.fromhex(digest[2:]))
        if key is not None:
            rounds[key] = state.rounds[key].proof
        elif order is not None and order.cancelled_at is None:
            record = state.rounds.get((order.market, order.round))
            settled = record is not None and record.proof is not None
            report.compare(ORDER, digest, "in the book", not settled, True)
    for key, proof in rounds.items():
        if proof is not None:
            dispatch_chain.check_orders(done, proof.book.orders, key, report)
    return set(said)
