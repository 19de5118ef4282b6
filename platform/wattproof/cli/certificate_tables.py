"""Green certificates on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from market.explanation.wording import energy
from wattproof.cli.output import print_facts

_SHOWN = 60
_MINUTES = 16


def holdings(summary: Mapping[str, Any]) -> None:
    """What is held by class and batch, offered and uncollected."""
    if not summary["held"] and not summary["places"]:
        typer.echo("you hold no certificates")
        return
    classes_held = _table("By class", "technology", "zone", "vintage", "held", "expires")
    for each in summary["held"]:
        classes_held.add_row(
            *_texts(each, "technology", "zone", "vintage"),
            energy(int(each["held_wh"])),
            _day(each["expires_at"]),
        )
    _print(classes_held, len(summary["held"]))
    batches = _table("By interval", "interval", "technology", "held", "certificate")
    for each in summary["batches"][:_SHOWN]:
        batch = each["batch"]
        batches.add_row(
            _interval(batch),
            str(batch["technology"]),
            energy(int(each["held_wh"])),
            batch["batch"],
        )
    _print(batches, len(summary["batches"]))
    places = _table("In markets", "market", "vintage", "offered", "recalled", "to collect")
    for each in summary["places"]:
        amounts = (each[name] for name in ("offered_wh", "recalled_wh", "uncollected_wh"))
        places.add_row(
            *_texts(each, "market", "vintage"), *(energy(int(amount)) for amount in amounts)
        )
    _print(places, len(summary["places"]))


def provenance(found: Mapping[str, Any]) -> None:
    """One certificate, each step with its transaction."""
    batch, device, reading = found["batch"], found["device"], found["reading"]
    facts: dict[str, object] = {
        "technology, zone": f"{batch['technology']}, {batch['zone']}",
        "interval": _interval(batch),
        "expires": _day(batch["expires_at"]),
        "issued": f"{energy(batch['issued_wh'])} to {found['issued_to']}",
        "issued in": found["issued_in"],
        "retired": energy(batch["retired_wh"]),
        "expired": energy(batch["expired_wh"]),
        "device": f"{device['device']} ({device['kind']}, meter of {device['account']})",
        "reading": f"period {found['period']}, slot {reading['slot']}: {reading['value_wh']} Wh",
        "reading posted in": reading["posted_in"],
    }
    if reading["resolved_in"]:
        facts["dispute resolved in"] = reading["resolved_in"]
    if found["also_from"]:
        facts["charged with"] = found["also_from"]
    print_facts(f"Certificate {batch['batch']}", facts)


def pieces(items: Sequence[Mapping[str, Any]]) -> None:
    """Certificates at positions of a pool."""
    table = _table("Certificates", "interval", "amount", "certificate")
    for each in items[:_SHOWN]:
        batch = each["batch"]
        table.add_row(_interval(batch), energy(int(each["amount_wh"])), batch["batch"])
    _print(table, len(items))


def devices(items: Sequence[Mapping[str, Any]]) -> None:
    """Certified devices."""
    table = _table("Devices", "device", "kind", "technology", "zone", "market", "from", "until")
    for each in items[:_SHOWN]:
        until = each["until_period"]
        table.add_row(
            *_texts(each, "device", "kind", "technology", "zone", "market", "from_period"),
            "" if until is None else str(until),
        )
    _print(table, len(items), "no certificates are issued for any device here")


def classes(items: Sequence[Mapping[str, Any]]) -> None:
    """Markets of certificates and their pools."""
    table = _table("For sale", "market", "technology", "zone", "vintage", "for sale")
    for each in items:
        kind = _texts(each, "market", "technology", "zone")
        for pool in each["pools"]:
            table.add_row(*kind, str(pool["vintage"]), energy(int(pool["for_sale_wh"])))
        if not each["pools"]:
            table.add_row(*kind, "", "nothing yet")
    _print(table, len(items), "no market trades certificates here")


def claims(items: Sequence[Mapping[str, Any]]) -> None:
    """What was retired."""
    table = _table("Retired", "beneficiary", "amount", "purpose", "certificate")
    for each in items[:_SHOWN]:
        table.add_row(
            each["beneficiary"], energy(int(each["amount_wh"])), each["purpose"], each["batch"]
        )
    _print(table, len(items), "nothing was retired")


def done(verb: str, found: Mapping[str, Any]) -> None:
    """What was done with how many, and in which transactions."""
    count = len(found["certificates"])
    typer.echo(f"{verb} {energy(found['amount_wh'])} of {count} batch{'' if count == 1 else 'es'}")
    transactions(found["transactions"])


def transactions(items: Sequence[Mapping[str, Any]]) -> None:
    """What was signed and mined."""
    if not items:
        typer.echo("nothing to do")
    for each in items:
        typer.echo(f"  {each['title']}: {each['hash']} in block {each['block_number']}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _print(table: Table, count: int, nothing: str = "") -> None:
    if count == 0:
        if nothing:
            typer.echo(nothing)
        return
    console = Console()
    console.print(table)
    if count > _SHOWN:
        console.print(f"and {count - _SHOWN} more (--json lists all)")


def _texts(each: Mapping[str, Any], *names: str) -> list[str]:
    return [str(each[name]) for name in names]


def _interval(batch: Mapping[str, Any]) -> str:
    """As 2027-03-01 12:00 to 12:15."""
    begins, ends = batch["starts_at"].replace("T", " "), batch["ends_at"].replace("T", " ")
    return f"{begins[:_MINUTES]} to {ends[11:_MINUTES]}"


def _day(moment: str) -> str:
    return moment[:10]
