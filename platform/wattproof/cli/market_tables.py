"""Explanations, books and curves on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from market.explanation.wording import energy, price
from wattproof.cli.output import print_rows
from wattproof.terminal import Rows

_SHOWN = 60


def explanations(items: Sequence[Mapping[str, Any]]) -> None:
    """Every order with its reason and its sentences."""
    if not items:
        typer.echo("no order of yours is in this round's book")
    for each in items:
        typer.echo(f"{each['order_hash']}  {each['reason'].replace('_', ' ')}")
        for sentence in each["sentences"]:
            typer.echo(f"  {sentence}")


def book(shown: Mapping[str, Any]) -> None:
    """Levels, dearest bids first, then cheapest offers."""
    columns = ("side", "price a kWh", "offered", "filled", "orders", "yours", "kind")
    rows = []
    for level in shown["items"]:
        own = int(level["own_offered_wh"])
        rows.append(
            (
                "bid" if level["side"] == "buy" else "offer",
                price(int(level["price_nano_per_kwh"])),
                energy(int(level["offered_wh"])),
                energy(int(level["filled_wh"])),
                str(level["orders"]),
                energy(own) if own else "",
                "implied" if level["implied"] else "",
            )
        )
    _print(shown["product"], columns, rows, numbers=(1, 2, 3, 4, 5))


def curves(shown: Mapping[str, Any]) -> None:
    """Steps of demand, then of supply."""
    columns = ("side", "price a kWh", "from", "until", "kind")
    rows = [
        (
            "demand" if step["side"] == "buy" else "supply",
            price(int(step["price_nano_per_kwh"])),
            energy(int(step["from_wh"])),
            energy(int(step["until_wh"])),
            "implied" if step["implied"] else "",
        )
        for step in shown["items"]
    ]
    _print(shown["product"], columns, rows, numbers=(1, 2, 3))


def _print(
    product: Mapping[str, Any],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int],
) -> None:
    at = price(int(product["price_nano_per_kwh"]))
    how = (
        f"nobody traded, indicative price {at}"
        if product["indicative"]
        else f"{energy(int(product['volume_wh']))} at {at} a kWh"
    )
    typer.echo(f"{product['name']}: {how}")
    print_rows(Rows("", columns, rows[:_SHOWN], numbers))
    if len(rows) > _SHOWN:
        typer.echo(f"and {len(rows) - _SHOWN} more (--json lists all)")
