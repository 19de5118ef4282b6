"""Reading the user's files: what is wrong with them is said in full, never guessed around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from twin.ev_fleet.acn import SessionFileError, read_sessions
from twin.ev_fleet.session import ChargingSession
from twin.prices import PER_KWH, PriceFileError, PriceSeries, read_prices
from wattproof.demo.ev.options import EvOptions
from wattproof.errors import InvalidError

_SHOWN = 20
_DEFAULT_UNIT = "USD/MWh"
_DEFAULT_ZONE = "America/New_York"

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Usable sessions and prices; how many rows were left out, and notes of the readers."""

    sessions: Sequence[ChargingSession]
    prices: PriceSeries
    skipped_sessions: int
    skipped_prices: int
    notes: Sequence[str]


def wants_files(options: EvOptions) -> bool:
    """Whether real input was asked for.

    Raises:
        InvalidError: one file without the other, or an option that goes with files alone.
    """
    if options.sessions is not None and options.prices is not None:
        return True
    if options.sessions is not None or options.prices is not None:
        missing = "--prices" if options.prices is None else "--sessions"
        raise InvalidError(f"--sessions and --prices go together; {missing} is missing")
    for name, value in (
        ("--price-unit", options.price_unit),
        ("--time-zone", options.time_zone),
        ("--day", options.day),
        ("--skip-bad-rows", options.skip_bad_rows),
    ):
        if value:
            raise InvalidError(f"{name} goes with --sessions and --prices")
    return False


def wanted_day(options: EvOptions) -> date | None:
    """The day asked for. Raises InvalidError if it is none."""
    if options.day is None:
        return None
    try:
        return date.fromisoformat(options.day)
    except ValueError:
        raise InvalidError(f"--day {options.day!r} is not a day like 2021-09-10") from None


def read_inputs(options: EvOptions) -> Inputs:
    """Read both files.

    Raises:
        InvalidError: a file cannot be read, or has bad rows and they are not to be skipped.
    """
    assert options.sessions is not None
    assert options.prices is not None
    unit = options.price_unit or _DEFAULT_UNIT
    if unit not in PER_KWH:
        raise InvalidError(f"--price-unit {unit!r} is unknown; known are {', '.join(PER_KWH)}")
    zone = options.time_zone or _DEFAULT_ZONE
    sessions_path, prices_path = options.sessions, options.prices
    found = _read(sessions_path, lambda: read_sessions(sessions_path))
    quoted = _read(prices_path, lambda: read_prices(prices_path, unit, zone))
    if not options.skip_bad_rows:
        _refuse(sessions_path, [str(row) for row in found.bad_rows])
        _refuse(prices_path, [str(row) for row in quoted.bad_rows])
    if not found.sessions:
        rows = _listed([str(row) for row in found.bad_rows])
        raise InvalidError(f"{sessions_path} holds no usable session{rows}")
    return Inputs(
        sessions=found.sessions,
        prices=quoted.series,
        skipped_sessions=len(found.bad_rows),
        skipped_prices=len(quoted.bad_rows),
        notes=quoted.notes,
    )


def _read(path: Path, reader: Callable[[], ResultT]) -> ResultT:
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise InvalidError(f"{path} is empty", code="bad_file")
        return reader()
    except OSError as error:
        raise InvalidError(f"cannot read {path}: {error.strerror or error}") from error
    except (SessionFileError, PriceFileError) as error:
        raise InvalidError(str(error), code="bad_file") from error


def _refuse(path: Path, bad_rows: list[str]) -> None:
    if bad_rows:
        count = f"{len(bad_rows)} bad row{'s' if len(bad_rows) > 1 else ''}"
        raise InvalidError(
            f"{path} has {count}{_listed(bad_rows)}\nMend the file, or go on without them: "
            "--skip-bad-rows",
            code="bad_rows",
        )


def _listed(rows: list[str]) -> str:
    if not rows:
        return ""
    more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    return ":\n" + "\n".join(f"  {row}" for row in rows[:_SHOWN] + more)
