"""The `wattproof` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wattproof.cli import (
    analytics,
    audit,
    baseline,
    certificates,
    compliance,
    credential,
    delegate,
    demo_day,
    did,
    dispatch,
    keys,
    market,
    network,
    privacy,
    profile,
    quota,
    surveillance,
)
from wattproof.cli.output import FAILED, INTERRUPTED, UNUSABLE, AsJson, print_error, print_json

app = typer.Typer(
    name="wattproof",
    help="Energy markets whose every settlement can be proven.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts in a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(analytics.app, name="analytics")
app.add_typer(audit.app, name="audit")
app.add_typer(baseline.app, name="baseline")
app.add_typer(certificates.app, name="certificates")
app.add_typer(compliance.app, name="compliance")
app.add_typer(credential.app, name="credential")
app.add_typer(did.app, name="did")
app.add_typer(delegate.app, name="delegate")
app.add_typer(dispatch.app, name="dispatch")
app.add_typer(demo_day.app, name="demo")
app.add_typer(keys.app, name="keys")
app.add_typer(market.app, name="market")
app.add_typer(network.app, name="network")
app.add_typer(privacy.app, name="privacy")
app.add_typer(profile.app, name="profile")
app.add_typer(quota.app, name="quota")
app.add_typer(surveillance.app, name="surveillance")


@app.command()
def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where database, chain and deployment are kept.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = None,
    round_minutes: Annotated[
        float,
        typer.Option(min=0.1, max=1440, help="Pause between gates; the chain takes 128 a day."),
    ] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Serve the REST API with its own chain; keeps its data, ends with Ctrl-C."""
    from wattproof.cli.serve import serve

    serve(
        data_dir=data_dir,
        host=host,
        port=port,
        round_seconds=round(round_minutes * 60),
        as_json=as_json,
    )


@app.command()
def version(as_json: AsJson = False) -> None:
    """Say which version this is."""
    from importlib.metadata import version as installed

    if as_json:
        print_json({"wattproof": installed("wattproof")})
    else:
        typer.echo(f"wattproof {installed('wattproof')}")


def run() -> None:
    """Entry point: errors become one sentence and an exit code."""
    as_json = "--json" in sys.argv
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        from identity.errors import IdentityError
        from wattproof.errors import MisconfiguredError, UnavailableError, WattproofError

        if isinstance(error, WattproofError):
            print_error(error.message, error.code, as_json=as_json)
            unusable = isinstance(error, MisconfiguredError | UnavailableError)
            sys.exit(UNUSABLE if unusable else FAILED)
        if isinstance(error, IdentityError):
            print_error(str(error), "identity", as_json=as_json)
            sys.exit(FAILED)
        raise
