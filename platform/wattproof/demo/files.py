"""Reading the user's files: what is wrong with them is said in full, never guessed around."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from market.quantise import price_nano_per_kwh
from twin.day_match import DayMatchError, match_days, matched_slot_prices
from twin.horizon import Horizon
from twin.prices import (
    PER_KWH,
    PriceFileError,
    PriceGapError,
    PriceReadResult,
    PriceSeries,
    read_prices,
)
from wattproof.demo.options import DayOptions
from wattproof.errors import InvalidError

_SHOWN = 20
_DEFAULT_UNIT = "USD/MWh"
_DEFAULT_ZONE = "America/New_York"

FloatArray = NDArray[np.float64]
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


def prices(path: Path, options: DayOptions) -> PriceReadResult:
    """Hourly prices of a file; by default PJM's unit and zone.

    Raises:
        InvalidError: an unknown unit, or a file that cannot be read or has bad rows that are not to
            be skipped.
    """
    unit = options.price_unit or _DEFAULT_UNIT
    if unit not in PER_KWH:
        raise InvalidError(f"--price-unit {unit!r} is unknown; known are {', '.join(PER_KWH)}")
    zone = options.time_zone or _DEFAULT_ZONE
    quoted = read(path, lambda: read_prices(path, unit, zone), PriceFileError)
    if not options.skip_bad_rows:
        refuse(path, [str(row) for row in quoted.bad_rows])
    return quoted


def price_options(options: DayOptions) -> list[tuple[str, object]]:
    """Options by name that say how prices are read."""
    return [
        ("--price-unit", options.price_unit),
        ("--time-zone", options.time_zone),
        ("--skip-bad-rows", options.skip_bad_rows),
    ]


def check_company(given: Iterable[tuple[str, object]], whom: str, *, present: bool) -> None:
    """Raise InvalidError for an option that was given without ``whom`` it goes with."""
    for name, value in given:
        if value and not present:
            raise InvalidError(f"{name} goes with {whom}")


def prices_on(series: PriceSeries, day: date, price_cap: int) -> tuple[FloatArray, str]:
    """Prices of the day that stands for ``day``, shape (slot,), by the clock; and which one it is.

    Raises:
        InvalidError: no day can, or a price is beyond the market's cap (nano per kWh).
    """
    midnight = Horizon(datetime.combine(day, time(), UTC))
    try:
        matches = match_days([day], series.local_days())
        per_kwh = matched_slot_prices(midnight, "UTC", series, matches)
    except (DayMatchError, PriceGapError) as error:
        raise InvalidError(str(error)) from error
    dearest = float(np.abs(per_kwh).max())
    if price_nano_per_kwh(dearest) > price_cap:
        raise InvalidError(
            f"a price of {dearest:g} a kWh on {day} is beyond the market's cap of "
            f"{price_cap / 1e9:g}; is --price-unit right?"
        )
    (match,) = matches
    said = f"{match.session_day} stands at the prices of {match.price_day} ({match.reason})"
    return per_kwh, said


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
