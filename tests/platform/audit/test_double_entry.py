"""What two contracts tell of one movement must agree within its transaction."""

from __future__ import annotations

from typing import Any

import pytest

from wattproof.audit.double_entry import DoubleEntry
from wattproof.audit.findings import Report
from wattproof.audit.history import Entry
from wattproof.gateway.abi import Event

FIRST, SECOND = "0x01", "0x02"


def _entry(transaction: str) -> Entry:
    args: dict[str, Any] = {}
    return Entry(Event("Registry", "Told", args, "0xa", 1, "0xb", transaction, 0), 100, None)


def _findings(book: DoubleEntry, *gifts: str) -> list[tuple[str, str, str, str]]:
    report = Report(1, 1, "0x", 1)
    book.check(report, gifts=gifts)
    return [(each.place, each.key, each.what, each.detail) for each in report.findings]


@pytest.fixture
def book() -> DoubleEntry:
    """A movement of 5 that is told in parts, the proof before the announcement."""
    told = DoubleEntry()
    told.prove(_entry(FIRST), "Registry", "ann", "bond", 3)
    told.announce(_entry(FIRST), "Registry", "ann", "bond", 5)
    told.prove(_entry(FIRST), "Registry", "ann", "bond", 2)
    return told


def test_sums_that_agree_are_in_order_whichever_comes_first(book: DoubleEntry) -> None:
    assert _findings(book) == []


def test_the_transaction_counts_in_which_it_was_told(book: DoubleEntry) -> None:
    book.announce(_entry(SECOND), "Registry", "bob", "bond", 1)
    book.prove(_entry(FIRST), "Registry", "bob", "bond", 1)
    assert _findings(book) == [
        ("Registry", "bob", f"bond in transaction {SECOND}", "is 1, must be 0"),
        ("Registry", "bob", f"bond in transaction {FIRST}", "is 0, must be 1"),
    ]


def test_a_gift_needs_no_announcement_and_is_known(book: DoubleEntry) -> None:
    book.prove(_entry(FIRST), "Registry", "ann", "bond", 4)
    book.prove(_entry(SECOND), "Registry", "bob", "bond", 7)
    assert _findings(book, "bond") == []
    assert book.unannounced("bond") == {
        ("Registry", "ann", "bond", FIRST): 4,
        ("Registry", "bob", "bond", SECOND): 7,
    }
    assert len(_findings(book)) == 2


def test_a_gift_does_not_stand_for_what_was_announced_and_never_came(book: DoubleEntry) -> None:
    book.announce(_entry(SECOND), "Registry", "bob", "bond", 7)
    book.prove(_entry(SECOND), "Registry", "bob", "bond", 6)
    assert _findings(book, "bond") == [
        ("Registry", "bob", f"bond in transaction {SECOND}", "is 7, must be 6")
    ]
