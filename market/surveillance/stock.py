"""Certificates in stock: who holds how many of which class, and who needs them for a quota.

Everything is a change at a second; what held at a second is the sum of the changes up to and with
it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from market.surveillance.concentration import Concentration


@dataclass(frozen=True, slots=True, order=True)
class CertificateClass:
    """What is traded as one: certificates of a technology, a vintage and a zone (protocol section
    14)."""

    technology: int
    vintage: int
    zone: int


@dataclass(frozen=True, slots=True)
class StockChange:
    """What was added to an account's stock of a class, Wh: in its wallet (the ERC-1155 balance), on
    offer in a sale pool, or bought and not yet collected."""

    time: int
    account: str
    kind: CertificateClass
    wallet_wh: int = 0
    offered_wh: int = 0
    uncollected_wh: int = 0


@dataclass(frozen=True, slots=True)
class NeedChange:
    """From `time` on, `need_wh` certificates of `technologies` (bit t: technology t), produced in
    `[since, until)`, are still to be shown by `account` for a quota; 0 once it is settled. `until`
    is also the end of the compliance period, `surrender_by` the last second for showing them."""

    time: int
    quota: int
    account: str
    need_wh: int
    technologies: int
    since: int
    until: int
    surrender_by: int


@dataclass(frozen=True, slots=True)
class Held:
    """An account's stock of a class at a moment, Wh."""

    wallet_wh: int
    offered_wh: int
    uncollected_wh: int

    @property
    def total_wh(self) -> int:
        return self.wallet_wh + self.offered_wh + self.uncollected_wh


@dataclass(frozen=True, slots=True)
class ClassStock:
    """Who holds a class at the end, by account and by group."""

    kind: CertificateClass
    by_account: Concentration
    by_group: Concentration


@dataclass(frozen=True)
class Stock:
    """All changes, in the order of the chain.

    `market_class` is what a market of certificates trades: technology and zone. Its slot s is the
    vintage that expires as the slot ends, `s - lifetime_vintages`; both are `vintage_seconds` long.
    """

    changes: tuple[StockChange, ...] = ()
    needs: tuple[NeedChange, ...] = ()
    market_class: dict[int, tuple[int, int]] = field(default_factory=dict)
    vintage_seconds: int = 0
    lifetime_vintages: int = 0

    def traded(self, market: int, slot: int) -> CertificateClass | None:
        """What a market trades in a slot, None where that is no class of certificates."""
        if market not in self.market_class:
            return None
        technology, zone = self.market_class[market]
        return CertificateClass(technology, slot - self.lifetime_vintages, zone)

    def held(self, account: str, kind: CertificateClass, at: int) -> Held:
        """Stock at a second, its own changes included."""
        times, sums = self._series.get((account, kind), ((), ()))
        place = bisect_right(times, at)
        return Held(*sums[place - 1]) if place else Held(0, 0, 0)

    def holders(self, kind: CertificateClass) -> tuple[str, ...]:
        """Who ever held the class."""
        return self._holders.get(kind, ())

    def need(self, account: str, kind: CertificateClass, at: int) -> int:
        """Certificates of this class that the account still has to show, Wh, over all quotas.

        A quota that takes several classes counts in full in each: whoever holds what it may need is
        not called a withholder.
        """
        return sum(need.need_wh for need in self._open_needs(account, kind, at))

    def due(self, kind: CertificateClass, at: int) -> dict[str, int]:
        """By account what it has to show for compliance periods that are over and does not hold,
        Wh, where that is more than nothing."""
        lacking = {}
        for account in self._needs:
            due = sum(n.need_wh for n in self._open_needs(account, kind, at) if n.until <= at)
            if due > (held := self.held(account, kind, at).total_wh):
                lacking[account] = due - held
        return lacking

    def _open_needs(self, account: str, kind: CertificateClass, at: int) -> list[NeedChange]:
        found = []
        for times, changes in self._needs.get(account, {}).values():
            place = bisect_right(times, at)
            if place:
                need = changes[place - 1]
                if at <= need.surrender_by and self._takes(need, kind):
                    found.append(need)
        return found

    def at_end(self, group_of: dict[str, str]) -> tuple[ClassStock, ...]:
        """Concentration of what is held after all changes, by class."""
        end = max((change.time for change in self.changes), default=0)
        found = []
        for kind in sorted(self._holders):
            amounts = Concentration.of(
                (account, self.held(account, kind, end).total_wh) for account in self.holders(kind)
            )
            if amounts.total_wh:
                found.append(ClassStock(kind, amounts, amounts.grouped(group_of)))
        return tuple(found)

    def _takes(self, need: NeedChange, kind: CertificateClass) -> bool:
        begin = kind.vintage * self.vintage_seconds
        in_time = begin < need.until and begin + self.vintage_seconds > need.since
        return in_time and bool(need.technologies >> kind.technology & 1)

    @cached_property
    def _series(
        self,
    ) -> dict[tuple[str, CertificateClass], tuple[list[int], list[tuple[int, int, int]]]]:
        found: dict[tuple[str, CertificateClass], tuple[list[int], list[tuple[int, int, int]]]] = {}
        for change in self.changes:
            times, sums = found.setdefault((change.account, change.kind), ([], []))
            wallet, offered, uncollected = sums[-1] if sums else (0, 0, 0)
            times.append(change.time)
            sums.append(
                (
                    wallet + change.wallet_wh,
                    offered + change.offered_wh,
                    uncollected + change.uncollected_wh,
                )
            )
        return found

    @cached_property
    def _holders(self) -> dict[CertificateClass, tuple[str, ...]]:
        found: defaultdict[CertificateClass, set[str]] = defaultdict(set)
        for account, kind in self._series:
            found[kind].add(account)
        return {kind: tuple(sorted(accounts)) for kind, accounts in found.items()}

    @cached_property
    def _needs(self) -> dict[str, dict[int, tuple[list[int], list[NeedChange]]]]:
        """By account and quota."""
        found: dict[str, dict[int, tuple[list[int], list[NeedChange]]]] = {}
        for change in self.needs:
            of_account = found.setdefault(change.account, {})
            times, changes = of_account.setdefault(change.quota, ([], []))
            times.append(change.time)
            changes.append(change)
        return found
