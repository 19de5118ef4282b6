"""Green certificates on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from market.explanation.wording import energy
from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows

_SHOWN = 60
_MINUTES = 16


def holdings(summary: Mapping[str, Any]) -> None:
    """What is held by class and batch, offered and uncollected."""
    if not summary["held"] and not summary["places"]:
        typer.echo("you hold no certificates")
        return
    _print(
        "By class",
        ("technology", "zone", "vintage", "held", "expires"),
        [
            (
                *_texts(each, "technology", "zone", "vintage"),
                energy(int(each["held_wh"])),
                _day(each["expires_at"]),
            )
            for each in summary["held"]
        ],
    )
    _print(
        "By interval",
        ("interval", "technology", "held", "certificate"),
        [
            (
                _interval(each["batch"]),
                str(each["batch"]["technology"]),
                energy(int(each["held_wh"])),
                each["batch"]["batch"],
            )
            for each in summary["batches"]
        ],
    )
    amounts = ("offered_wh", "recalled_wh", "uncollected_wh")
    _print(
        "In markets",
        ("market", "vintage", "offered", "recalled", "to collect"),
        [
            (
                *_texts(each, "market", "vintage"),
                *(energy(int(each[name])) for name in amounts),
            )
            for each in summary["places"]
        ],
    )


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
    if not items:
        typer.echo("no certificates stand at these positions")
    rows = [
        (_interval(each["batch"]), energy(int(each["amount_wh"])), each["batch"]["batch"])
        for each in items
    ]
    _print("Certificates", ("interval", "amount", "certificate"), rows)


def devices(items: Sequence[Mapping[str, Any]]) -> None:
    """Certified devices."""
    if not items:
        typer.echo("no certificates are issued for any device here")
    told = ("device", "kind", "technology", "zone", "market", "from_period")
    rows = [
        (*_texts(each, *told), "" if each["until_period"] is None else str(each["until_period"]))
        for each in items
    ]
    columns = ("device", "kind", "technology", "zone", "market", "from period", "until period")
    _print("Devices", columns, rows)


def classes(items: Sequence[Mapping[str, Any]]) -> None:
    """Markets of certificates and their pools."""
    if not items:
        typer.echo("no market trades certificates here")
    rows = [
        (*_texts(each, "market", "technology", "zone"), *pool)
        for each in items
        for pool in [
            (str(pool["vintage"]), energy(int(pool["for_sale_wh"]))) for pool in each["pools"]
        ]
        or [("", "nothing yet")]
    ]
    _print("For sale", ("market", "technology", "zone", "vintage", "for sale"), rows)


def claims(items: Sequence[Mapping[str, Any]]) -> None:
    """What was retired."""
    if not items:
        typer.echo("nothing was retired")
    rows = [
        (each["beneficiary"], energy(int(each["amount_wh"])), each["purpose"], each["batch"])
        for each in items
    ]
    _print("Retired", ("beneficiary", "amount", "purpose", "certificate"), rows)


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


def _print(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """At most `_SHOWN` of the rows."""
    if not rows:
        return
    print_rows(Rows(title, columns, rows[:_SHOWN]))
    if len(rows) > _SHOWN:
        typer.echo(f"and {len(rows) - _SHOWN} more (--json lists all)")


def _texts(each: Mapping[str, Any], *names: str) -> list[str]:
    return [str(each[name]) for name in names]


def _interval(batch: Mapping[str, Any]) -> str:
    """As 2027-03-01 12:00 to 12:15; the second day only where it is another one."""
    begins, ends = batch["starts_at"].replace("T", " "), batch["ends_at"].replace("T", " ")
    is_same_day = _day(begins) == _day(ends)
    return f"{begins[:_MINUTES]} to {ends[11 if is_same_day else 0 : _MINUTES]}"


def _day(moment: str) -> str:
    return moment[:10]
