"""Everything that the database holds about an address, as one JSON document.

It is written piece by piece: a page of rows is read in a transaction of its own, so that a slow
reader holds up nobody. Each table is as it was when it was read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, func, select, tuple_
from sqlmodel import Session

from identity import did
from wattproof.privacy.held import Held, about
from wattproof.privacy.inventory import TABLES
from wattproof.runtime import Platform
from wattproof.store import metadata

FORMAT: Final = "wattproof-personal-data-1"
_PAGE: Final = 500
_SEARCHED: Final = 20_000
"""Rows of a table that is searched as text, read in one transaction."""
_EXACT: Final = 2**53
_ON_CHAIN: Final = (
    "What contracts hold and what was ever sent to them is on the chain, for everybody and for "
    "good. Tables with onErasure 'chain' are copies of it."
)


def export(platform: Platform, address: str) -> Iterator[str]:
    """The document's text, in pieces. Integers beyond 2^53 are text."""
    head = {
        "format": FORMAT,
        "address": address,
        "did": str(did.of(address, platform.deployment.chain_id)),
        "chainId": platform.deployment.chain_id,
        "madeAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "onChain": _ON_CHAIN,
    }
    yield json.dumps(head)[:-1] + ', "tables": {'
    for place, name in enumerate(name for name, held in TABLES.items() if isinstance(held, Held)):
        yield (", " if place else "") + json.dumps(name) + ": "
        yield from _table(platform, name, address)
    yield "}}\n"


def _table(platform: Platform, name: str, address: str) -> Iterator[str]:
    held = TABLES[name]
    assert isinstance(held, Held)
    head = {
        "purpose": held.purpose,
        "onErasure": held.fate,
        "why": held.why,
        "withheld": dict(held.hidden),
    }
    yield json.dumps(head)[:-1] + ', "rows": ['
    first = True
    for rows in pages(platform, name, address):
        for row in rows:
            shown = {key: plain(row[key]) for key in row if key not in held.hidden}
            yield ("" if first else ", ") + json.dumps(shown)
            first = False
    yield "]}"


def pages(platform: Platform, name: str, address: str) -> Iterator[Sequence[dict[str, Any]]]:
    """The rows about an address, whole, page by page in the order of their keys."""
    held, table = TABLES[name], metadata.load().tables[name]
    assert isinstance(held, Held)
    wanted = about(metadata.load(), TABLES, name, address)
    step = _searched if held.mentions is not None else _keyed
    last: Any = None
    while True:
        with platform.transaction() as session:
            rows, last = step(session, table, wanted, last)
        if rows:
            yield [dict(row._mapping) for row in rows]
        if last is None:
            return


def _keyed(
    session: Session, table: Table, wanted: ColumnElement[bool], last: Any
) -> tuple[Sequence[Row[Any]], Any]:
    keys = list(table.primary_key)
    query = select(table).where(wanted).order_by(*keys).limit(_PAGE)
    if last is not None:
        query = query.where(tuple_(*keys) > last)
    rows = session.execute(query).all()
    if len(rows) < _PAGE:
        return rows, None
    return rows, tuple(rows[-1]._mapping[key] for key in keys)


def _searched(
    session: Session, table: Table, wanted: ColumnElement[bool], last: Any
) -> tuple[Sequence[Row[Any]], Any]:
    """Text has no index: so many rows are looked through at a time, found or not."""
    number = table.c.id
    start = last or 0
    stop = start + _SEARCHED
    query = select(table).where(wanted, number > start, number <= stop).order_by(number)
    rows = session.execute(query).all()
    top = session.execute(select(func.max(number))).scalar() or 0
    return rows, stop if stop < top else None


def plain(value: Any) -> Any:
    """A column's value as JSON has it."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str(value)
