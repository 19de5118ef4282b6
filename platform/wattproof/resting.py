"""What is left alone for a while because it failed."""

from __future__ import annotations

from dataclasses import dataclass, field

REST_S = 3_600


@dataclass(slots=True)
class Resting:
    """Steps that failed, by name: why, and from when on they may be tried again (market's time).

    Kept in memory: after a restart, and in every process, each is tried and logged once more.
    """

    _until: dict[str, tuple[str, int]] = field(default_factory=dict)

    def rests(self, key: str, now: int) -> bool:
        """Whether the step is to be left alone."""
        return key in self._until and now < self._until[key][1]

    def begin(self, key: str, now: int, *, cause: str) -> bool:
        """Leave the step alone for an hour. True if it failed for another reason than before."""
        before = self._until.get(key)
        self._until[key] = cause, now + REST_S
        return before is None or before[0] != cause
