"""A demo day's outcome, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, whether it does, and what was seen."""

    name: str
    ok: bool
    detail: str


class Figures(Protocol):
    """The day in numbers."""

    def to_json(self) -> dict[str, Any]:
        """By name, with the unit in the name."""
        ...

    def rows(self) -> list[tuple[str, str]]:
        """What a number is, and the number as people read it."""
        ...


class Comparison(Protocol):
    """Strategies, months or accounts side by side."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        ...

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        ...


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Figures, checks, and the strategies' table where strategies were compared.

    Attributes:
        input: where the numbers come from.
        notes: what else must be told of the input, a line each.
        further: other parts of the day as plain values, by name.
        parts: further tables, by name.
    """

    title: str
    input: Mapping[str, Any]
    figures: Figures
    checks: tuple[Check, ...]
    strategies: Comparison | None = None
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Comparison] = field(default_factory=dict)

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
            "figures": self.figures.to_json(),
            "checks": [asdict(check) for check in self.checks],
            "strategies": self.strategies.to_json() if self.strategies else None,
            **self.further,
            **{name: part.to_json() for name, part in self.parts.items()},
            "seconds": dict(self.seconds),
        }

    def _verdict(self, word: str, good: str) -> str:
        """What became of the checks whose name has the word."""
        checks = [check for check in self.checks if word in check.name]
        held = bool(checks) and all(check.ok for check in checks)
        said = good if held else f"NOT {good}"
        if len(checks) > 1:
            return f"{said} in all rounds" if held else said
        return ", ".join([said, *(check.detail for check in checks)])

    def table(self) -> Group:
        """For a terminal."""
        from rich.console import Group
        from rich.markup import escape
        from rich.table import Table
        from rich.text import Text

        figures = Table(title=escape(self.title), title_justify="left", show_header=False)
        figures.add_column(style="bold")
        figures.add_column()
        for name, value in self.figures.rows():
            figures.add_row(name, value)
        figures.add_row("Certificate", self._verdict("the certificate of", "verified"))
        figures.add_row("Replay", self._verdict("replay", "equal"))
        checks = Table(title="What must hold", title_justify="left", show_header=False)
        for column in ("", "check", "seen"):
            checks.add_column(column)
        for check in self.checks:
            mark = Text("pass", style="green") if check.ok else Text("FAIL", style="bold red")
            checks.add_row(mark, escape(check.name), escape(check.detail))
        parts: list[Any] = [figures, *map(Text, self.notes)]
        if self.strategies is not None:
            parts += self.strategies.shown()
        for part in self.parts.values():
            parts += part.shown()
        failed = sum(1 for check in self.checks if not check.ok)
        verdict = (
            Text(f"All {len(self.checks)} checks hold.", style="bold green")
            if not failed
            else Text(f"{failed} of {len(self.checks)} checks FAILED.", style="bold red")
        )
        return Group(*parts, checks, verdict)
