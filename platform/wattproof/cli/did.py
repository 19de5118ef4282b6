"""`wattproof did`: making, reading and changing decentralised identifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wattproof.cli import did_parts
from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.did_options import Manner, Yes, changing
from wattproof.cli.output import AsJson, print_json, working

app = caller_group(
    """
    Make, resolve, change, hand on and give up decentralised identifiers (DIDs).

    A change is a transaction of your own, or with --relay a signature that the operator sends and
    pays for. What is signed is made on this machine and compared with what the installation asks
    for.
    """
)
app.add_typer(did_parts.keys, name="key")
app.add_typer(did_parts.services, name="service")
app.add_typer(did_parts.delegates, name="delegate")

SomeDid = Annotated[str, typer.Argument(metavar="DID", help="A DID, or a DID URL such as DID#x.")]
OwnDid = Annotated[
    str | None, typer.Argument(metavar="[DID]", help="Default: your key's.", show_default=False)
]


@app.command()
def create(
    path: Annotated[Path, typer.Argument(help="Where to write the encrypted key file.")],
    caller: typer.Context,
    chain_id: Annotated[
        int | None,
        typer.Option(min=1, help="The chain, to ask no installation.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show its DID; nothing is registered, and nobody is told.

    A meter's DID is made the same way, from its device key.
    """
    from wattproof.cli import did_life, did_tables

    made = did_life.create(caller.obj, path, chain_id)
    if as_json:
        print_json(made)
    else:
        did_tables.created(made)


@app.command()
def resolve(
    name: SomeDid,
    caller: typer.Context,
    version_id: Annotated[
        str | None, typer.Option(help="The version of this block (did:ethr).", show_default=False)
    ] = None,
    version_time: Annotated[
        str | None,
        typer.Option(help="The version valid then: 2026-11-01T12:00:00Z.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the document of any DID: did:ethr, did:key, did:web; or the part a DID URL names."""
    from wattproof.cli import did_tables
    from wattproof.cli.did_resolving import resolve as resolved

    found = resolved(caller.obj, name, version_id, version_time)
    if as_json:
        print_json(found)
    else:
        did_tables.resolved(name, found)


@app.command()
def history(caller: typer.Context, name: OwnDid = None, as_json: AsJson = False) -> None:
    """List every change of a DID, oldest first."""
    from wattproof.cli import did_life, did_tables

    found = did_life.history(caller.obj, name)
    if as_json:
        print_json(found)
    else:
        did_tables.history(found)


@app.command()
@changing
def rotate(
    caller: typer.Context,
    manner: Manner,
    new: Annotated[
        Path, typer.Option(help="Key file of the new controller; made if it is not there.")
    ],
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(help="Its passphrase, if not that of the old one.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a DID to a new key of your own, in one step.

    The DID stays, its new key controls it. Orders and money of the account are not handed over:
    see what the command says afterwards.
    """
    from wattproof.cli import did_life, did_tables

    with working("signing", quiet=as_json or _asks(caller)):
        done = did_life.rotate(caller.obj, manner, new, new_passphrase_file)
    _say(done, as_json, did_tables.changed)


@app.command()
@changing
def transfer(
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the new controller.")],
    caller: typer.Context,
    manner: Manner,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Hand a DID to somebody else, who alone can hand it back."""
    from wattproof.cli import did_life, did_tables

    _say(did_life.transfer(caller.obj, manner, to, yes=yes), as_json, did_tables.changed)


@app.command()
@changing
def deactivate(
    caller: typer.Context,
    manner: Manner,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a DID up for good: nobody can undo it. Shows what ends, and asks first."""
    from wattproof.cli import did_life, did_tables

    done = did_life.deactivate(caller.obj, manner, yes=yes, quiet=as_json)
    _say(done, as_json, did_tables.changed)


def _asks(caller: typer.Context) -> bool:
    """Whether somebody will be asked for a passphrase."""
    who: Caller = caller.obj
    return who.passphrase_file is None


def _say(done: dict[str, Any], as_json: bool, show: Any) -> None:
    if as_json:
        print_json(done)
    else:
        show(done)
