"""What an audit says: what it checked, and everything that does not hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

_SHOWN = 20


class Mismatch(Exception):  # noqa: N818 - it is an answer, not a failure of the audit
    """One thing that does not hold; the replay records it and goes on."""

    def __init__(self, place: str, key: str, what: str, detail: str) -> None:
        super().__init__(f"{place} {key}: {what}: {detail}")
        self.finding = Finding(place, key, what, detail)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something does not hold.

    Attributes:
        place: table, contract or message (``signed_order``, ``Exchange.settle``).
        key: the record's key there.
        what: column or rule.
        detail: what is there, and what the chain says.
    """

    place: str
    key: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.place} {self.key}, {self.what}: {self.detail}"

    def to_json(self) -> dict[str, str]:
        return {"place": self.place, "key": self.key, "what": self.what, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Gift:
    """Settlement tokens that somebody sent to a contract without a booking, in micro-units."""

    contract: str
    sender: str
    amount: int
    transaction: str

    def __str__(self) -> str:
        return (
            f"{self.amount} micro-units to {self.contract} from {self.sender}, "
            f"transaction {self.transaction}"
        )

    def to_json(self) -> dict[str, str]:
        return {
            "contract": self.contract,
            "from": self.sender,
            "amountMicro": str(self.amount),
            "transaction": self.transaction,
        }


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """A settled round, proved again: money in micro-units."""

    market: int
    round: int
    orders: int
    traded_wh: int
    gap_micro: int
    welfare_micro: int
    coupled: bool


@dataclass(slots=True)
class Report:
    """The outcome of a replay up to ``block``.

    With a database that is the block its index stands on; ``chain_head`` is the chain's latest.
    ``overdue`` is what anybody could do by now and nobody has: no fault of the records. Neither are
    ``gifts``: tokens that a contract holds beyond its books because somebody sent them there, nor
    ``erased``: how many rows, by table, people had erased that the chain never had.
    """

    chain_id: int
    block: int
    block_hash: str
    chain_head: int
    findings: list[Finding] = field(default_factory=list)
    overdue: list[Finding] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    rounds: list[RoundSummary] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    erased: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    @property
    def given(self) -> Counter[str]:
        """Micro-units given without a booking, by contract."""
        total: Counter[str] = Counter()
        for gift in self.gifts:
            total[gift.contract] += gift.amount
        return total

    def compare(self, place: str, key: str, what: str, found: Any, expected: Any) -> None:
        """Record a difference; ``found`` is the record's value, ``expected`` the chain's."""
        self.checked[place] += 1
        if found != expected:
            self.findings.append(Finding(place, key, what, f"is {found!r}, must be {expected!r}"))

    def to_json(self) -> dict[str, Any]:
        """Safe for JSON: integers beyond 2^53 as text."""
        return {
            "chainId": self.chain_id,
            "block": self.block,
            "blockHash": self.block_hash,
            "chainHead": self.chain_head,
            "equal": self.ok,
            "checked": dict(sorted(self.checked.items())),
            "rounds": [
                {
                    "market": done.market,
                    "round": done.round,
                    "orders": done.orders,
                    "tradedWh": str(done.traded_wh),
                    "gapMicro": str(done.gap_micro),
                    "welfareMicro": str(done.welfare_micro),
                    "coupled": done.coupled,
                }
                for done in self.rounds
            ],
            "findings": [finding.to_json() for finding in self.findings],
            "overdue": [each.to_json() for each in self.overdue],
            "givenMicro": {name: str(total) for name, total in sorted(self.given.items())},
            "gifts": [each.to_json() for each in self.gifts],
            "erased": dict(sorted(self.erased.items())),
        }

    def table(self) -> Group:
        """For a terminal."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        rounds = Table(title="Rounds proved again", title_justify="left")
        for heading in ("market", "round", "orders", "traded kWh", "welfare", "gap (micro)"):
            rounds.add_column(heading, justify="right")
        for done in self.rounds:
            rounds.add_row(
                str(done.market),
                str(done.round),
                str(done.orders),
                f"{done.traded_wh / 1_000:,.3f}",
                f"{done.welfare_micro / 1_000_000:,.6f}",
                str(done.gap_micro),
            )
        behind = self.chain_head - self.block
        lines = [
            f"chain {self.chain_id}, block {self.block} {self.block_hash}"
            + (f" (the database is {behind} blocks behind the chain)" if behind else ""),
            f"{sum(self.checked.values()):,} records and views checked",
        ]
        if self.overdue:
            lines.append(f"{len(self.overdue)} overdue, of no effect on what is checked:")
            lines += [f"  {each}" for each in self.overdue[:_SHOWN]]
        if self.gifts:
            lines.append("sent to contracts without a booking, of no effect on what is checked:")
            lines += [f"  {name} {total} micro" for name, total in sorted(self.given.items())]
            lines += [f"  {each}" for each in self.gifts[:_SHOWN]]
            if len(self.gifts) > _SHOWN:
                lines.append(f"  and {len(self.gifts) - _SHOWN} more (--json lists all)")
        if self.erased:
            rows = ", ".join(f"{name} {count}" for name, count in sorted(self.erased.items()))
            lines.append(f"erased at people's request, of no effect on what is checked: {rows}")
        if self.ok:
            verdict = Text("EQUAL: everything is what the chain says", style="bold green")
        else:
            verdict = Text(f"NOT EQUAL: {len(self.findings)} findings", style="bold red")
        shown = [Text(f"  {finding}") for finding in self.findings[:_SHOWN]]
        if len(self.findings) > _SHOWN:
            shown.append(Text(f"  and {len(self.findings) - _SHOWN} more (--json lists all)"))
        return Group(rounds, *lines, verdict, *shown)
