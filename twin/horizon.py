"""The time axis of a plan: equal slots in UTC, read on a local clock where people live by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Horizon:
    """``slots`` consecutive slots of ``slot_seconds`` from ``start`` (UTC).

    Raises ValueError for a start without time zone and for empty or negative lengths.
    """

    start: datetime
    slot_seconds: int = 900
    slots: int = 96

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("horizon start has no time zone: give an aware datetime")
        if self.slot_seconds <= 0 or self.slots <= 0:
            raise ValueError(
                f"a horizon needs positive slot_seconds and slots, "
                f"not {self.slot_seconds} and {self.slots}"
            )
        object.__setattr__(self, "start", self.start.astimezone(UTC))

    @classmethod
    def local_day(cls, day: date, time_zone: str, slot_seconds: int = 900) -> Horizon:
        """The local calendar day: 23 or 25 hours long where the clock changes."""
        return cls.between(day, day + timedelta(days=1), time_zone, slot_seconds)

    @classmethod
    def between(
        cls, first: date, last: date, time_zone: str, slot_seconds: int = 900, hour: int = 0
    ) -> Horizon:
        """From ``hour`` o'clock of the local day ``first`` to the same hour of ``last``."""
        zone = ZoneInfo(time_zone)
        start = datetime(first.year, first.month, first.day, hour, tzinfo=zone).astimezone(UTC)
        end = datetime(last.year, last.month, last.day, hour, tzinfo=zone).astimezone(UTC)
        seconds = int((end - start).total_seconds())
        if seconds <= 0 or seconds % slot_seconds:
            raise ValueError(f"{seconds} s from {first} to {last} are no whole positive slots")
        return cls(start, slot_seconds, seconds // slot_seconds)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.slot_seconds * self.slots)

    @property
    def slot_hours(self) -> float:
        return self.slot_seconds / _HOUR_SECONDS

    @property
    def duration_seconds(self) -> int:
        return self.slot_seconds * self.slots

    def slot_start(self, slot: int) -> datetime:
        return self.start + timedelta(seconds=self.slot_seconds * slot)

    def start_epochs(self) -> NDArray[np.int64]:
        """Unix time of every slot's start, shape (slot,), s."""
        first = int(self.start.timestamp())
        return first + self.slot_seconds * np.arange(self.slots, dtype=np.int64)

    def seconds_since_start(self, moment: datetime) -> float:
        if moment.tzinfo is None:
            raise ValueError("a moment without time zone has no place on a horizon")
        return (moment - self.start).total_seconds()

    def slot_of(self, moment: datetime) -> int:
        """Index of the slot that holds ``moment``; IndexError outside the horizon."""
        slot = int(self.seconds_since_start(moment) // self.slot_seconds)
        if not 0 <= slot < self.slots:
            raise IndexError(f"{moment.isoformat()} lies outside {self.start} to {self.end}")
        return slot

    def local_starts(self, time_zone: str) -> tuple[datetime, ...]:
        """Every slot's start on the local clock; ``fold`` tells the repeated hour apart."""
        zone = ZoneInfo(time_zone)
        return tuple(self.slot_start(slot).astimezone(zone) for slot in range(self.slots))

    def local_hours(self, time_zone: str) -> NDArray[np.float64]:
        """Hour of the local clock at every slot's start, in [0, 24), shape (slot,)."""
        return np.array(
            [
                moment.hour + moment.minute / 60.0 + moment.second / _HOUR_SECONDS
                for moment in self.local_starts(time_zone)
            ]
        )
