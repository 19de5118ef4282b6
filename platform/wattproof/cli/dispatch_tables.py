"""Dispatch plans on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows

_SLOTS_SHOWN = 40
_MICRO = 1_000_000


def plans(items: Sequence[Mapping[str, Any]]) -> None:
    """One plan a row."""
    columns = ("plan", "state", "version", "market", "period", "round", "participant", "inputs of")
    rows = [
        (
            *(str(each[name]) for name in ("id", "state", "version", "market", "period")),
            str(each["round"] or "any"),
            each["participant"],
            each["inputs_at"],
        )
        for each in items
    ]
    if rows:
        print_rows(Rows("Dispatch plans", columns, rows, numbers=(2, 3, 4)))
    else:
        typer.echo("no plans")


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
    changes = [
        (
            each["name"],
            _value(each["before"], each["unit"]),
            _value(each["after"], each["unit"]),
            _value(each["change"], each["unit"], signed=True),
            "" if each["better"] is None else ("better" if each["better"] else "worse"),
        )
        for each in found["indicators"]
    ]
    columns = ("indicator", "before", "after", "change", "verdict")
    print_rows(Rows("What changes", columns, changes, numbers=(1, 2, 3)))
    slots = [
        (each["line"], str(each["slot"]), f"{each['before_w']:,}", f"{each['after_w']:,}")
        for each in found["slots"]
    ]
    if not slots:
        typer.echo("no slot differs")
        return
    heads = ("line", "slot", "before W", "after W")
    print_rows(Rows("Slots", heads, slots[:_SLOTS_SHOWN], numbers=(1, 2, 3)))
    if len(slots) > _SLOTS_SHOWN:
        typer.echo(f"and {len(slots) - _SLOTS_SHOWN} more slots (--json lists all)")


def steps(items: Sequence[Mapping[str, Any]]) -> None:
    """One step a row."""
    rows = [
        (
            str(each["sequence"]),
            each["action"],
            each["at"],
            each["actor"],
            each["summary"],
            each["hash"][:18],
        )
        for each in items
    ]
    print_rows(Rows("Steps", ("no.", "step", "when", "who", "what", "hash"), rows, numbers=(0,)))


def _power(shown: Mapping[str, Any]) -> None:
    names = list(shown["lines"])
    fixed = {(each["line"], each["slot"]) for each in shown["edits"]}
    rows = []
    for slot in range(len(shown["lines"][names[0]])):
        start = (shown["first_slot"] + slot) * shown["slot_seconds"]
        powers = [
            f"{shown['lines'][name][slot]:,}{'*' if (name, slot) in fixed else ''}"
            for name in names
        ]
        rows.append((str(slot), datetime.fromtimestamp(start, UTC).strftime("%H:%M"), *powers))
    columns = ("slot", "UTC", *names)
    numbers = (0, *range(2, len(columns)))
    print_rows(Rows("Mean power, W (* fixed by a person)", columns, rows, numbers))


def _value(value: int, unit: str, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if unit == "micro":
        return f"{value / _MICRO:{sign},.6f}"
    return f"{value:{sign},} {unit}"
