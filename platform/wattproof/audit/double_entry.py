"""What the chain must say twice: each entry needs its counter-entry in the same transaction.

A certificate that is issued is told by ``BatchIssued`` and by the token's own transfer; a bond by
``BondPosted`` and by the money's transfer. Which of the two comes first is the contracts' affair.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wattproof.audit.findings import Report

if TYPE_CHECKING:
    from wattproof.audit.history import Entry

Account = tuple[str, str, str, str]
"""Place, key of the record there, what happened to it, transaction."""


@dataclass(slots=True)
class DoubleEntry:
    """Two sums an account: what events announce, and what proves it."""

    _announced: defaultdict[Account, int] = field(default_factory=lambda: defaultdict(int))
    _proved: defaultdict[Account, int] = field(default_factory=lambda: defaultdict(int))

    def announce(self, entry: Entry, place: str, key: str, what: str, amount: int = 1) -> None:
        """An event says so."""
        self._announced[place, key, what, entry.event.transaction_hash] += amount

    def prove(self, entry: Entry, place: str, key: str, what: str, amount: int = 1) -> None:
        """The counter-entry: another contract's event, or what the rules derive."""
        self._proved[place, key, what, entry.event.transaction_hash] += amount

    def unannounced(self, what: str) -> dict[Account, int]:
        """What came without anybody announcing it, or beyond what was announced."""
        return {
            account: amount - self._announced.get(account, 0)
            for account, amount in self._proved.items()
            if account[2] == what and amount > self._announced.get(account, 0)
        }

    def check(self, report: Report, *, gifts: tuple[str, ...] = ()) -> None:
        """Compare the two sums of every account; to be called when the history has been read.

        Args:
            gifts: what may happen without being announced, or more of it than was announced.
        """
        for account in {**self._announced, **self._proved}:
            place, key, what, transaction = account
            announced, proved = self._announced.get(account, 0), self._proved.get(account, 0)
            if what in gifts:
                proved = min(proved, announced)
            report.compare(place, key, f"{what} in transaction {transaction}", announced, proved)
