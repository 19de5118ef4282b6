"""Sessions and prices by path: which belong together, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.ev_fleet.acn import SessionFileError, read_sessions
from twin.ev_fleet.session import ChargingSession
from twin.prices import PriceSeries
from wattproof.demo import files
from wattproof.demo.ev.options import EvOptions
from wattproof.errors import InvalidError


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
    given = [*files.price_options(options), ("--day", options.day)]
    files.check_company(given, "--sessions and --prices", present=False)
    return False


def read_inputs(options: EvOptions) -> Inputs:
    """Read both files.

    Raises:
        InvalidError: a file cannot be read, or has bad rows and they are not to be skipped.
    """
    assert options.sessions is not None
    assert options.prices is not None
    sessions_path = options.sessions
    found = files.read(sessions_path, lambda: read_sessions(sessions_path), SessionFileError)
    if not options.skip_bad_rows:
        files.refuse(sessions_path, [str(row) for row in found.bad_rows])
    quoted = files.prices(options.prices, options)
    if not found.sessions:
        rows = files.listed([str(row) for row in found.bad_rows])
        raise InvalidError(f"{sessions_path} holds no usable session{rows}")
    return Inputs(
        sessions=found.sessions,
        prices=quoted.series,
        skipped_sessions=len(found.bad_rows),
        skipped_prices=len(quoted.bad_rows),
        notes=quoted.notes,
    )
