"""What became of a round: why orders were filled or not, its books, demand and supply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wattproof.cli.caller import Caller, DataDir, KeyFile, PassphraseFile, Url
from wattproof.cli.output import AsJson, print_json

if TYPE_CHECKING:
    from wattproof.cli.rest import RestReader

app = typer.Typer(no_args_is_help=True)

Round = Annotated[int, typer.Argument(metavar="ROUND", min=1, help="Number of the round.")]
Market = Annotated[int, typer.Option(min=0, help="Number of the market.")]
Product = Annotated[
    str, typer.Option(help="carrier/zone/slot, such as electricity/north/34; or its number.")
]


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller, and as what it reads."""

    caller: Caller
    scope: str


@app.callback()
def reader_of(
    context: typer.Context,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    url: Url = None,
    data_dir: DataDir = None,
    scope: Annotated[
        Literal["participant", "operator", "regulator"],
        typer.Option("--as", help="Operator and regulator see all orders."),
    ] = "participant",
) -> None:
    """Ask why orders were filled or not, and see books, demand and supply of cleared rounds.

    Books and curves of settled rounds need no key; your own orders need yours.
    """
    context.obj = Reader(Caller(key, passphrase_file, url, data_dir), scope)


@app.command()
def explain(
    round_number: Round,
    context: typer.Context,
    market: Market = 1,
    order: Annotated[
        str | None, typer.Option(help="Hash of an order of yours; default: all of them.")
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(help="Explain this product's price instead; see `wattproof market book`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why your orders were filled or not, and what would have helped; or why a price is so."""
    if order is not None and product is not None:
        raise typer.BadParameter("explain an order or a product, one at a time")
    place = _place(market, round_number)
    if product is not None:
        with _reading(context) as client:
            said = client.get(f"{place}/constraints", product=product)
        _say(said, as_json, *said["sentences"])
        return
    with _reading(context, needs_key=True) as client:
        if order is not None:
            found = client.get(f"{place}/orders/{order}/explanation")
            _say(found, as_json, *found["sentences"])
            return
        listed = client.get_all(f"{place}/explanations")
    if as_json:
        print_json(listed)
        return
    from wattproof.cli import market_tables

    market_tables.explanations(listed["items"])


@app.command()
def book(
    round_number: Round,
    product: Product,
    context: typer.Context,
    market: Market = 1,
    as_json: AsJson = False,
) -> None:
    """Show a product's order book: what was bid and offered at which price, and filled."""
    with _reading(context) as client:
        shown = client.get_all(f"{_place(market, round_number)}/book", product=product)
    if as_json:
        print_json(shown)
        return
    from wattproof.cli import market_tables

    market_tables.book(shown)


@app.command()
def curve(
    round_number: Round,
    product: Product,
    context: typer.Context,
    market: Market = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw it into this .svg or .png file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a product's demand and supply as steps, and where they met; or draw them."""
    from wattproof.cli import curve_steps

    if output is not None:
        curve_steps.check_drawable(output)
    with _reading(context) as client:
        shown = client.get_all(f"{_place(market, round_number)}/curves", product=product)
    steps = curve_steps.arrays(shown)
    if output is not None:
        from wattproof.cli.curve_drawing import draw

        draw(steps, output)
    if as_json:
        print_json(steps if output is None else steps | {"drawing": str(output)})
    elif output is not None:
        typer.echo(f"wrote {output}")
    else:
        from wattproof.cli import market_tables

        market_tables.curves(shown)


def _place(market: int, number: int) -> str:
    return f"/markets/{market}/rounds/{number}"


def _say(found: Any, as_json: bool, *sentences: str) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo("\n".join(sentences))


@contextmanager
def _reading(context: typer.Context, *, needs_key: bool = False) -> Iterator[RestReader]:
    from wattproof.cli.rest import anonymous

    reader: Reader = context.obj
    caller = reader.caller
    if caller.key is not None or needs_key or reader.scope != "participant":
        scopes = dict.fromkeys(("participant", reader.scope))
        with caller.sign_in("market", *scopes) as client:
            yield client
        return
    with anonymous(caller.url, caller.data_dir) as visitor:
        yield visitor
