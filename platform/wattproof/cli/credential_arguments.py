"""Claims, days and credentials as they are written on a command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer

from identity.errors import CredentialError
from identity.verifiable import jws
from identity.verifiable.kinds import Kind
from identity.verifiable.schema import schema_of

_LONGEST: Final = 1_000_000


def read_claims(kind: Kind, file: Path | None, pairs: Sequence[str]) -> dict[str, Any]:
    """Claims of a JSON file and of NAME=VALUE, the role added where the kind has one alone.

    A value is read as its schema wants it: whole numbers, lists as JSON, everything else as text.

    Raises:
        BadParameter: no file, no JSON object, no NAME=VALUE, or a claim that is given twice.
    """
    claims = {} if file is None else _claims_of(file)
    kinds = schema_of(kind)["properties"]["credentialSubject"]["properties"]
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is no claim; write NAME=VALUE")
        if name in claims:
            raise typer.BadParameter(f"{name} is given twice")
        claims[name] = _value(kinds.get(name, {}).get("type"), text)
    if len(kind.roles) == 1:
        claims.setdefault("role", kind.roles[0])
    return claims


def read_text(source: str) -> str:
    """A credential from a file, or from standard input for ``-``. Raises BadParameter."""
    try:
        if source == "-":
            return sys.stdin.read(_LONGEST + 1)
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot read {source}: {error}") from error


def _claims_of(file: Path) -> dict[str, Any]:
    try:
        return jws.read_object(file.read_bytes(), str(file))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}") from error
    except CredentialError as error:
        raise typer.BadParameter(str(error)) from error


def _value(kind: str | None, text: str) -> Any:
    """As the schema wants it; text that does not fit stays text, for the schema to refuse."""
    if kind not in ("integer", "array"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
