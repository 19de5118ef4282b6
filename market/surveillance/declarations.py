"""Files that a regulator hands in: rows of named fields as TOML, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PurePath
from typing import Any

from eth_utils.address import is_address, to_checksum_address

_ROWS_MAX = 100_000
_TEXT_MAX = 200
_DIGITS_MAX = 40

Row = Mapping[str, Any]


class DeclarationError(ValueError):
    """A file that cannot be used; says which row, which field, and what to write instead."""


def read_rows(name: str, content: bytes, table: str, fields: Collection[str]) -> list[Row]:
    """Rows of a file, by the ending of its name.

    TOML holds them as `[[table]]`, JSON as a list or as an object with the list under `table`, CSV
    with the fields' names in its first line. An empty cell is no value.

    Raises DeclarationError: another ending, not readable, a field that is not among `fields`.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{name} is not UTF-8 text (byte {error.start})") from error
    ending = PurePath(name).suffix.lower()
    if ending == ".csv":
        rows: Any = _csv_rows(name, text)
    elif ending in (".toml", ".json"):
        try:
            found = (
                tomllib.loads(text, parse_float=Decimal)
                if ending == ".toml"
                else json.loads(text, parse_float=Decimal, parse_constant=_no_number)
            )
        except (ValueError, RecursionError) as error:
            raise DeclarationError(f"{name} is not {ending[1:].upper()}: {error}") from error
        rows = found.get(table) if isinstance(found, dict) else found
        if isinstance(found, dict) and set(found) - {table}:
            other = sorted(set(found) - {table})[0]
            raise DeclarationError(f"{name} has {other!r}; it may only hold a list {table!r}")
    else:
        raise DeclarationError(f"{name}: write it as .toml, .csv or .json")
    if not isinstance(rows, list):
        raise DeclarationError(f"{name} has no list {table!r}")
    if len(rows) > _ROWS_MAX:
        raise DeclarationError(f"{name} has {len(rows)} rows; at most {_ROWS_MAX} are read")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DeclarationError(f"{name}, {table} {number}: is no table of fields")
        for field in row:
            if field not in fields:
                raise DeclarationError(
                    f"{name}, {table} {number}: has no field {field!r}; it has {', '.join(fields)}"
                )
    return rows


def text_of(row: Row, field: str, place: str, *, default: str | None = None) -> str:
    """A printable text of at most 200 characters. Raises DeclarationError."""
    value = row.get(field, default)
    if value == default and default is not None:
        return default
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX or not value.isprintable():
        raise DeclarationError(
            f"{place}: {field} must be text of 1 to {_TEXT_MAX} printable characters, "
            f"not {_shown(value)}"
        )
    return value


def account_of(value: object, place: str) -> str:
    """A checksum address. Raises DeclarationError."""
    if not isinstance(value, str) or not value.startswith("0x") or not is_address(value):
        raise DeclarationError(f"{place}: {_shown(value)} is no account (0x and 40 hex digits)")
    return str(to_checksum_address(value))


def integer_of(row: Row, field: str, place: str, most: int) -> int | None:
    """A whole number 0 .. most, None where the field is absent. Raises DeclarationError."""
    value = row.get(field)
    if value is None:
        return None
    number = _decimal(value, field, place)
    if number != number.to_integral_value() or not 0 <= number <= most:
        raise DeclarationError(f"{place}: {field} must be a whole number from 0 to {most}")
    return int(number)


def scaled_of(row: Row, field: str, place: str, digits: int, most: int) -> int:
    """A decimal number, not negative, in units of `10 ** -digits`; 0 where the field is absent.

    Raises DeclarationError: no number, not finite, negative, more digits than that, beyond `most`.
    """
    value = row.get(field)
    if value is None:
        return 0
    number = _decimal(value, field, place)
    if number < 0:
        raise DeclarationError(f"{place}: {field} must not be negative, it is {_shown(value)}")
    if number > most:
        raise DeclarationError(f"{place}: {field} must be at most {most}, it is {_shown(value)}")
    scaled = number.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise DeclarationError(f"{place}: {field} has more than {digits} digits after the point")
    return int(scaled)


def _decimal(value: object, field: str, place: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise InvalidOperation
        if len(str(value)) > _DIGITS_MAX:
            raise InvalidOperation
        number = Decimal(value.strip() if isinstance(value, str) else value)
        if not number.is_finite():
            raise InvalidOperation
    except (InvalidOperation, ValueError) as error:
        raise DeclarationError(
            f"{place}: {field} must be a finite decimal number, not {_shown(value)}"
        ) from error
    return number


def _csv_rows(name: str, text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise DeclarationError(
                    f"{name}, line {reader.line_num}: does not have as many cells as the first line"
                )
            rows.append({field: cell for field, cell in row.items() if cell != ""})
    except csv.Error as error:
        raise DeclarationError(f"{name}, line {reader.line_num}: {error}") from error
    return rows


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _shown(value: object) -> str:
    """Safe on a terminal, and not longer than a line."""
    return ascii(value)[:60]
