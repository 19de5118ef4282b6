"""Auditing: rebuild everything from the chain, compare, export and verify rounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from wattproof.cli.output import FAILED, AsJson, print_json, working

app = typer.Typer(
    help="Rebuild every balance from the chain alone, and check every round.",
    no_args_is_help=True,
)

DataDir = Annotated[
    Path | None, typer.Option(help="The installation to audit.", show_default=False)
]
RpcUrl = Annotated[
    str | None, typer.Option("--rpc", help="JSON-RPC address of the node you trust.")
]
DeploymentFile = Annotated[
    Path | None,
    typer.Option("--deployment", help="The deployment file; default: the installation's."),
]


@app.command()
def replay(
    data_dir: DataDir = None,
    rpc: RpcUrl = None,
    deployment: DeploymentFile = None,
    no_database: Annotated[
        bool, typer.Option("--no-database", help="Do not compare with the database.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild balances and roles from the chain, re-check every round, compare with the database.

    Exits 1 and names the record if anything differs.
    """
    from wattproof import audit

    with chain_of(data_dir, rpc, deployment) as (settings, url, deployed):
        database = None if no_database else settings.database
        with working("reading the chain", quiet=as_json):
            report = audit.replay(url, deployed, database=database)
    _finish(report, as_json)


@app.command()
def export(
    round_number: Annotated[int, typer.Argument(metavar="ROUND", min=1)],
    market: Annotated[int, typer.Option(min=0, help="Number of the market.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; default: standard output")
    ] = None,
    data_dir: DataDir = None,
    rpc: RpcUrl = None,
    deployment: DeploymentFile = None,
    no_database: Annotated[
        bool, typer.Option("--no-database", help="Leave out the dispatch plans behind the orders.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a round's bundle: everything that checking it offline needs, from the chain alone.

    Of the database it takes the logs of the dispatch plans that orders were made from.
    """
    from wattproof import audit
    from wattproof.errors import InvalidError

    if output is not None and not (output.parent.is_dir() and not output.is_dir()):
        raise InvalidError(f"cannot write {output}: name a file in a folder that is there")
    with chain_of(data_dir, rpc, deployment) as (settings, url, deployed):
        stored = settings.database_url or (settings.data_dir / "wattproof.db").exists()
        database = settings.database if stored and not no_database else None
        bundle = audit.export_round(url, deployed, (market, round_number), database=database)
    if output is None:
        print_json(bundle)
        return
    try:
        output.write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidError(f"cannot write {output}: {error.strerror}") from error
    if as_json:
        print_json({"bundle": str(output)})
    else:
        typer.echo(f"wrote {output}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `export` wrote.")],
    rpc: Annotated[str, typer.Option("--rpc", help="JSON-RPC address of the node you trust.")],
    as_json: AsJson = False,
) -> None:
    """Check a bundle by itself and against the chain, without any database."""
    from wattproof import audit
    from wattproof.errors import InvalidError

    try:
        content = json.loads(bundle.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidError(f"cannot read {bundle}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidError(f"{bundle} is not JSON: {error}") from error
    with working("reading the chain", quiet=as_json):
        report = audit.verify_bundle(content, rpc)
    _finish(report, as_json)


@contextmanager
def chain_of(
    data_dir: Path | None, rpc: str | None, deployment_file: Path | None
) -> Iterator[tuple[Any, str, Any]]:
    """Settings, node address and deployment; starts the installation's node if none runs."""
    from devnet.deployment import Deployment
    from wattproof.cli.installation import open_chain, read_settings
    from wattproof.errors import MisconfiguredError

    settings = read_settings(data_dir)
    path = deployment_file or settings.deployment_path
    if not path.exists():
        raise MisconfiguredError(
            f"there is no deployment file {path}; name the installation with --data-dir"
        )
    deployed = Deployment.read(path)
    with open_chain(settings, rpc, deployed) as url:
        yield settings, url, deployed


def _finish(report: Any, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
    else:
        from rich.console import Console

        Console().print(report.table())
    if not report.ok:
        raise typer.Exit(FAILED)
