"""A database in which two people have a row in every table that can be about one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import JSON, Engine, Float, Integer, MetaData, Table, insert
from sqlalchemy.types import Boolean

from wattproof.privacy.held import Held
from wattproof.privacy.inventory import TABLES
from wattproof.store import metadata
from wattproof.store.engine import transaction
from wattproof.store.types import BigInt, DecimalText

ADA = "0xaDA0000000000000000000000000000000000aDA"
BOB = "0xb0B0000000000000000000000000000000000B0B"
SOMEBODY = "0x5000000000000000000000000000000000000005"


NOW = 1_000_000


def installation(engine: Engine, now: int = NOW) -> Any:
    """As much of a platform as export and erasure need; its clock stands still."""
    return SimpleNamespace(
        transaction=lambda: transaction(engine),
        engine=engine,
        deployment=SimpleNamespace(chain_id=31_337),
        clock=SimpleNamespace(now=lambda: now),
        settings=SimpleNamespace(keep_dispatch_days=365),
    )


def fill(engine: Engine) -> dict[str, dict[str, dict[str, Any]]]:
    """One row a person and table; gives them by table and person."""
    made: dict[str, dict[str, dict[str, Any]]] = {}
    tables = metadata.load()
    with engine.begin() as connection:
        for table in _parents_first(tables):
            made[table.name] = {}
            for place, person in enumerate((ADA, BOB), start=1):
                row = _row(table, person, place, made)
                connection.execute(insert(table).values(**row))
                made[table.name][person] = row
    return made


def _parents_first(tables: MetaData) -> list[Table]:
    """By foreign keys, and what others are found through before them."""
    done: list[Table] = []

    def visit(table: Table) -> None:
        if table in done:
            return
        held = TABLES[table.name]
        needed = {key.column.table.name for key in table.foreign_keys} - {table.name}
        if isinstance(held, Held):
            needed |= {other for _, other, _ in held.through}
        if table.name == "dispatch_document":
            needed.discard("dispatch_step")
        if table.name == "dispatch_step":
            needed.add("dispatch_document")
        for name in sorted(needed):
            visit(tables.tables[name])
        done.append(table)

    for table in tables.sorted_tables:
        visit(table)
    return done


def _row(table: Table, person: str, place: int, made: Any) -> dict[str, Any]:
    held = TABLES[table.name]
    row = {column.name: _value(table.name, column, place) for column in table.c}
    for key in table.foreign_keys:
        if key.column.table is not table:
            row[key.parent.name] = made[key.column.table.name][person][key.column.name]
    if table.name == "market":
        row["params"] = {"periodSlots": 1, "slotSeconds": 1}
    if table.name == "outbox":
        row["after"] = None
    if not isinstance(held, Held):
        return row
    for name in held.owners:
        row[name] = person
    for name, other, key_of_other in held.through:
        row[name] = made[other][person][key_of_other]
    if held.mentions == "args":
        row["args"] = {"account": person, "amount": "1"}
    elif held.mentions is not None:
        row[held.mentions] = f"made:{person}"
    if table.name == "dispatch_step":
        row["payload"] = f'{{"inputs": "{made["dispatch_document"][person]["hash"]}"}}'
        row["actor"] = SOMEBODY
    return row


def _value(table: str, column: Any, place: int) -> Any:
    if isinstance(column.type, JSON):
        return {}
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Float):
        return float(place)
    if isinstance(column.type, BigInt | DecimalText | Integer):
        return place
    length = getattr(column.type, "length", None)
    if length == 42:
        return SOMEBODY[:-1] + str(place)
    return f"{place}.{table}.{column.name}"[: length or 200]
