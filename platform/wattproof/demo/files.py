"""Reading the user's files: what is wrong with them is said in full, never guessed around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

from twin.prices import PER_KWH, PriceFileError, PriceReadResult, read_prices
from wattproof.errors import InvalidError

_SHOWN = 20
_DEFAULT_UNIT = "USD/MWh"
_DEFAULT_ZONE = "America/New_York"

ResultT = TypeVar("ResultT")


def read(path: Path, reader: Callable[[], ResultT], *errors: type[Exception]) -> ResultT:
    """What ``reader`` makes of a file.

    Raises:
        InvalidError: the file is missing or empty, or ``reader`` raised one of ``errors``.
    """
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise InvalidError(f"{path} is empty", code="bad_file")
        return reader()
    except OSError as error:
        raise InvalidError(f"cannot read {path}: {error.strerror or error}") from error
    except errors as error:
        raise InvalidError(str(error), code="bad_file") from error


def prices(
    path: Path, unit: str | None, time_zone: str | None, *, skip_bad_rows: bool
) -> PriceReadResult:
    """Hourly prices of a file; by default PJM's unit and zone.

    Raises:
        InvalidError: an unknown unit, or a file that cannot be read or has bad rows that are not to
            be skipped.
    """
    unit = unit or _DEFAULT_UNIT
    if unit not in PER_KWH:
        raise InvalidError(f"--price-unit {unit!r} is unknown; known are {', '.join(PER_KWH)}")
    zone = time_zone or _DEFAULT_ZONE
    quoted = read(path, lambda: read_prices(path, unit, zone), PriceFileError)
    if not skip_bad_rows:
        refuse(path, [str(row) for row in quoted.bad_rows])
    return quoted


def day(text: str | None) -> date | None:
    """The day asked for. Raises InvalidError if it is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"--day {text!r} is not a day like 2021-09-10") from None


def refuse(path: Path, bad_rows: Sequence[str]) -> None:
    """Raise InvalidError naming the bad rows, if there are any."""
    if bad_rows:
        count = f"{len(bad_rows)} bad row{'s' if len(bad_rows) > 1 else ''}"
        raise InvalidError(
            f"{path} has {count}{listed(bad_rows)}\nMend the file, or go on without them: "
            "--skip-bad-rows",
            code="bad_rows",
        )


def listed(rows: Sequence[str]) -> str:
    """A colon and rows below each other, as many as can be read."""
    if not rows:
        return ""
    more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    return ":\n" + "\n".join(f"  {row}" for row in [*rows[:_SHOWN], *more])
