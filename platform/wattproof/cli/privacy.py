"""What an installation holds about you: fetch it, or have it erased."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.output import AsJson, print_facts, print_json, working

app = caller_group("Fetch all that is held about you, or have it erased.")


@app.command()
def export(
    caller: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to write (mode 0600); default: standard output."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write all that is held about your address, as one JSON document (docs/privacy.md)."""
    from identity import private_files
    from wattproof.errors import InvalidError

    if out is not None and not (out.parent.is_dir() and not out.is_dir()):
        raise InvalidError(f"cannot write {out}: name a file in a folder that is there")
    given: Caller = caller.obj
    with given.sign_in("privacy", "participant") as client, working("reading", quiet=as_json):
        held = client.get("/me/export")
    if out is None:
        print_json(held)
        return
    private_files.replace(out, json.dumps(held, indent=2) + "\n")
    rows = {name: len(table["rows"]) for name, table in held["tables"].items() if table["rows"]}
    if as_json:
        print_json({"export": str(out), "rows": rows})
    else:
        print_facts(f"wrote {out}; rows by table", rows)


@app.command()
def erase(
    caller: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it without asking; what went does not come back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase what the installation alone knows about your address.

    What is on the chain stays. What settlement, claims or disputes still need goes later, by
    itself; the answer lists it with its reasons.
    """
    if not yes:
        typer.confirm(
            "Erase your name, credentials, sessions, API keys and venues? "
            "(`wattproof privacy export` first keeps a copy)",
            abort=True,
            err=True,
        )
    given: Caller = caller.obj
    with given.sign_in("privacy", "participant") as client:
        done = client.delete("/me", confirm="erase")
    if as_json:
        print_json(done)
        return
    print_facts("erased; rows by table", done["erased"])
    _print_kept(done["kept"])
    typer.echo(done["on_chain"])


def _print_kept(kept: list[dict[str, Any]]) -> None:
    for each in kept:
        rows = "" if each["rows"] is None else f" ({each['rows']})"
        typer.echo(f"{each['fate']}: {each['table']}{rows}: {each['why']}")
