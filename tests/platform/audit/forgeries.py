"""A history, on the chain or in the index, with something in it forged: an audit must name it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session, col, select

from wattproof.audit.history import Entry, History
from wattproof.indexer.models import EventRow


def other(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, list | tuple):
        place = max(range(len(value)), key=lambda i: value[i] != 0)
        return [other(each) if i == place else each for i, each in enumerate(value)]
    if isinstance(value, Mapping):
        raise TypeError("alter one of its fields")
    return str(value)[:-1] + ("0" if str(value)[-1] != "0" else "1")


def one_argument_changed(
    history: History, contracts: Collection[str]
) -> Iterator[tuple[str, list[Entry]]]:
    """Every argument of the last event of every kind of these contracts."""
    entries = history.entries()
    for (contract, name), place in last_of_each(history, contracts).items():
        args = entries[place].event.args
        for argument, value in args.items():
            fields = value if isinstance(value, Mapping) else {"": value}
            for field, inner in fields.items():
                if isinstance(inner, Mapping):
                    continue
                changed = {**value, field: other(inner)} if field else other(inner)
                event = replace(entries[place].event, args={**args, argument: changed})
                forged = [*entries]
                forged[place] = replace(entries[place], event=event)
                yield f"{contract}.{name}.{argument}{'.' if field else ''}{field}", forged


def one_event_hidden(
    history: History, contracts: Collection[str]
) -> Iterator[tuple[str, list[Entry]]]:
    """The last event of every kind of these contracts."""
    entries = history.entries()
    for (contract, name), place in last_of_each(history, contracts).items():
        yield f"{contract}.{name}", [*entries[:place], *entries[place + 1 :]]


def last_of_each(history: History, contracts: Collection[str]) -> dict[tuple[str, str], int]:
    """Where the last event of every kind stands."""
    return {
        (entry.event.contract, entry.event.name): place
        for place, entry in enumerate(history.entries())
        if entry.event.contract in contracts
    }


def changed(history: History, name: str, **changes: Any) -> list[Entry]:
    """The history with the last event of a name changed."""
    entries = list(history.entries())
    place = max(i for i, e in enumerate(entries) if e.event.name == name)
    event = entries[place].event
    event = replace(event, args={**event.args, **changes})
    entries[place] = replace(entries[place], event=event)
    return entries


def last_indexed(session: Session, contracts: Collection[str], name: str) -> EventRow:
    """The last event of a name in the database."""
    return session.exec(
        select(EventRow)
        .where(col(EventRow.contract).in_(contracts), EventRow.name == name)
        .order_by(col(EventRow.id).desc())
        .limit(1)
    ).one()
