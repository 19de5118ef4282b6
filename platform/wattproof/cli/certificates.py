"""Green certificates from the command line: what one holds, where it comes from, and its use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.certificates.ids import slot_of
from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.certificate_arguments import (
    one_by_one,
    portions,
    read_address,
    read_batch,
    read_charge,
)
from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient, RestReader

app = caller_group(
    """
    Hold, trace, sell, retire and transfer green certificates; one is one Wh.

    What is public on the chain needs no key. Your key signs on this machine, after the call that
    the installation asks for was compared with yours.
    """
)

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="The certificate's ERC-1155 id.")]
Market = Annotated[int, typer.Argument(metavar="MARKET", min=0, help="It trades certificates.")]
Vintage = Annotated[
    int, typer.Argument(metavar="VINTAGE", min=0, help="30 days, counted from 1970.")
]
Given = Annotated[
    list[str] | None, typer.Argument(metavar="[BATCH=WH]...", help="Certificates, each in Wh.")
]
Wh = Annotated[
    int | None, typer.Option("--wh", min=1, help="So many of yours instead, the oldest first.")
]
Technology = Annotated[int | None, typer.Option(min=1, max=255, help="With --wh: only this one.")]
Zone = Annotated[int | None, typer.Option(min=0, help="With --wh: only of this zone.")]
OfVintage = Annotated[int | None, typer.Option("--vintage", min=0, help="With --wh: only of it.")]


# -- looking ---------------------------------------------------------------------------------------


@app.command("list")
def list_holdings(
    caller: typer.Context,
    expires_by: Annotated[
        str | None, typer.Option(help="Only what expires by then, such as 2028-03-01.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what you hold, offer and have not collected."""
    with _own(caller) as client:
        summary = client.get("/certificates/me")
        summary["batches"] = client.get_all("/certificates/holdings", expires_by=expires_by)[
            "items"
        ]
    _say(summary, as_json, lambda tables: tables.holdings(summary))


@app.command()
def show(batch: Batch, caller: typer.Context, as_json: AsJson = False) -> None:
    """Show a certificate down to its device, its interval and the reading that proves it."""
    with _anyone(caller) as reader:
        found = reader.get(f"/certificates/batches/{read_batch(batch)}/provenance")
    _say(found, as_json, lambda tables: tables.provenance(found))


