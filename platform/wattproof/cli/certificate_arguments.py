"""Certificates as they are written on a command line, or chosen by amount."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient

_CERTIFICATE = re.compile(r"(?P<batch>[1-9]\d{0,65})=(?P<wh>[1-9]\d{0,18})")
_BATCH = re.compile(r"[1-9]\d{0,65}", re.ASCII)
_CHARGE = re.compile(r"(?P<slot>\d{1,3}):(?P<rest>.+)")


def read_address(text: str) -> str:
    """Checksum form; all lower or upper case is taken. Raises BadParameter."""
    from eth_utils.address import is_address, is_checksum_address, to_checksum_address

    if not is_address(text):
        raise typer.BadParameter(f"{text!r} is no address; write 0x and 40 hex digits")
    digits = text[-40:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
        raise typer.BadParameter(f"{text} has a wrong checksum (EIP-55): mistyped?")
    return str(to_checksum_address(text))


def read_batch(text: str) -> str:
    """A certificate's id. Raises BadParameter."""
    if _BATCH.fullmatch(text) is None:
        raise typer.BadParameter(
            f"{text!r} is no certificate; its id is a whole number, as "
            "`wattproof certificates list` shows it"
        )
    return text


def read_certificate(text: str) -> dict[str, Any]:
    """``BATCH=WH``. Raises BadParameter."""
    found = _CERTIFICATE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} names no certificates; write BATCH=WH, whole Wh")
    return {"batch": found["batch"], "amount_wh": int(found["wh"])}


def read_charge(text: str) -> dict[str, Any]:
    """``SLOT:BATCH=WH``. Raises BadParameter."""
    found = _CHARGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no charge; write SLOT:BATCH=WH")
    return {"slot": int(found["slot"]), **read_certificate(found["rest"])}


def portions(
    client: RestClient, given: Sequence[str], wh: int | None, kind: Mapping[str, int | None]
) -> Iterator[list[dict[str, Any]]]:
    """What each transaction names: what was given, or so many Wh of a class, oldest first.

    Raises:
        BadParameter: neither or both were given.
        RefusedError: fewer are held.
    """
    from wattproof.errors import RefusedError

    if bool(given) == (wh is not None):
        raise typer.BadParameter("name certificates as BATCH=WH, or how many with --wh")
    if wh is None:
        yield [read_certificate(text) for text in given]
        return
    wanted = {name: value for name, value in kind.items() if value is not None}
    held_wh = sum(
        each["held_wh"]
        for each in client.get("/certificates/me")["held"]
        if all(each[name] == value for name, value in wanted.items())
    )
    left_wh = wh
    while left_wh > 0:
        found = client.get("/certificates/selection", amount_wh=left_wh, **kind)
        if held_wh < wh or not found["certificates"]:
            raise RefusedError(
                f"you hold {held_wh} Wh of this, not {wh}; `wattproof certificates list` shows "
                "what you hold, and what is to be collected first",
                code="beyond_holding",
            )
        yield found["certificates"]
        left_wh -= int(found["amount_wh"])


def one_by_one(
    parts: Iterator[list[dict[str, Any]]], act: Callable[[list[dict[str, Any]]], list[Any]]
) -> dict[str, Any]:
    """Act on portion after portion. What was done, and with what."""
    certificates: list[dict[str, Any]] = []
    transactions: list[Any] = []
    for part in parts:
        transactions += act(part)
        certificates += part
    return {
        "certificates": certificates,
        "amount_wh": sum(each["amount_wh"] for each in certificates),
        "transactions": transactions,
    }
