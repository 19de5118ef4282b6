"""docs/privacy.md is whole: every event, every call and every table has its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import contracts
from wattproof.privacy.held import Held
from wattproof.privacy.inventory import TABLES

PAGE = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text(encoding="utf-8")
CONTRACTS = [name for name in contracts.available() if "/" not in name]


def section(heading):
    """The lines under a heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    _, found, rest = PAGE.partition(f"\n{heading}\n")
    assert found, f"docs/privacy.md has no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0].splitlines()


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def names(inputs):
    for each in inputs:
        yield each["name"]
        yield from names(each.get("components", []))


def entries(name):
    """Events and calls that change something, as they are called on the page."""
    found = []
    for each in contracts.load(name).abi:
        if each["type"] == "event":
            found.append((f"`{each['name']}`", each))
        if each["type"] == "function" and each["stateMutability"] not in ("view", "pure"):
            found.append((f"`{each['name']}()`", each))
    return found


def rows(name):
    return [cells(line) for line in section(f"### {name}") if line.startswith("| `")]


def test_there_are_contracts_to_speak_of():
    assert {"Exchange", "MeterRegistry", "DidRegistry", "Delegations"} <= set(CONTRACTS)
    assert all(entries(name) for name in CONTRACTS if name != "WalletSignatureCheck")


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_event_and_call_has_a_row_and_every_row_one_of_them(name):
    assert sorted(row[0] for row in rows(name)) == sorted(label for label, _ in entries(name))


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_row_names_every_field_whom_it_is_about_and_why(name):
    shown: dict[str, list[set[str]]] = {}
    for label, fields, about, why in rows(name):
        assert about, label
        assert why, label
        shown.setdefault(label, []).append(set(re.findall(r"\w+", fields)))
    for label, each in entries(name):
        wanted = {field for field in names(each["inputs"]) if field}
        assert any(wanted <= fields for fields in shown[label]), (label, wanted)


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_a_contract_stores_is_said(name):
    assert any(line.startswith("Stored: ") for line in section(f"### {name}"))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_has_its_row_in_the_words_of_the_inventory(name):
    held = TABLES[name]
    (row,) = [cells(line) for line in section("## Tables") if line.startswith(f"| `{name}` |")]
    if isinstance(held, Held):
        assert row[1:4] == [held.purpose, held.fate, held.why]
        assert row[4]
    else:
        assert row[1] == held.reason


def test_no_row_is_of_a_table_that_is_gone():
    shown = [cells(line)[0].strip("`") for line in section("## Tables") if line.startswith("| `")]
    assert sorted(shown) == sorted(TABLES)
