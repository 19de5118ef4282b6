"""Reader of charging sessions in the ACN-Data JSON layout.

Source: Lee, Li, Low, "ACN-Data: analysis and applications of an open EV charging dataset",
ACM e-Energy 2019. A file is a list of sessions or an object whose ``_items`` is that list.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from twin.ev_fleet.session import ChargingSession

MAX_ENERGY_WH = 500_000.0
MAX_STAY_SECONDS = 31 * 86_400.0
MAX_MEAN_POWER_W = 1_000_000.0


class SessionFileError(ValueError):
    """The file as a whole is not a list of sessions."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A session that cannot be used: its place in the file (from 0), its name, and why."""

    index: int
    session_id: str | None
    reason: str

    def __str__(self) -> str:
        name = f" ({self.session_id})" if self.session_id else ""
        return f"row {self.index}{name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ReadResult:
    sessions: tuple[ChargingSession, ...]
    bad_rows: tuple[BadRow, ...]


class _RowError(ValueError):
    pass


def read_sessions(path: str | Path) -> ReadResult:
    """Read a file of sessions, ordered by connection time; unusable rows are named, not dropped.

    Raises SessionFileError if the file is no JSON or holds no list of sessions.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SessionFileError(f"{path} is not UTF-8 text: {error}") from error
    return parse_sessions(text, str(path))


def parse_sessions(text: str, name: str = "sessions") -> ReadResult:
    """Parse the text of a sessions file; see :func:`read_sessions`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SessionFileError(f"{name} is not JSON: {error}") from error
    items = document.get("_items") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise SessionFileError(f"{name} holds no list of sessions (nor an object with _items)")
    sessions: list[ChargingSession] = []
    bad_rows: list[BadRow] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        session_id = _name(item)
        try:
            session = _session(item, index)
            if session.session_id in seen:
                raise _RowError(f"duplicate of row {seen[session.session_id]}")
        except _RowError as error:
            bad_rows.append(BadRow(index, session_id, str(error)))
            continue
        seen[session.session_id] = index
        sessions.append(session)
    sessions.sort(key=lambda session: (session.connected, session.session_id))
    return ReadResult(tuple(sessions), tuple(bad_rows))


def _name(item: object) -> str | None:
    if not isinstance(item, dict):
        return None
    for key in ("sessionID", "_id"):
        if isinstance(item.get(key), str) and item[key]:
            return str(item[key])
    return None


def _session(item: object, index: int) -> ChargingSession:
    if not isinstance(item, dict):
        raise _RowError(f"not an object but {type(item).__name__}")
    connected = _time(item, "connectionTime")
    disconnected = _time(item, "disconnectTime")
    stay = (disconnected - connected).total_seconds()
    if stay <= 0:
        raise _RowError(
            f"disconnectTime {disconnected.isoformat()} is not after "
            f"connectionTime {connected.isoformat()}"
        )
    if stay > MAX_STAY_SECONDS:
        raise _RowError(f"a stay of {stay / 86_400:.0f} days is longer than a month")
    energy_wh = 1000.0 * _number(item, "kWhDelivered")
    if energy_wh < 0:
        raise _RowError(f"kWhDelivered is negative ({energy_wh / 1000:g})")
    if energy_wh > MAX_ENERGY_WH:
        raise _RowError(f"kWhDelivered {energy_wh / 1000:g} is beyond any battery")
    mean_power_w = energy_wh * 3600.0 / stay
    if mean_power_w > MAX_MEAN_POWER_W:
        raise _RowError(f"mean power {mean_power_w / 1000:.0f} kW is beyond any pile")
    declared, requested_wh = _user_input(item, connected)
    done = _time(item, "doneChargingTime") if item.get("doneChargingTime") is not None else None
    return ChargingSession(
        session_id=_name(item) or f"row-{index}",
        user_id=_text(item, "userID"),
        site_id=_text(item, "siteID") or "",
        station_id=_text(item, "stationID") or _text(item, "spaceID") or "",
        connected=connected,
        disconnected=disconnected,
        energy_wh=energy_wh,
        declared_departure=declared,
        requested_energy_wh=requested_wh,
        done_charging=done,
        time_zone=_zone(item),
    )


def _user_input(
    item: Mapping[str, object], connected: datetime
) -> tuple[datetime | None, float | None]:
    """The last input entered by the moment of plugging in, or the first entered after it."""
    inputs = item.get("userInputs")
    if inputs is None:
        return None, None
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise _RowError("userInputs is not a list of objects")
    if not inputs:
        return None, None
    chosen = inputs[0]
    for entry in inputs[1:]:
        if entry.get("modifiedAt") is not None and _time(entry, "modifiedAt") <= connected:
            chosen = entry
    declared = None
    if chosen.get("requestedDeparture") is not None:
        declared = _time(chosen, "requestedDeparture")
        if declared <= connected:
            declared = None
    requested_wh = None
    if chosen.get("kWhRequested") is not None:
        requested_wh = 1000.0 * _number(chosen, "kWhRequested")
        if requested_wh < 0:
            raise _RowError(f"kWhRequested is negative ({requested_wh / 1000:g})")
    return declared, requested_wh


def _time(item: Mapping[str, object], key: str) -> datetime:
    value = item.get(key)
    if value is None or value == "":
        raise _RowError(f"{key} is missing")
    if not isinstance(value, str):
        raise _RowError(f"{key} is not a date: {value!r:.60}")
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        try:
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            raise _RowError(f"{key} is not a date: {value!r:.60}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _RowError(f"{key} is out of range: {value!r:.60}") from None
    if not 1990 <= moment.year <= 2200:
        raise _RowError(f"{key} is out of range: {value!r:.60}")
    return moment


def _number(item: Mapping[str, object], key: str) -> float:
    value = item.get(key)
    if value is None:
        raise _RowError(f"{key} is missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _RowError(f"{key} is not a number: {value!r:.60}")
    try:
        number = float(value)
    except OverflowError:
        raise _RowError(f"{key} is not a finite number") from None
    if not math.isfinite(number):
        raise _RowError(f"{key} is not a finite number")
    return number


def _text(item: Mapping[str, object], key: str) -> str | None:
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    raise _RowError(f"{key} is not text: {value!r:.60}")


def _zone(item: Mapping[str, object]) -> str:
    name = _text(item, "timezone") or "UTC"
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise _RowError(f"timezone {name!r:.60} is unknown") from None
    return name
