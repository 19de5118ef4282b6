"""The published fleet: seeded, documented, with vehicle-to-grid; anyone can draw it again.

A residential feeder from noon to noon. Each driver has habits (a usual arrival, departure and
need) drawn once; each day scatters around them. Parameters are round figures within the ranges
of published surveys (arrivals home in the evening, 8 to 14 kWh a day, 7.4 and 11 kW piles,
batteries of 40 to 77 kWh, 92 to 95 % efficiency a way, 2 ct wear a kWh moved).

| quantity | distribution |
|---|---|
| usual arrival | normal, 18:00 local, 90 min, within 13:00 to 23:00 |
| usual departure | normal, 07:30 local the next day, 60 min, within 05:00 to 11:00 |
| day's arrival | usual, 45 min scatter |
| declared departure | usual, 20 min scatter |
| real departure | declared, 15 min scatter |
| need | gamma, shape 4, usual mean uniform 6 to 16 kWh, at most 60 % of the battery |
| stored on arrival | uniform 25 to 60 % of the battery, need on top fits |
| battery | 40, 52, 62 or 77 kWh |
| pile | 7.4 kW (three of four) or 11 kW, both ways |
| willing to discharge | four of five drivers |
| base load | 1.1 kW a household, evening peak, two households a vehicle |
| price | day-ahead shape of two peaks around a seeded level, hourly scatter 8 % |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from twin.ev_fleet.habits import Habits, draw_stays
from twin.ev_fleet.model import FleetSamples, FloatArray, PriceSignal, Vehicles
from twin.ev_fleet.session import ChargingSession
from twin.horizon import Horizon

_HOUR = 3600.0
_MINUTE = 60.0
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PublishedFleet:
    """Everything a study of the published fleet needs."""

    seed: int
    horizon: Horizon
    vehicles: Vehicles
    habits: Habits
    signal: PriceSignal

    def day(self, day: int = 0) -> FleetSamples:
        """The stays of one day as a single scenario; every day has its own numbers."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, day)))
        return draw_stays(self.vehicles, self.habits, self.horizon, rng, 1)

    def history(self, days: int = 28) -> tuple[ChargingSession, ...]:
        """Sessions of the ``days`` days before the horizon, as a meter would have kept them."""
        sessions = []
        for back in range(1, days + 1):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(2, back)))
            stays = draw_stays(self.vehicles, self.habits, self.horizon, rng, 1).stays(0)
            start = self.horizon.start - timedelta(days=back)
            for place, owner in enumerate(self.vehicles.owner_ids):
                sessions.append(
                    ChargingSession(
                        session_id=f"{owner}-{back}",
                        user_id=owner,
                        site_id="published",
                        station_id=f"pile-{place}",
                        connected=start + timedelta(seconds=float(stays.arrival_s[place])),
                        disconnected=start + timedelta(seconds=float(stays.departure_s[place])),
                        energy_wh=float(
                            stays.need_wh[place] / self.vehicles.charge_efficiency[place]
                        ),
                        declared_departure=start
                        + timedelta(seconds=float(stays.declared_departure_s[place])),
                    )
                )
        sessions.sort(key=lambda session: (session.connected, session.session_id))
        return tuple(sessions)


def published_fleet(
    seed: int = 2026, vehicles: int = 60, start: datetime = _NOON
) -> PublishedFleet:
    """Draw the published fleet of ``vehicles`` cars; the same seed is the same fleet."""
    if vehicles < 1:
        raise ValueError("a fleet has at least one vehicle")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    horizon = Horizon(start)
    battery = rng.choice([40_000.0, 52_000.0, 62_000.0, 77_000.0], vehicles)
    pile = rng.choice([7_400.0, 11_000.0], vehicles, p=[0.75, 0.25])
    willing = rng.random(vehicles) < 0.8
    fleet = Vehicles(
        owner_ids=tuple(f"owner-{place:04d}" for place in range(vehicles)),
        battery_capacity_wh=battery,
        reserve_wh=0.2 * battery,
        charge_power_w=pile,
        discharge_power_w=np.where(willing, pile, 0.0),
        charge_efficiency=rng.uniform(0.92, 0.95, vehicles),
        discharge_efficiency=rng.uniform(0.92, 0.95, vehicles),
        degradation_cost_per_kwh=np.full(vehicles, 0.02),
        value_of_energy_per_kwh=np.full(vehicles, 1.5),
    )
    arrival = np.clip(rng.normal(6.0, 1.5, vehicles), 1.0, 11.0) * _HOUR
    departure = np.clip(rng.normal(19.5, 1.0, vehicles), 17.0, 23.0) * _HOUR
    habits = Habits(
        arrival_s=arrival,
        departure_s=departure,
        need_wh=rng.uniform(6_000.0, 16_000.0, vehicles),
        arrival_scatter_s=np.full(vehicles, 45 * _MINUTE),
        declaration_scatter_s=np.full(vehicles, 20 * _MINUTE),
        departure_scatter_s=np.full(vehicles, 15 * _MINUTE),
        days_seen=np.full(vehicles, 20.0),
    )
    clock = (12.0 + horizon.slot_hours * np.arange(horizon.slots, dtype=float)) % 24.0
    signal = PriceSignal(
        price_per_kwh=_day_ahead_price(clock, rng),
        base_load_w=2 * vehicles * 1_100.0 * _household_shape(clock),
    )
    return PublishedFleet(seed, horizon, fleet, habits, signal)


def _day_ahead_price(clock: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Two peaks (08:00, 19:00), a trough at night, one scatter an hour; currency per kWh."""
    level = rng.uniform(0.10, 0.18)
    shape = (
        0.75
        + 0.55 * np.exp(-0.5 * ((clock - 8.0) / 1.5) ** 2)
        + 0.95 * np.exp(-0.5 * ((clock - 19.0) / 2.0) ** 2)
        - 0.30 * np.exp(-0.5 * ((clock - 3.0) / 2.5) ** 2)
    )
    hour = clock.astype(int)
    scatter = 1.0 + 0.08 * rng.standard_normal(24)
    price: FloatArray = level * shape * scatter[hour]
    return price


def _household_shape(clock: FloatArray) -> FloatArray:
    """Relative load of a household: mean about 0.5, 1 at the evening peak."""
    shape: FloatArray = (
        0.32
        + 0.25 * np.exp(-0.5 * ((clock - 8.0) / 1.5) ** 2)
        + 0.68 * np.exp(-0.5 * ((clock - 19.5) / 2.2) ** 2)
    )
    return shape
