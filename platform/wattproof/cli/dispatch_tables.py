"""Dispatch plans on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wattproof.cli.output import print_facts

_SLOTS_SHOWN = 40
_MICRO = 1_000_000


def plans(items: Sequence[Mapping[str, Any]]) -> None:
    """One plan a row."""
    columns = ("plan", "state", "version", "market", "period", "round", "participant", "inputs of")
    table = _table("Dispatch plans", columns)
    for each in items:
        table.add_row(
            *(str(each[name]) for name in ("id", "state", "version", "market", "period")),
            str(each["round"] or "any"),
            each["participant"],
            each["inputs_at"],
        )
    Console().print(table if items else Text("no plans"))


def plan(shown: Mapping[str, Any], *, lines: bool) -> None:
    """Where a plan stands and what it amounts to; with ``lines`` also its power."""
    facts: dict[str, object] = {
        "state": shown["state"],
        "version": shown["version"],
        "market, period": f"{shown['market']}, {shown['period']}",
        "participant": shown["participant"],
        "plan": shown["plan"],
        "inputs": f"{shown['inputs']} of {shown['inputs_at']}",
    }
    for name, each in shown["indicators"].items():
        facts[name] = _value(each["value"], each["unit"])
    for each in shown["edits"]:
        facts[f"fixed {each['line']}[{each['slot']}]"] = f"{each['value_w']:,} W"
    if shown["approval"]:
        said = shown["approval"]
        facts["approval"] = f"{said['reason']} ({said['approver']})"
    if shown["revocation"]:
        facts["approval ended"] = shown["revocation"]["reason"]
    if shown["orders"]:
        facts["orders made from it"] = len(shown["orders"])
    print_facts(f"Dispatch plan {shown['id']}", facts)
    if lines:
        _power(shown)


def difference(found: Mapping[str, Any]) -> None:
    """Indicators before and after, and the slots that changed."""
    table = _table("What changes", ("", "before", "after", "change", ""))
    for each in found["indicators"]:
        unit, better = each["unit"], each["better"]
        table.add_row(
            each["name"],
            _value(each["before"], unit),
            _value(each["after"], unit),
            _value(each["change"], unit, signed=True),
            "" if better is None else ("better" if better else "worse"),
        )
    slots = _table("Slots", ("line", "slot", "before W", "after W"))
    for each in found["slots"][:_SLOTS_SHOWN]:
        slots.add_row(
            each["line"], str(each["slot"]), f"{each['before_w']:,}", f"{each['after_w']:,}"
        )
    console = Console()
    console.print(table)
    console.print(slots if found["slots"] else Text("no slot differs"))
    if len(found["slots"]) > _SLOTS_SHOWN:
        console.print(f"and {len(found['slots']) - _SLOTS_SHOWN} more slots (--json lists all)")


def steps(items: Sequence[Mapping[str, Any]]) -> None:
    """One step a row."""
    table = _table("Steps", ("", "step", "when", "who", "what", "hash"))
    for each in items:
        table.add_row(
            str(each["sequence"]),
            each["action"],
            each["at"],
            each["actor"],
            each["summary"],
            each["hash"][:18],
        )
    Console().print(table)


def _power(shown: Mapping[str, Any]) -> None:
    names = list(shown["lines"])
    fixed = {(each["line"], each["slot"]) for each in shown["edits"]}
    table = _table("Mean power, W (* fixed by a person)", ("slot", "UTC", *names))
    for slot in range(len(shown["lines"][names[0]])):
        start = (shown["first_slot"] + slot) * shown["slot_seconds"]
        powers = [
            f"{shown['lines'][name][slot]:,}{'*' if (name, slot) in fixed else ''}"
            for name in names
        ]
        table.add_row(str(slot), datetime.fromtimestamp(start, UTC).strftime("%H:%M"), *powers)
    Console().print(table)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _value(value: int, unit: str, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if unit == "micro":
        return f"{value / _MICRO:{sign},.6f}"
    return f"{value:{sign},} {unit}"
