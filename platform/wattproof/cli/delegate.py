"""`wattproof delegate`: who may sign your orders in a market, within which bounds."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.output import AsJson, print_facts, print_json, working

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient

app = caller_group(
    """
    Let one key at a time sign your orders in a market, round after round, within bounds.

    It moves no money and ends when you say. A change made before a gate acts at that gate. Your key
    signs on this machine, after what the installation asks for was compared with the command.
    """
)

Market = Annotated[int, typer.Option(min=1, help="The market.")]
Relay = Annotated[
    bool, typer.Option("--relay", help="Sign it, and let the operator send it and pay.")
]
ChainTime = Annotated[
    bool,
    typer.Option("--chain-time", help="With --relay: the chain's time may be ahead of ours."),
]


@app.command()
def authorise(
    caller: typer.Context,
    delegate: Annotated[str, typer.Option(help="Address of the key that is to sign.")],
    until: Annotated[
        str, typer.Option(help="A gate then is too late: 2030-01-01, or with a time; UTC.")
    ],
    buy_kwh: Annotated[str, typer.Option(help="Energy it may buy a round.")] = "0",
    sell_kwh: Annotated[str, typer.Option(help="Energy it may sell a round.")] = "0",
    highest_bid: Annotated[
        str | None, typer.Option(help="Tokens a kWh it may pay at most.", show_default=False)
    ] = None,
    lowest_ask: Annotated[
        str | None, typer.Option(help="Tokens a kWh it must ask at least.", show_default=False)
    ] = None,
    market: Market = 1,
    relay: Relay = False,
    chain_time: ChainTime = False,
    as_json: AsJson = False,
) -> None:
    """Name your delegate in a market; it replaces the one before."""
    from wattproof.cli.delegate_arguments import read_session

    session = read_session(delegate, until, buy_kwh, sell_kwh, highest_bid, lowest_ask)
    with _own(caller) as client, working("waiting for the chain", quiet=as_json):
        from wattproof.cli.delegate_changes import authorise as name

        done = name(client, market, session, relay=relay, chain_time=chain_time)
        found = client.get(f"/delegations/{market}/{client.signer.address}")
    _say(done | {"delegation": found}, as_json)


@app.command()
def revoke(
    caller: typer.Context,
    market: Market = 1,
    relay: Relay = False,
    chain_time: ChainTime = False,
    as_json: AsJson = False,
) -> None:
    """Dismiss your delegate in a market; from the next gate on nothing that it signed counts."""
    with _own(caller) as client, working("waiting for the chain", quiet=as_json):
        from wattproof.cli.delegate_changes import revoke as dismiss

        done = dismiss(client, market, relay=relay, chain_time=chain_time)
        found = client.get(f"/delegations/{market}/{client.signer.address}")
    _say(done | {"delegation": found}, as_json)


@app.command()
def show(
    caller: typer.Context,
    account: Annotated[
        str | None,
        typer.Argument(
            metavar="[ACCOUNT]",
            help="Whose delegate; default: all that you named, and all who named you.",
            show_default=False,
        ),
    ] = None,
    market: Annotated[
        int | None, typer.Option(min=1, help="The market; with an account: 1 if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who signs for whom: for you, and for whom you do."""
    from wattproof.cli.certificate_arguments import read_address

    whose = None if account is None else read_address(account)
    with _own(caller) as client:
        if whose is not None:
            found = [client.get(f"/delegations/{market or 1}/{whose}")]
        else:
            listed = client.get_all("/delegations")["items"]
            found = [each for each in listed if market in (None, each["market"])]
        own = client.signer.address
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("you named no delegate, and nobody named you")
    else:
        for each in found:
            _print(each, own)


def _own(caller: typer.Context) -> AbstractContextManager[RestClient]:
    options: Caller = caller.obj
    return options.sign_in("delegate", "participant")


def _say(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    found = done["delegation"]
    by = " by the operator" if done["relayed"] else ""
    typer.echo(f"{done['title']}: mined{by} in block {done['block_number']}")
    _print(found, found["account"])


def _print(found: dict[str, Any], own: str) -> None:
    from market.explanation.wording import energy, price

    session = found["session"]
    title = f"market {found['market']}, from round {found['from_round']} on"
    account = found["account"] + (" (you)" if found["account"] == own else "")
    if session is None:
        print_facts(title, {"account": account, "delegate": "nobody"})
        return
    buys, sells = int(session["buy_wh"]), int(session["sell_wh"])
    bid = price(int(session["max_price_nano_per_kwh"]))
    ask = price(int(session["min_price_nano_per_kwh"]))
    print_facts(
        title,
        {
            "account": account,
            "delegate": session["delegate"] + (" (you)" if session["delegate"] == own else ""),
            "until": session["until"],
            "buys a round": f"{energy(buys)} at {bid} a kWh at most" if buys else "nothing",
            "sells a round": f"{energy(sells)} at {ask} a kWh at least" if sells else "nothing",
        },
    )
