"""What is known of one charging session after it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChargingSession:
    """A vehicle's stay at a pile. Times are aware UTC; energy is metered at the pile (Wh).

    ``declared_departure`` and ``requested_energy_wh`` are what the driver entered, if anything.
    """

    session_id: str
    user_id: str | None
    site_id: str
    station_id: str
    connected: datetime
    disconnected: datetime
    energy_wh: float
    declared_departure: datetime | None = None
    requested_energy_wh: float | None = None
    done_charging: datetime | None = None
    time_zone: str = "UTC"

    @property
    def stay_seconds(self) -> float:
        return (self.disconnected - self.connected).total_seconds()

    @property
    def declared_stay_seconds(self) -> float | None:
        if self.declared_departure is None:
            return None
        return (self.declared_departure - self.connected).total_seconds()
