"""Words for what a table holds about people, and which of its rows are about one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, MetaData, String, cast, func, or_, select


class Fate(StrEnum):
    """What erasure does to a table's rows about a person."""

    ERASED = "erased"
    """Deleted at once."""
    REDUCED = "reduced"
    """What says something about the person goes at once; what remains says why it must."""
    LATER = "later"
    """Deleted once its reason is over; what it waits for is told."""
    KEPT = "kept"
    """Stays; the reason says why."""
    CHAIN = "chain"
    """A copy of what is on the chain, where nobody can erase it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A table with rows about people.

    Attributes:
        purpose: what the rows are for.
        owners: columns with the address of the person a row is about.
        through: (column, table, its column): rows are about whom that table's rows are about.
        found_by: which rows, where columns alone do not say it.
        mentions: a column in whose text the address stands; only for tables numbered by ``id``.
        hidden: columns that are not handed out, by reason.
        others: columns with an address of somebody else, by who that is.
        fate: what erasure does.
        why: why that, and until when.
    """

    purpose: str
    fate: Fate
    why: str
    owners: tuple[str, ...] = ()
    through: tuple[tuple[str, str, str], ...] = ()
    found_by: Callable[[MetaData, str], ColumnElement[bool]] | None = None
    mentions: str | None = None
    hidden: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Impersonal:
    """A table with nothing about a person, or nothing that leads to one; and why that is so."""

    reason: str
    others: Mapping[str, str] = field(default_factory=dict)


Declared = Held | Impersonal


def about(
    metadata: MetaData, declared: Mapping[str, Declared], name: str, address: str
) -> ColumnElement[bool]:
    """Which rows of a table are about an address."""
    held, table = declared[name], metadata.tables[name]
    assert isinstance(held, Held), f"{name} holds nothing about a person"
    clauses: list[ColumnElement[bool]] = [table.c[column] == address for column in held.owners]
    for column, other, key in held.through:
        of_other = about(metadata, declared, other, address)
        clauses.append(table.c[column].in_(select(metadata.tables[other].c[key]).where(of_other)))
    if held.found_by is not None:
        clauses.append(held.found_by(metadata, address))
    if held.mentions is not None:
        text = func.lower(cast(table.c[held.mentions], String))
        clauses.append(text.contains(address.lower()))
    return or_(*clauses)
