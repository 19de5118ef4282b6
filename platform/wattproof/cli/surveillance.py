"""The market supervisor's report over settled rounds."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattproof.cli.audit import DataDir, DeploymentFile, RpcUrl, chain_of
from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from wattproof.surveillance import SurveillanceDocument
    from wattproof.surveillance.service import File

app = typer.Typer(
    help="Look for market power, wash trades and withheld certificates, from the chain alone.",
    no_args_is_help=True,
)


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


@app.callback()
def surveillance() -> None:
    """Look for market power, wash trades and withheld certificates, from the chain alone."""


@app.command()
def report(
    market: Annotated[
        int | None, typer.Option(min=0, help="Number of a market; default: all of them.")
    ] = None,
    lower: Annotated[
        str | None,
        typer.Option("--from", help="First round: its number, or the time of its gate (UTC)."),
    ] = None,
    upper: Annotated[
        str | None, typer.Option("--to", help="Last round: its number, or the time of its gate.")
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(
            help="Declared costs of sellers (.toml, .csv or .json), docs/surveillance.md."
        ),
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="Accounts known to belong together (.toml, .csv or .json).")
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="The last block that counts; default: the latest.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="How it is written; default: by the file's ending, or table."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; default: standard output.")
    ] = None,
    data_dir: DataDir = None,
    rpc: RpcUrl = None,
    deployment: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure margins, pivotal suppliers, concentration, withholding and wash trades.

    It reads settled rounds from the chain, proves each again, and takes nothing from a database:
    the same block and files give the same bytes on any node.
    """
    from wattproof.errors import InvalidError
    from wattproof.surveillance import Files, survey_chain
    from wattproof.surveillance.service import selection_of

    if as_json and out is None and form not in (None, Format.JSON):
        raise typer.BadParameter(f"--json prints JSON; leave it out for {form}, or name --out")
    if out is not None and not (out.parent.is_dir() and not out.is_dir()):
        raise InvalidError(f"cannot write {out}: name a file in a folder that is there")
    selection = selection_of(market, lower, upper)
    files = Files(_read(costs), _read(groups))
    with (
        chain_of(data_dir, rpc, deployment) as (_, url, deployed),
        working("reading the chain", quiet=as_json),
    ):
        made = survey_chain(url, deployed, selection=selection, files=files, block=block)
    chosen = form or _format_of(out, as_json)
    if out is None:
        _show(made, chosen)
        return
    try:
        out.write_text(_written(made, chosen), encoding="utf-8")
    except OSError as error:
        raise InvalidError(f"cannot write {out}: {error.strerror}") from error
    if as_json:
        print_json({"report": str(out), "findings": len(made.findings)})
    else:
        typer.echo(f"wrote {out} ({len(made.findings)} findings)")


def _format_of(out: Path | None, as_json: bool) -> Format:
    if out is None:
        return Format.JSON if as_json else Format.TABLE
    endings = {".md": Format.MARKDOWN, ".html": Format.HTML, ".json": Format.JSON}
    return endings.get(out.suffix.lower(), Format.TABLE)


def _read(path: Path | None) -> File | None:
    from wattproof.errors import InvalidError
    from wattproof.surveillance.service import File

    if path is None:
        return None
    try:
        return File(path.name, path.read_bytes())
    except OSError as error:
        raise InvalidError(f"cannot read {path}: {error.strerror}") from error


def _show(made: SurveillanceDocument, form: Format) -> None:
    if form is not Format.TABLE:
        sys.stdout.write(_written(made, form))
        sys.stdout.flush()
        return
    from rich.console import Console

    from wattproof.surveillance.document import document_of
    from wattproof.surveillance.render import as_table

    Console().print(as_table(document_of(made)))


def _written(made: SurveillanceDocument, form: Format) -> str:
    from wattproof.surveillance.document import document_of
    from wattproof.surveillance.render import as_html, as_markdown, as_table
    from wattproof.surveillance.service import canonical_json

    if form is Format.JSON:
        return canonical_json(made)
    document = document_of(made)
    if form is Format.HTML:
        return as_html(document)
    if form is Format.MARKDOWN:
        return as_markdown(document)
    from io import StringIO

    from rich.console import Console

    drawn = StringIO()
    Console(file=drawn, width=200).print(as_table(document))
    return drawn.getvalue()
