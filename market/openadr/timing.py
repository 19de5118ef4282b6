"""Times and durations as OpenADR writes them: RFC 3339 and ISO 8601."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from market.openadr.document import Node, OpenAdrError

_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
LONGEST_SECONDS = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Calendar:
    """A market's slots and periods: seconds a slot, slots a period. Period k begins at second
    `k * period_slots * slot_seconds` (UTC)."""

    slot_seconds: int
    period_slots: int

    @property
    def period_seconds(self) -> int:
        return self.slot_seconds * self.period_slots

    def start_of(self, period: int, slot: int) -> int:
        """Seconds, UTC; `slot` counts from the period's first."""
        return period * self.period_seconds + slot * self.slot_seconds

    def window(self, starts_at: Node, start: int, seconds: int) -> tuple[int, int, int]:
        """Period, first slot and number of slots of a span of time.

        Raises OpenAdrError (at `starts_at`) where it is no whole number of slots of one period.
        """
        period, offset = divmod(start, self.period_seconds)
        first_slot, inside = divmod(offset, self.slot_seconds)
        if inside or start < 0:
            raise starts_at.refuse(
                f"does not begin with a slot; slots of this market begin every "
                f"{self.slot_seconds} s from 00:00 UTC"
            )
        slots, rest = divmod(seconds, self.slot_seconds)
        if rest or not slots:
            raise starts_at.refuse(
                f"lasts {seconds} s, which is no whole number of slots of {self.slot_seconds} s"
            )
        if first_slot + slots > self.period_slots:
            raise starts_at.refuse(
                "goes on after the end of its period; call an event for each period"
            )
        return period, first_slot, slots


def read_time(node: Node) -> int:
    """Seconds since 1970, UTC. An offset is needed: a local time without one could mean any."""
    text = node.text()
    match = _TIME.fullmatch(text)
    if match is None:
        raise node.refuse(
            f"{text!r} is no RFC 3339 time with an offset, such as 2026-01-31T17:00:00Z"
        )
    if match[1] and match[1].strip(".0"):
        raise node.refuse(f"{text!r} is finer than a second")
    try:
        time = datetime.fromisoformat(text.replace(match[1] or "", "", 1).upper())
    except ValueError as error:
        raise node.refuse(f"{text!r} is no time: {error}") from error
    return int(time.timestamp())


def write_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_duration(node: Node) -> int:
    """Seconds of `PnWnDTnHnMnS`. Years and months are refused: they have no fixed length."""
    text = node.text()
    match = _DURATION.fullmatch(text)
    if match is None:
        raise node.refuse(
            f"{text!r} is no duration of weeks, days, hours, minutes and whole seconds, "
            "such as PT1H30M"
        )
    seconds = sum(int(match[name] or 0) * length for name, length in _SECONDS.items())
    if seconds > LONGEST_SECONDS:
        raise node.refuse(f"{text!r} is longer than {LONGEST_SECONDS} s")
    return seconds


def write_duration(seconds: int) -> str:
    """The shortest of days, hours, minutes and seconds; `PT0S` for none."""
    if seconds < 0:
        raise OpenAdrError("$", f"a duration of {seconds} s")
    days, rest = divmod(seconds, 86_400)
    parts = [
        f"{count}{letter}"
        for count, letter in zip(
            (rest // 3_600, rest // 60 % 60, rest % 60), ("H", "M", "S"), strict=True
        )
        if count
    ]
    text = "P" + (f"{days}D" if days else "") + ("T" + "".join(parts) if parts else "")
    return text if text != "P" else "PT0S"
