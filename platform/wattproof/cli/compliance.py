"""Quotas from the command line: what is owed, by whom, and surrendering for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.certificate_arguments import read_address, read_certificate
from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient, RestReader

app = caller_group(
    "See who owes green certificates and who complies; surrender yours, post a bond."
)

Quota = Annotated[int, typer.Argument(metavar="QUOTA", min=1, help="Number of the quota.")]


@app.command()
def quotas(caller: typer.Context, as_json: AsJson = False) -> None:
    """List quotas: whose meters count, by when, and what a certificate that lacks costs."""
    with _anyone(caller) as reader:
        found = reader.get("/quotas")
    _say(found, as_json, lambda tables: tables.quotas(found["items"]))


@app.command("list")
def list_compliance(quota: Quota, caller: typer.Context, as_json: AsJson = False) -> None:
    """List whom a quota obliges, and how each stands."""
    with _anyone(caller) as reader:
        found = reader.get_all(f"/quotas/{quota}/compliance")
    _say(found, as_json, lambda tables: tables.compliance(found["items"]))


@app.command()
def show(
    quota: Quota,
    caller: typer.Context,
    account: Annotated[
        str | None, typer.Option(help="Address; default: that of your key file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what an account owes, surrendered and lacks, and with which certificates."""
    whose = _own_address(caller) if account is None else read_address(account)
    place = f"/quotas/{quota}/compliance/{whose}"
    with _anyone(caller) as reader:
        found = reader.get(place)
        found["surrenders"] = reader.get_all(f"{place}/surrenders")["items"]
    _say(found, as_json, lambda tables: tables.obligation(found))


@app.command()
def suggest(quota: Quota, caller: typer.Context, as_json: AsJson = False) -> None:
    """Show which of your certificates to surrender: the oldest first."""
    with _own(caller) as client:
        found = client.get(f"/quotas/{quota}/suggestion")
    _say(found, as_json, lambda tables: tables.suggestion(found))


@app.command()
def surrender(
    quota: Quota,
    caller: typer.Context,
    certificates: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BATCH=WH]...", help="Default: what `suggest` shows."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give up certificates for your obligation. They never move again."""
    made: list[Any] = []
    given: list[dict[str, Any]] = []
    with _own(caller) as client, working("signing", quiet=as_json):
        if certificates:
            given = [read_certificate(text) for text in certificates]
            made = _give_up(client, quota, given)
        else:
            while part := _suggested(client, quota):
                made += _give_up(client, quota, part)
                given += part
            if not given:
                client.post(f"/quotas/{quota}/surrender", {})  # says why nothing can be
        stands = client.get(f"/quotas/{quota}/compliance/{client.signer.address}")
    done = {"certificates": given, "transactions": made, "compliance": stands}
    _say(done, as_json, lambda tables: tables.surrendered(done))


@app.command()
def bond(
    quota: Quota,
    micro: Annotated[int, typer.Argument(metavar="MICRO", min=1, help="Micro-units to add.")],
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Add to your bond, which pays for certificates that lack; the rest comes back."""
    from wattproof.cli.transacting import Call, contract_addresses, send

    with _own(caller) as client, working("signing", quiet=as_json):
        registry = contract_addresses(client)["QuotaRegistry"]
        call = Call("QuotaRegistry", "postBond", (quota, client.signer.address, micro))
        approve = Call("SettlementToken", "approve", (registry, micro))
        body = {"amount_micro": micro}
        done = {"transactions": send(client, f"/quotas/{quota}/bond", body, call, approve)}
    _say(done, as_json, lambda tables: tables.transactions(done["transactions"]))


def _suggested(client: RestClient, quota: int) -> list[dict[str, Any]]:
    found = client.get(f"/quotas/{quota}/suggestion")["certificates"]
    return [{"batch": each["batch"], "amount_wh": each["amount_wh"]} for each in found]


def _give_up(client: RestClient, quota: int, part: list[dict[str, Any]]) -> list[Any]:
    from wattproof.cli.transacting import Call, approval, contract_addresses, named, send

    registry = contract_addresses(client)["QuotaRegistry"]
    call = Call("QuotaRegistry", "surrender", (quota, *named(part)))
    body = {"certificates": part}
    return send(client, f"/quotas/{quota}/surrender", body, call, approval(registry))


def _own_address(caller: typer.Context) -> str:
    """The address of the key file. Raises BadParameter without one."""
    from identity.signer import keystore_address

    given: Caller = caller.obj
    if given.key is None:
        raise typer.BadParameter(
            "name --account, or your key file: wattproof compliance --key FILE"
        )
    return keystore_address(given.key)


def _own(caller: typer.Context) -> AbstractContextManager[RestClient]:
    given: Caller = caller.obj
    return given.sign_in("compliance", "participant")


def _anyone(caller: typer.Context) -> AbstractContextManager[RestReader]:
    given: Caller = caller.obj
    return given.visit()


def _say(found: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    if as_json:
        print_json(found)
        return
    from wattproof.cli import compliance_tables

    show(compliance_tables)
