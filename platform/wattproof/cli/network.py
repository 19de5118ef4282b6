"""`wattproof network`: what connects a market's zones, and its account's orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.output import AsJson, print_facts, print_json, print_rows, working
from wattproof.terminal import Rows

if TYPE_CHECKING:
    from market.network import Network
    from market.order import Order
    from wattproof.cli.rest import RestClient

app = caller_group("Links and lines between zones, and the orders that carry energy over them.")

Market = Annotated[int, typer.Argument(min=0, help="Number of the market.")]
Round = Annotated[int, typer.Argument(min=1, help="Number of the round.")]
_AT_ONCE = 100
_LEGS_AT_ONCE = 4_000
"""A leg is some 60 bytes of a request that may have a mebibyte."""


@app.command()
def show(market: Market, caller: typer.Context, as_json: AsJson = False) -> None:
    """Show a market's network as it is published."""
    from wattproof.cli.rest import anonymous

    given: Caller = caller.obj
    with anonymous(given.url, given.data_dir) as client:
        found = client.get(f"/markets/{market}/network")
    if as_json:
        print_json(found)
        return
    print_facts(
        f"Network of market {market}",
        {
            "account": found["account"],
            "hash": found["network_hash"] + ("" if found["published"] else " (not yet published)"),
            "margin": f"{int(found['margin_micro_a_slot']) / 1e6:,.6f} a slot",
        },
    )
    _print_elements(found["network"])


def _print_elements(network: Any) -> None:
    rows = []
    for link in network["links"]:
        arrow = " both ways" if link["bothDirections"] else ""
        loss = f"{link['lossMillionths'] / 1e4:g} %"
        capacity = f"{int(link['capacityW']) / 1_000:,g}"
        ends = str(link["from"]), f"{link['to']}{arrow}"
        rows.append((link["name"], str(link["carrier"]), *ends, capacity, loss))
    for grid in network["grids"]:
        for line in grid["lines"]:
            limit = "-" if line["limitW"] is None else f"{int(line['limitW']) / 1_000:,g}"
            ends = str(line["from"]), str(line["to"])
            name = f"{line['name']} ({grid['name']})"
            rows.append((name, str(grid["carrier"]), *ends, limit, "meshed"))
    columns = ("name", "carrier", "from", "to", "capacity kW", "loss")
    print_rows(Rows("Links and lines", columns, rows, numbers=(4, 5)))


@app.command()
def orders(market: Market, round: Round, caller: typer.Context, as_json: AsJson = False) -> None:
    """Derive the network account's orders of a round, sign them with your key, hand them in.

    They follow from the published description alone and are computed here. Handing them in again
    changes nothing.
    """
    given: Caller = caller.obj
    with given.sign_in("network", "participant") as client:
        signed = _signed(client, market, round)
        with working(f"handing in {len(signed)} orders", quiet=as_json):
            receipts = [
                receipt
                for part in _parts(signed)
                for receipt in client.post("/orders/batch", {"orders": part})["receipts"]
            ]
    if as_json:
        print_json({"market": market, "round": round, "receipts": receipts})
        return
    typer.echo(f"{len(receipts)} orders of round {round} of market {market} are in the book")


def _signed(client: RestClient, market: int, number: int) -> list[dict[str, Any]]:
    """The orders with their signatures.

    Raises:
        InvalidError: the description is not the market's, or the key not the network account's.
    """
    from market.order import Domain, order_hash, order_to_json
    from wattproof.errors import InvalidError

    found = client.get(f"/markets/{market}/network")
    if found["account"] != client.signer.address:
        raise InvalidError(
            f"the network account of market {market} is {found['account']}, your key is "
            f"{client.signer.address}",
            code="other_account",
        )
    rules = client.get(f"/markets/{market}")["parameters"]
    network = _checked(found["network"], rules["networkHash"])
    said = client.get("/")["domain"]
    domain = Domain(int(said["chainId"]), str(said["verifyingContract"]))
    derived = _derived(client, network, market, number, int(rules["slotSeconds"]))
    return [
        {
            "order": order_to_json(order),
            "signature": "0x" + client.signer.sign_digest(order_hash(domain, order)).hex(),
        }
        for order in derived
    ]


def _checked(description: Any, expected: str) -> Network:
    from identity.canonical import canonical_json
    from market.network import NetworkError, from_description, network_hash
    from wattproof.errors import InvalidError

    try:
        content = canonical_json(description)
        if "0x" + network_hash(content).hex() != expected:
            raise NetworkError("this is not the description that the market was created with")
        return from_description(content)
    except (NetworkError, ValueError) as error:
        raise InvalidError(f"do not sign: {error}", code="unusable_network") from error


def _derived(
    client: RestClient, network: Network, market: int, number: int, slot_seconds: int
) -> Sequence[Order]:
    from market.network import network_orders
    from market.product import ProductGrid

    row = client.get(f"/rounds/{market}/{number}")
    grid = ProductGrid(network.carriers, network.zones, row["first_slot"], row["slots"])
    markets = client.get("/accounts/me")["markets"]
    epoch = next((each["epoch"] for each in markets if each["market"] == market), 0)
    return network_orders(network, market, number, grid, slot_seconds, client.signer.address, epoch)


def _parts(signed: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many orders as a request may bring."""
    part: list[dict[str, Any]] = []
    legs = 0
    for each in signed:
        more = len(each["order"]["legs"])
        if part and (len(part) == _AT_ONCE or legs + more > _LEGS_AT_ONCE):
            yield part
            part, legs = [], 0
        part.append(each)
        legs += more
    if part:
        yield part
