"""Quotas and compliance on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from market.explanation.wording import energy, money, price
from wattproof.cli import certificate_tables
from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows

_MILLION = 1_000_000


def quotas(items: Sequence[Mapping[str, Any]]) -> None:
    """Terms, one quota a row."""
    columns = (
        "quota",
        "market",
        "periods",
        "from",
        "surrender by",
        "technologies",
        "penalty a kWh",
        "bank",
    )
    rows = [
        (
            str(each["quota"]),
            str(each["market"]),
            str(each["periods"]),
            _moment(int(each["starts_at"])),
            _moment(int(each["surrender_by"])),
            ", ".join(map(str, each["technologies"])),
            price(int(each["penalty_nano_per_kwh"])),
            _percent(each["bank_limit"]),
        )
        for each in items
    ]
    _print(columns, rows, "nobody opened a quota")


def compliance(items: Sequence[Mapping[str, Any]]) -> None:
    """How each account stands."""
    columns = (
        "account",
        "standing",
        "of",
        "ratio",
        "metered",
        "owed",
        "surrendered",
        "lacks",
        "bond",
    )
    amounts = ("energy_wh", "owed_wh", "surrendered_wh", "left_wh")
    rows = [
        (
            each["account"],
            _standing(each),
            each["basis"],
            _percent(each["ratio"]),
            *(energy(int(each[name])) for name in amounts),
            money(int(each["bond_micro"])),
        )
        for each in items
    ]
    _print(columns, rows, "the quota obliges nobody")


def obligation(found: Mapping[str, Any]) -> None:
    """One account in full."""
    print_facts(f"Quota {found['quota']}", _facts(found))
    for each in found["surrenders"]:
        kind = "banked, " if each["banked"] else ""
        typer.echo(f"  {kind}{energy(int(each['amount_wh']))} of {each['batch']}")


def suggestion(found: Mapping[str, Any]) -> None:
    """What to surrender."""
    rows = [
        (
            each["batch"],
            energy(int(each["amount_wh"])),
            "yes" if each["banked"] else "no",
            _moment(int(each["expires_at"])),
        )
        for each in found["certificates"]
    ]
    _print(("certificate", "amount", "banked", "expires"), rows, "nothing to surrender")
    if int(found["lacking_wh"]):
        typer.echo(f"{energy(int(found['lacking_wh']))} would still lack")


def surrendered(done: Mapping[str, Any]) -> None:
    """What was given up, and how the account stands now."""
    certificate_tables.transactions(done["transactions"])
    print_facts(f"Quota {done['compliance']['quota']}", _facts(done["compliance"]))


def transactions(items: Sequence[Mapping[str, Any]]) -> None:
    """What was signed and mined."""
    certificate_tables.transactions(items)


def _facts(found: Mapping[str, Any]) -> dict[str, object]:
    return {
        "account": found["account"],
        "standing": _standing(found),
        "obliged to": f"{_percent(found['ratio'])} of {found['basis']}, meter {found['device']}",
        "metered": f"{energy(int(found['energy_wh']))} in {found['reported_periods']} periods",
        "owed": energy(int(found["owed_wh"])),
        "surrendered": f"{energy(int(found['surrendered_wh']))}, "
        f"{energy(int(found['banked_wh']))} of it banked",
        "lacks": energy(int(found["left_wh"])),
        "bond": money(int(found["bond_micro"])),
        "penalty paid": money(int(found["penalty_paid_micro"])),
    }


def _standing(each: Mapping[str, Any]) -> str:
    return str(each["standing"]).replace("_", " ")


def _percent(millionths: int) -> str:
    return f"{millionths * 100 / _MILLION:g} %"


def _moment(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"second {timestamp}"


def _print(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    if rows:
        print_rows(Rows("", columns, rows))
    else:
        typer.echo(nothing)
