"""What commands print: tables and sentences for people, JSON for machines; and exit codes.

Exit codes: 0 all is well; 1 something was refused or a check failed; 2 wrong usage; 3 a setting,
file, chain or service cannot be used; 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from wattproof.terminal import Rows, printable

FAILED: Final = 1
UNUSABLE: Final = 3
INTERRUPTED: Final = 130

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(printable(title)),
        title_justify="left",
        show_header=False,
        box=None,
        pad_edge=False,
    )
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(printable(name)), Text(printable(str(value))))
    Console().print(table)


def print_rows(rows: Rows) -> None:
    """A table, or row by row where the terminal is too narrow for it."""
    from rich.console import Console

    Console().print(rows)


@contextmanager
def working(what: str, *, quiet: bool) -> Iterator[None]:
    """Show on standard error that something takes a while."""
    if quiet:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def print_error(message: str, code: str, *, as_json: bool) -> None:
    """An error on standard error."""
    if as_json:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message}}) + "\n")
        return
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(
        f"[bold red]error:[/] {_escape(message)}", highlight=False
    )


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
