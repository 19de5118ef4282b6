"""Whoever adds a table says whether it holds data about people."""

from __future__ import annotations

import pytest

from wattproof.privacy.held import Fate, Held, Impersonal
from wattproof.privacy.inventory import TABLES
from wattproof.store import metadata

ADDRESS_LENGTH = 42
METADATA = metadata.load()
NAMES = sorted(METADATA.tables)


def test_every_table_is_declared_and_every_declaration_is_a_table():
    assert sorted(TABLES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_column_that_can_hold_an_address_is_spoken_of(name):
    held, table = TABLES[name], METADATA.tables[name]
    addresses = {c.name for c in table.c if getattr(c.type, "length", None) == ADDRESS_LENGTH}
    spoken = set(held.others) | (set(held.owners) if isinstance(held, Held) else set())
    assert addresses <= spoken


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_names_columns_that_are_there(name):
    held, columns = TABLES[name], METADATA.tables[name].c
    assert set(held.others) <= set(columns.keys())
    if isinstance(held, Impersonal):
        assert held.reason
        return
    assert held.purpose
    assert held.why
    assert {*held.owners, *held.hidden} <= set(columns.keys())
    for column, other, key in held.through:
        assert column in columns
        assert key in METADATA.tables[other].c
    if held.mentions is not None:
        assert held.mentions in columns
        assert METADATA.tables[name].primary_key.columns.keys() == ["id"]
    assert held.owners or held.through or held.mentions or held.found_by


PUBLIC = {("signed_order", "salt"), ("relayed_change", "nonce"), ("outbox", "nonce")}
"""Parts of what was signed and sent."""


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_handed_out(name):
    held = TABLES[name]
    if isinstance(held, Held):
        secrets = {
            c.name
            for c in METADATA.tables[name].c
            if c.name in ("nonce", "salt") or c.name.endswith(("token_hash", "secret_hash"))
        }
        public = {column for table, column in PUBLIC if table == name}
        assert secrets - public <= set(held.hidden)


def test_a_copy_of_the_chain_is_never_said_to_be_erased():
    assert {name for name, held in TABLES.items() if isinstance(held, Held)} >= {"reading"}
    for held in TABLES.values():
        if isinstance(held, Held) and held.fate is Fate.CHAIN:
            assert "chain has it" in held.why
