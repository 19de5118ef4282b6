"""Strategy 2, balance of cost and travel comfort: charge in the off-peak, sell in the peak window.

Source: ITU-T FGMV-09 and FGMV-27, the rule for the electric-vehicle twin: if the charging time
exceeds the off-peak window, charging starts at the window's beginning, else anywhere inside it;
likewise discharging in the peak window. "Anywhere" is chosen to flatten the feeder, or by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles, connected_share
from twin.horizon import Horizon


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Slots from ``first`` up to, not including, ``end``."""

    first: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.end:
            raise ValueError(f"a window needs 0 <= first < end, not {self.first} to {self.end}")

    @property
    def slots(self) -> int:
        return self.end - self.first

    @classmethod
    def cheapest(cls, price_per_kwh: FloatArray, slots: int) -> TimeWindow:
        """The run of ``slots`` slots with the least mean price: the off-peak window."""
        sums = np.convolve(price_per_kwh, np.ones(slots), mode="valid")
        first = int(np.argmin(sums))
        return cls(first, first + slots)

    @classmethod
    def dearest(cls, price_per_kwh: FloatArray, slots: int) -> TimeWindow:
        """The run of ``slots`` slots with the highest mean price: the peak window."""
        return cls.cheapest(-price_per_kwh, slots)

    @classmethod
    def of_local_hours(
        cls, horizon: Horizon, time_zone: str, from_hour: float, to_hour: float
    ) -> TimeWindow:
        """The first run of slots with local hour in [from, to), over midnight if to < from."""
        hours = horizon.local_hours(time_zone)
        if from_hour < to_hour:
            inside = (hours >= from_hour) & (hours < to_hour)
        else:
            inside = (hours >= from_hour) | (hours < to_hour)
        if not inside.any():
            raise ValueError(f"no slot between {from_hour} and {to_hour} o'clock {time_zone}")
        first = int(np.argmax(inside))
        outside = np.flatnonzero(~inside[first:])
        return cls(first, first + int(outside[0]) if outside.size else horizon.slots)


def plan_windows(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    signal: PriceSignal,
    off_peak: TimeWindow,
    peak: TimeWindow,
    rng: np.random.Generator | None = None,
) -> FloatArray:
    """Wanted net energy at the grid by the window rule, shape (vehicle, slot), Wh.

    Windows are cut to the stay as declared at plug-in (the real one is not known; without a
    declaration the rest of the horizon counts). A vehicle whose stay misses the off-peak window
    charges at once. It sells, if willing, no more than it can charge again, need included, in the
    off-peak window after the peak. With ``rng`` the place inside a window is drawn;
    without it, it is the place where the feeder, as filled so far, is lowest (charging) or highest
    (discharging); the longest blocks are placed first.
    """
    told = np.where(
        np.isnan(stays.declared_departure_s),
        float(horizon.duration_seconds),
        np.maximum(stays.declared_departure_s, stays.arrival_s),
    )
    share = connected_share(stays.arrival_s, told, horizon)
    feeder = signal.base_load_w * horizon.slot_hours
    plan = np.zeros((vehicles.count, horizon.slots))
    full = vehicles.charge_power_w * horizon.slot_hours
    sold = _sellable_wh(vehicles, stays, horizon, share, off_peak, peak)
    need_wh = np.clip(
        stays.need_wh, 0.0, np.maximum(vehicles.battery_capacity_wh - stays.initial_energy_wh, 0.0)
    )
    grid_wh = (need_wh + sold / vehicles.discharge_efficiency) / vehicles.charge_efficiency
    chooser = _Chooser(feeder, rng)
    for vehicle in np.argsort(-sold / np.maximum(vehicles.discharge_power_w, 1.0), kind="stable"):
        if sold[vehicle] > 0.0:
            given = chooser.place(
                sold[vehicle],
                share[vehicle] * vehicles.discharge_power_w[vehicle] * horizon.slot_hours,
                peak,
                upward=False,
            )
            plan[vehicle] -= given
    for vehicle in np.argsort(-grid_wh / np.maximum(full, 1e-9), kind="stable"):
        most = share[vehicle] * full[vehicle]
        if sold[vehicle] > 0.0:
            busy = np.flatnonzero(plan[vehicle] < 0.0)
            most[: busy[-1] + 1] = 0.0
        plan[vehicle] += chooser.place(grid_wh[vehicle], most, off_peak, upward=True)
    return plan


class _Chooser:
    """Places blocks of energy into windows and keeps the feeder they leave."""

    def __init__(self, feeder_wh: FloatArray, rng: np.random.Generator | None) -> None:
        self._feeder = feeder_wh.astype(float).copy()
        self._rng = rng

    def place(
        self, energy_wh: float, most_wh: FloatArray, window: TimeWindow, upward: bool
    ) -> FloatArray:
        """The block at full power, at most ``most_wh`` (slot,) each; the rule of this module."""
        inside = np.flatnonzero(most_wh[window.first : window.end] > 0.0) + window.first
        if inside.size == 0:
            start = 0
        elif energy_wh >= most_wh[inside].sum():
            start = int(inside[0])
        else:
            before_end = np.cumsum(most_wh[inside][::-1])[::-1]
            starts = inside[before_end >= energy_wh]
            start = int(self._chosen(starts, energy_wh, most_wh, upward))
        block = self._block(energy_wh, most_wh, start)
        if not upward:
            block[window.end :] = 0.0
        self._feeder += block if upward else -block
        return block

    def _chosen(
        self, starts: np.ndarray, energy_wh: float, most_wh: FloatArray, upward: bool
    ) -> int:
        if self._rng is not None:
            return int(self._rng.choice(starts))
        sign = 1.0 if upward else -1.0
        growth = [
            float((2.0 * sign * self._feeder * block + block**2).sum())
            for block in (self._block(energy_wh, most_wh, int(start)) for start in starts)
        ]
        return int(starts[int(np.argmin(growth))])

    @staticmethod
    def _block(energy_wh: float, most_wh: FloatArray, start: int) -> FloatArray:
        later = most_wh.copy()
        later[:start] = 0.0
        block: FloatArray = np.diff(np.minimum(np.cumsum(later), energy_wh), prepend=0.0)
        return block


def _sellable_wh(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    share: FloatArray,
    off_peak: TimeWindow,
    peak: TimeWindow,
) -> FloatArray:
    """Energy at the grid each vehicle can sell in the peak window and charge again after it."""
    hours = share * horizon.slot_hours
    above = np.maximum(stays.initial_energy_wh - vehicles.reserve_wh, 0.0)
    by_time = hours[:, peak.first : peak.end].sum(axis=1) * vehicles.discharge_power_w
    after = max(peak.end, off_peak.first)
    refill = hours[:, after : off_peak.end].sum(axis=1) * vehicles.charge_power_w
    spare = np.maximum(refill * vehicles.charge_efficiency - stays.need_wh, 0.0)
    sellable: FloatArray = np.minimum(
        by_time, np.minimum(above, spare) * vehicles.discharge_efficiency
    )
    return np.where(sellable < 1.0, 0.0, sellable)