@app.command()
def parcel(
    market: Market,
    vintage: Vintage,
    start: Annotated[int, typer.Option(min=0, help="First position in the pool.")],
    length: Annotated[int, typer.Option(min=1, help="Positions, one a Wh.")],
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Show which certificates stand at positions of a sale pool."""
    with _anyone(caller) as reader:
        found = reader.get(
            f"/certificates/pools/{market}/{slot_of(vintage)}/positions",
            start=start,
            length=length,
        )
    _say(found, as_json, lambda tables: tables.pieces(found["items"]))


@app.command()
def devices(
    caller: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only its meters.")] = None,
    as_json: AsJson = False,
) -> None:
    """List devices for which certificates are issued."""
    whose = None if account is None else read_address(account)
    with _anyone(caller) as reader:
        found = reader.get_all("/certificates/devices", account=whose)
    _say(found, as_json, lambda tables: tables.devices(found["items"]))


@app.command()
def classes(caller: typer.Context, as_json: AsJson = False) -> None:
    """List markets of certificates, and what is for sale of each vintage."""
    with _anyone(caller) as reader:
        found = reader.get("/certificates/classes")
    _say(found, as_json, lambda tables: tables.classes(found["items"]))


@app.command()
def claims(
    caller: typer.Context,
    beneficiary: Annotated[str | None, typer.Option(help="Only for this address.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was retired, for whom and what for."""
    whom = None if beneficiary is None else read_address(beneficiary)
    with _anyone(caller) as reader:
        found = reader.get_all("/certificates/claims", beneficiary=whom)
    _say(found, as_json, lambda tables: tables.claims(found["items"]))


# -- acting ----------------------------------------------------------------------------------------


@app.command()
def transfer(
    caller: typer.Context,
    to: Annotated[str, typer.Option(help="Address of the new holder.")],
    certificates: Given = None,
    wh: Wh = None,
    technology: Technology = None,
    zone: Zone = None,
    vintage: OfVintage = None,
    as_json: AsJson = False,
) -> None:
    """Hand certificates to somebody."""
    from wattproof.cli.transacting import Call, named, send

    receiver = read_address(to)
    with _own(caller) as client, working("signing", quiet=as_json):

        def act(part: list[dict[str, Any]]) -> list[Any]:
            arguments = (client.signer.address, receiver, *named(part), b"")
            call = Call("GreenCertificates", "safeBatchTransferFrom", arguments)
            body = {"to": receiver, "certificates": part}
            return send(client, "/certificates/transfers", body, call)

        kind = {"technology": technology, "zone": zone, "vintage": vintage}
        done = one_by_one(portions(client, certificates or [], wh, kind), act)
    _say(done, as_json, lambda tables: tables.done("transferred", done))


@app.command()
def retire(
    caller: typer.Context,
    purpose: Annotated[str, typer.Option(help="What for; it is on the chain for ever.")],
    certificates: Given = None,
    beneficiary: Annotated[
        str | None, typer.Option(help="Address for whom they are claimed; default: you.")
    ] = None,
    wh: Wh = None,
    technology: Technology = None,
    zone: Zone = None,
    vintage: OfVintage = None,
    as_json: AsJson = False,
) -> None:
    """Claim certificates for somebody. They never move again."""
    from wattproof.cli.transacting import Call, named, send

    with _own(caller) as client, working("signing", quiet=as_json):
        whom = read_address(beneficiary or client.signer.address)

        def act(part: list[dict[str, Any]]) -> list[Any]:
            arguments = (client.signer.address, *named(part), whom, purpose)
            call = Call("GreenCertificates", "retire", arguments)
            body = {"certificates": part, "beneficiary": whom, "purpose": purpose}
            return send(client, "/certificates/retirements", body, call)

        kind = {"technology": technology, "zone": zone, "vintage": vintage}
        done = one_by_one(portions(client, certificates or [], wh, kind), act)
    _say(done, as_json, lambda tables: tables.done("retired", done))


@app.command()
def offer(
    market: Market,
    vintage: Vintage,
    caller: typer.Context,
    certificates: Given = None,
    wh: Wh = None,
    as_json: AsJson = False,
) -> None:
    """Offer certificates for sale; orders sell them, in rounds whose gate is still to come."""
    from wattproof.cli.transacting import Call, named, send

    with _own(caller) as client, working("signing", quiet=as_json):

        def act(part: list[dict[str, Any]]) -> list[Any]:
            call = Call("GreenCertificates", "offer", (market, slot_of(vintage), *named(part)))
            body = {"market": market, "slot": slot_of(vintage), "certificates": part}
            return send(client, "/certificates/offers", body, call)

        kind = _class_of(client, market) | {"vintage": vintage} if wh is not None else {}
        done = one_by_one(portions(client, certificates or [], wh, kind), act)
    _say(done, as_json, lambda tables: tables.done("offered", done))


@app.command()
def recall(
    market: Market,
    vintage: Vintage,
    wh: Annotated[int, typer.Argument(metavar="WH", min=1, help="How many.")],
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Announce that offered certificates come back; then `complete`, then `collect`."""
    from wattproof.cli.transacting import Call, send

    with _own(caller) as client, working("signing", quiet=as_json):
        call = Call("GreenCertificates", "requestRecall", (market, slot_of(vintage), wh))
        body = {"market": market, "slot": slot_of(vintage), "amount_wh": wh}
        done = {"transactions": send(client, "/certificates/offers/recall", body, call)}
    _say(done, as_json, lambda tables: tables.transactions(done["transactions"]))


@app.command()
def complete(
    market: Market, vintage: Vintage, caller: typer.Context, as_json: AsJson = False
) -> None:
    """Take recalled certificates out of the pool, once no earlier round can sell them."""
    from wattproof.cli.transacting import Call, send

    with _own(caller) as client, working("signing", quiet=as_json):
        call = Call("GreenCertificates", "completeRecall", (market, slot_of(vintage)))
        body = {"market": market, "slot": slot_of(vintage)}
        done = {"transactions": send(client, "/certificates/offers/recall/complete", body, call)}
    _say(done, as_json, lambda tables: tables.transactions(done["transactions"]))


@app.command()
def collect(caller: typer.Context, as_json: AsJson = False) -> None:
    """Collect everything that you bought or recalled."""
    from wattproof.cli.transacting import Call, send

    most = 64
    made: list[Any] = []
    with _own(caller) as client, working("signing", quiet=as_json):
        account = client.signer.address
        while place := _uncollected(client):
            where = place["market"], place["slot"]
            call = Call("GreenCertificates", "collect", (*where, account, most))
            body = {"market": where[0], "slot": where[1], "most": most}
            made += send(client, "/certificates/collections", body, call)
    done = {"transactions": made}
    _say(done, as_json, lambda tables: tables.transactions(made))


@app.command()
def account(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Your store's meter.")],
    period: Annotated[int, typer.Argument(metavar="PERIOD", min=0)],
    caller: typer.Context,
    charge: Annotated[
        list[str] | None,
        typer.Option(help="SLOT:BATCH=WH, given for energy charged; may be repeated."),
    ] = None,
    suggested: Annotated[
        bool, typer.Option("--suggested", help="Give all that you hold and that fits.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Account a period of your store: certificates go in with charges and come out less losses."""
    if charge and suggested:
        raise typer.BadParameter("give charges, or take the suggested ones")
    from wattproof.cli.transacting import ANY, Call, send

    place = f"/certificates/devices/{read_address(device)}"
    with _own(caller) as client, working("signing", quiet=as_json):
        charges = [read_charge(text) for text in charge or []]
        if suggested:
            charges = client.get(f"{place}/charges/suggestion", period=period)["charges"]
        given = [
            {"slot": each["slot"], "id": int(each["batch"]), "amount": each["amount_wh"]}
            for each in charges
        ]
        # The contract takes no other values than those of the final reading.
        call = Call("GreenCertificates", "account", (read_address(device), period, ANY, given))
        body = {"period": period, "charges": charges}
        done = {"charges": charges, "transactions": send(client, f"{place}/accounts", body, call)}
    _say(done, as_json, lambda tables: tables.transactions(done["transactions"]))


# -- parts -----------------------------------------------------------------------------------------


def _uncollected(client: RestClient) -> Any:
    places = client.get("/certificates/me")["places"]
    return next((each for each in places if int(each["uncollected_wh"])), None)


def _class_of(client: RestClient, market: int) -> dict[str, int | None]:
    """Technology and zone that a market trades. Raises NotFoundError."""
    from wattproof.errors import NotFoundError

    for each in client.get("/certificates/classes")["items"]:
        if each["market"] == market:
            return {"technology": each["technology"], "zone": each["zone"]}
    raise NotFoundError(
        f"market {market} trades no certificates; `wattproof certificates classes` lists those "
        "that do"
    )


def _own(caller: typer.Context) -> AbstractContextManager[RestClient]:
    given: Caller = caller.obj
    return given.sign_in("certificates", "participant")


def _anyone(caller: typer.Context) -> AbstractContextManager[RestReader]:
    given: Caller = caller.obj
    return given.visit()


def _say(found: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    if as_json:
        print_json(found)
        return
    from wattproof.cli import certificate_tables

    show(certificate_tables)
