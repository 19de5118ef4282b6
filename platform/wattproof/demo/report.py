"""The demo day's outcome, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from wattproof.demo.strategies import StrategyTable, matched_runs

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, whether it does, and what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The day in numbers: energy in kWh, power in kW, money in settlement tokens.

    Costs are those of all vehicle owners together: ``energy_cost`` at market prices, traded or
    not; ``imbalance_cost`` what deviations cost beyond that; ``missing_cost`` charges needed energy
    that was not served at the mean price uncontrolled charging paid for it. ``uncontrolled_cost``
    is what charging at once would have cost on the same supplier's terms, wear included.
    """

    orders: int
    filled_orders: int
    traded_kwh: float
    discharged_kwh: float
    lowest_price: float
    highest_price: float
    peak_kw: float
    uncontrolled_peak_kw: float
    energy_served: float
    uncontrolled_cost: float
    energy_cost: float
    imbalance_cost: float
    wear_cost: float
    missing_cost: float
    best_owner_saving: float
    owners: int
    gas_per_order: float
    chunks: int
    gap_micro: int
    welfare: float
    dust_micro: int

    @property
    def saving(self) -> float:
        """What all owners together saved against charging at once."""
        return (
            self.uncontrolled_cost
            - self.energy_cost
            - self.imbalance_cost
            - self.wear_cost
            - self.missing_cost
        )


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Figures, checks, and where real sessions were run, the strategies' table."""

    title: str
    input: Mapping[str, Any]
    figures: Figures
    checks: tuple[Check, ...]
    strategies: StrategyTable | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "title": self.title,
            "ok": self.ok,
            "input": dict(self.input),
            "figures": {**asdict(self.figures), "saving": self.figures.saving},
            "checks": [asdict(check) for check in self.checks],
            "strategies": _strategies_json(self.strategies),
            "seconds": dict(self.seconds),
        }

    def _verdict(self, word: str, good: str) -> str:
        """What became of the checks whose name has the word."""
        checks = [check for check in self.checks if word in check.name]
        held = bool(checks) and all(check.ok for check in checks)
        return ", ".join([good if held else f"NOT {good}", *(check.detail for check in checks)])

    def table(self) -> Group:
        """For a terminal."""
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table
        from rich.text import Text

        figures = Table(title=escape(self.title), title_justify="left", show_header=False)
        figures.add_column(style="bold")
        figures.add_column()
        for name, value in _rows(self.figures):
            figures.add_row(name, value)
        figures.add_row("Certificate", self._verdict("certificate", "verified"))
        figures.add_row("Replay", self._verdict("replay", "equal"))
        checks = Table(title="What must hold", title_justify="left", show_header=False)
        for column in ("", "check", "seen"):
            checks.add_column(column)
        for check in self.checks:
            mark = Text("pass", style="green") if check.ok else Text("FAIL", style="bold red")
            checks.add_row(mark, escape(check.name), escape(check.detail))
        parts: list[Any] = [figures]
        parts += [Text(line) for line in self.input.get("days", [])]
        parts += [
            Text(f"{self.input[key]} bad rows of the {key.removeprefix('skipped_')} skipped")
            for key in ("skipped_sessions", "skipped_prices")
            if self.input.get(key)
        ]
        if self.strategies is not None:
            parts += [_strategies(self.strategies), *matched_runs(self.strategies.matches)]
        failed = sum(1 for check in self.checks if not check.ok)
        verdict = (
            Text(f"All {len(self.checks)} checks hold.", style="bold green")
            if not failed
            else Text(f"{failed} of {len(self.checks)} checks FAILED.", style="bold red")
        )
        return Group(*parts, checks, verdict)


def _rows(day: Figures) -> list[tuple[str, str]]:
    share = day.saving / day.uncontrolled_cost if day.uncontrolled_cost else 0.0
    shaved = 1.0 - day.peak_kw / day.uncontrolled_peak_kw if day.uncontrolled_peak_kw else 0.0
    chunks = f", in {day.chunks} chunks" if day.chunks else ", in one transaction"
    return [
        ("Orders", f"{day.orders:,} signed, {day.filled_orders:,} filled"),
        (
            "Energy traded",
            f"{day.traded_kwh:,.1f} kWh, {day.discharged_kwh:,.1f} kWh from batteries",
        ),
        ("Price range", f"{day.lowest_price:.4f} to {day.highest_price:.4f} a kWh"),
        (
            "Feeder peak",
            f"{day.peak_kw:,.1f} kW instead of {day.uncontrolled_peak_kw:,.1f} kW uncontrolled "
            f"({shaved:.1%} shaved)",
        ),
        ("Energy served", f"{day.energy_served:.1%} of what the drivers needed"),
        (
            "Owners paid",
            f"{_money(day.energy_cost)} energy, {_money(day.imbalance_cost)} imbalance, "
            f"{_money(day.wear_cost)} wear; {_money(day.missing_cost)} counted as unserved",
        ),
        (
            f"{day.owners} owners saved",
            f"{_money(day.saving)} of {_money(day.uncontrolled_cost)} uncontrolled ({share:.1%}); "
            f"the best one {_money(day.best_owner_saving)}",
        ),
        ("Settlement", f"{day.gas_per_order:,.0f} gas an order{chunks}"),
    ]


def _money(tokens: float) -> str:
    """Hundredths of a token, without a minus before zero."""
    return f"{round(tokens, 2) + 0.0:,.2f}"


def _strategies(table: StrategyTable) -> Any:
    from rich.table import Table

    shown = Table(
        title=f"Strategies on {table.sessions:,} sessions, {table.first_day} to {table.last_day}",
        title_justify="left",
    )
    shown.add_column("strategy", no_wrap=True)
    for heading in ("cost", "saving", "served", "peak kW", "daily peak"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in table.rows:
        shown.add_row(
            str(row["strategy"]),
            f"{row['cost']:,.2f}",
            f"{row['saving_share']:.2%}",
            f"{row['energy_served']:.2%}",
            f"{row['peak_kw']:,.1f}",
            f"{row['mean_daily_peak_kw']:,.1f}",
        )
    return shown


def _strategies_json(table: StrategyTable | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {
        "sessions": table.sessions,
        "firstDay": str(table.first_day),
        "lastDay": str(table.last_day),
        "rows": [dict(row) for row in table.rows],
        "matches": [
            {"day": str(m.session_day), "prices": str(m.price_day), "reason": m.reason}
            for m in table.matches
        ],
    }
