"""Explanations, books and curves on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from market.explanation.wording import energy, price

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
    table = _table(
        shown["product"], ("", "price a kWh", "offered", "filled", "orders", "yours", "")
    )
    for level in shown["items"][:_SHOWN]:
        own = int(level["own_offered_wh"])
        table.add_row(
            "bid" if level["side"] == "buy" else "offer",
            price(int(level["price_nano_per_kwh"])),
            energy(int(level["offered_wh"])),
            energy(int(level["filled_wh"])),
            str(level["orders"]),
            energy(own) if own else "",
            "implied" if level["implied"] else "",
        )
    _print(table, len(shown["items"]))


def curves(shown: Mapping[str, Any]) -> None:
    """Steps of demand, then of supply."""
    table = _table(shown["product"], ("", "price a kWh", "from", "until", ""))
    for step in shown["items"][:_SHOWN]:
        table.add_row(
            "demand" if step["side"] == "buy" else "supply",
            price(int(step["price_nano_per_kwh"])),
            energy(int(step["from_wh"])),
            energy(int(step["until_wh"])),
            "implied" if step["implied"] else "",
        )
    _print(table, len(shown["items"]))


def _table(product: Mapping[str, Any], columns: Sequence[str]) -> Table:
    at = price(int(product["price_nano_per_kwh"]))
    how = (
        f"nobody traded, indicative price {at}"
        if product["indicative"]
        else f"{energy(int(product['volume_wh']))} at {at} a kWh"
    )
    typer.echo(f"{product['name']}: {how}")
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold", justify="left" if name == "" else "right")
    return table


def _print(table: Table, count: int) -> None:
    console = Console()
    console.print(table)
    if count > _SHOWN:
        console.print(f"and {count - _SHOWN} more (--json lists all)")
