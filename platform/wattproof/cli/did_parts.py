"""`wattproof did key`, `service` and `delegate`: what stands in a DID's document, for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from wattproof.cli.certificate_arguments import read_address
from wattproof.cli.did_options import Days, Manner, changing, seconds
from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from identity.did.attribute import KeyAttribute
    from identity.did.change import RegistryChange

keys = typer.Typer(help="Public keys in a DID's document.", no_args_is_help=True)
services = typer.Typer(help="Addresses of services in a DID's document.", no_args_is_help=True)
delegates = typer.Typer(help="Addresses that speak for a DID.", no_args_is_help=True)

Algorithm = Annotated[
    str, typer.Argument(metavar="ALGORITHM", help="Secp256k1, Ed25519 or X25519.")
]
Purpose = Annotated[
    str,
    typer.Argument(
        metavar="PURPOSE", help="veriKey (states), sigAuth (signs in too), enc (X25519 alone)."
    ),
]
PublicKey = Annotated[str, typer.Argument(metavar="KEY", help="The public key in hex.")]
Encoding = Annotated[str, typer.Option(help="As the document shows it: hex, base64 or base58.")]
ServiceType = Annotated[str, typer.Argument(metavar="TYPE", help="One word, such as Readings.")]
Endpoint = Annotated[str, typer.Argument(metavar="URL", help="Where it is.")]
DelegatePurpose = Annotated[
    str, typer.Argument(metavar="PURPOSE", help="veriKey (states) or sigAuth (signs in too).")
]
Delegate = Annotated[str, typer.Argument(metavar="ADDRESS", help="Who speaks for the DID.")]


@keys.command("add")
@changing
def add_key(
    algorithm: Algorithm,
    purpose: Purpose,
    key: PublicKey,
    caller: typer.Context,
    manner: Manner,
    encoding: Encoding = "hex",
    days: Days = 365.0,
    as_json: AsJson = False,
) -> None:
    """Put a public key into the document."""
    from identity.did.change import adding

    attribute = _key(algorithm, purpose, key, encoding)
    _do(caller, manner, lambda who: adding(who, attribute, seconds(days)), as_json)


@keys.command("revoke")
@changing
def revoke_key(
    algorithm: Algorithm,
    purpose: Purpose,
    key: PublicKey,
    caller: typer.Context,
    manner: Manner,
    encoding: Encoding = "hex",
    as_json: AsJson = False,
) -> None:
    """Take a public key out again; name it as it was added."""
    from identity.did.change import revoking

    attribute = _key(algorithm, purpose, key, encoding)
    _do(caller, manner, lambda who: revoking(who, attribute), as_json)


@services.command("add")
@changing
def add_service(
    type: ServiceType,
    endpoint: Endpoint,
    caller: typer.Context,
    manner: Manner,
    days: Days = 365.0,
    as_json: AsJson = False,
) -> None:
    """Say in the document where a service is."""
    from identity.did.attribute import ServiceAttribute
    from identity.did.change import adding

    attribute = ServiceAttribute(type, endpoint)
    _do(caller, manner, lambda who: adding(who, attribute, seconds(days)), as_json)


@services.command("revoke")
@changing
def revoke_service(
    type: ServiceType,
    endpoint: Endpoint,
    caller: typer.Context,
    manner: Manner,
    as_json: AsJson = False,
) -> None:
    """Take a service out again; name it as it was added."""
    from identity.did.attribute import ServiceAttribute
    from identity.did.change import revoking

    attribute = ServiceAttribute(type, endpoint)
    _do(caller, manner, lambda who: revoking(who, attribute), as_json)


@delegates.command("add")
@changing
def add_delegate(
    purpose: DelegatePurpose,
    delegate: Delegate,
    caller: typer.Context,
    manner: Manner,
    days: Days = 365.0,
    as_json: AsJson = False,
) -> None:
    """Let another address speak for a DID. It signs no orders: a session delegate does."""
    from identity.did.change import AddDelegate

    who = read_address(delegate)
    _do(caller, manner, lambda me: AddDelegate(me, purpose, who, seconds(days)), as_json)


@delegates.command("revoke")
@changing
def revoke_delegate(
    purpose: DelegatePurpose,
    delegate: Delegate,
    caller: typer.Context,
    manner: Manner,
    as_json: AsJson = False,
) -> None:
    """End a delegation at once."""
    from identity.did.change import RevokeDelegate

    who = read_address(delegate)
    _do(caller, manner, lambda me: RevokeDelegate(me, purpose, who), as_json)


def _do(
    caller: typer.Context,
    manner: Manner,
    make: Callable[[str], RegistryChange],
    as_json: bool,
) -> None:
    from wattproof.cli import did_tables
    from wattproof.cli.did_changes import carry_out

    with working("signing", quiet=as_json or caller.obj.passphrase_file is None):
        done = carry_out(caller.obj, manner, make)
    if as_json:
        print_json(done)
    else:
        did_tables.changed(done)


def _key(algorithm: str, purpose: str, key: str, encoding: str) -> KeyAttribute:
    from identity.did.attribute import KeyAttribute

    try:
        raw = bytes.fromhex(key.removeprefix("0x"))
    except ValueError as error:
        raise typer.BadParameter(f"{key} is not hex", param_hint="KEY") from error
    return KeyAttribute(algorithm, purpose, raw, encoding)
