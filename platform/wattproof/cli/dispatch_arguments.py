"""Places, edits and meters of a plan as they are written on a command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import typer

_PLACE = re.compile(r"(?P<line>.+)\[(?P<slot>\d{1,3})\]")


def read_place(text: str) -> dict[str, Any]:
    """``LINE[SLOT]``. Raises BadParameter."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no place in a plan; write LINE[SLOT]")
    return {"line": found["line"], "slot": int(found["slot"])}


def read_edit(text: str) -> dict[str, Any]:
    """``LINE[SLOT]=WATTS``. Raises BadParameter."""
    place, equals, value = text.rpartition("=")
    try:
        watts = int(value)
    except ValueError:
        watts = None
    if not equals or watts is None:
        raise typer.BadParameter(f"{text!r} is no edit; write LINE[SLOT]=WATTS, whole watts")
    return read_place(place) | {"value_w": watts}


def read_meter(text: str) -> dict[str, Any]:
    """``LINE=ACCOUNT:CARRIER``. Raises BadParameter."""
    line, _, meter = text.rpartition("=")
    account, _, carrier = meter.partition(":")
    if not line or not account.startswith("0x") or not (carrier or "0").isdecimal():
        raise typer.BadParameter(f"{text!r} is no meter; write LINE=ACCOUNT:CARRIER")
    return {"line": line, "account": account, "carrier": int(carrier or "0")}


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises InvalidError."""
    from wattproof.errors import InvalidError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidError(f"{path} is not JSON: {error}") from error
