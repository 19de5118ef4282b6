"""What the mall's twin believes, is told and is asked.

Arrays over time are (slot,), (slot, zone), (slot, surface), or the same behind (scenario,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from twin.comfort import ComfortBandError, ComfortTerms
from twin.horizon import Horizon
from twin.mall.building import SURFACES, FloatArray, Mall

BoolArray = NDArray[np.bool_]


class MallShapeError(ValueError):
    """Series that belong together have different lengths, gaps, or impossible values."""


@dataclass(frozen=True, slots=True)
class ComfortBand:
    """Operative temperatures that customers accept, degrees Celsius, shape (zone,)."""

    low_c: FloatArray
    high_c: FloatArray

    def __post_init__(self) -> None:
        room = self.high_c - self.low_c
        if not np.isfinite(room).all() or (room < 0.5).any():
            zone = int(np.argmin(np.where(np.isfinite(room), room, -np.inf)))
            raise ComfortBandError(
                f"impossible comfort band in zone {zone}: {self.low_c[zone]:.1f} C to "
                f"{self.high_c[zone]:.1f} C leaves less than 0.5 K; widen the class, or check "
                "clothing, activity and votes"
            )


@dataclass(frozen=True, slots=True)
class MallState:
    """How things stand when the horizon begins: temperatures (zone,) in C, stored cold in Wh."""

    air_c: FloatArray
    mass_c: FloatArray
    stored_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class DayAhead:
    """The forecast of a day.

    ``outdoor_c`` and ``humidity_percent`` (relative) of the air outside, ``sun_w_per_m2`` on every
    surface (slot, surface), ``customers`` in the mall, and whether it is ``open``.
    """

    outdoor_c: FloatArray
    humidity_percent: FloatArray
    sun_w_per_m2: FloatArray
    customers: FloatArray
    open: BoolArray

    def __post_init__(self) -> None:
        slots = self.outdoor_c.shape[-1]
        for series in fields(self):
            values = getattr(self, series.name)
            shape = (slots, len(SURFACES)) if series.name == "sun_w_per_m2" else (slots,)
            if values.shape != shape:
                raise MallShapeError(f"{series.name} is shaped {values.shape}, not {shape}")
            if not np.isfinite(values).all():
                slot = int(np.argwhere(~np.isfinite(values))[0, 0])
                raise MallShapeError(f"{series.name} is missing in slot {slot}")
            if series.name != "outdoor_c" and (values < 0).any():
                raise MallShapeError(f"{series.name} is negative in a slot")
        if (self.humidity_percent > 100.0).any():
            raise MallShapeError("humidity_percent is above 100 in a slot")


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """How far days stray from the forecast: standard deviations and hours of memory.

    A day's customers are off by ``customers_day`` as a whole and by ``customers_slot`` from hour
    to hour, sunshine by ``sun_share``, both as shares; the outdoor temperature by ``outdoor_k``.
    Errors fade with a factor 1/e in ``outdoor_hours``, and in one hour for customers and sun.
    """

    outdoor_k: float = 1.0
    outdoor_hours: float = 8.0
    customers_day: float = 0.12
    customers_slot: float = 0.10
    sun_share: float = 0.15


@dataclass(frozen=True, slots=True)
class MallSite:
    """What a mall's twin is built from.

    ``set_point_c`` is the air temperature (zone,) that thermostats hold today. ``votes`` are
    tallies of thermal sensation -3 (cold) to +3 (hot) by zone name; see :mod:`twin.mall.votes`.
    ``comfort_share`` is the share of scenarios in which a plan has to keep the comfort band.
    """

    horizon: Horizon
    mall: Mall
    state: MallState
    forecast: DayAhead
    set_point_c: FloatArray
    comfort: ComfortTerms = field(default_factory=ComfortTerms)
    errors: ForecastErrors = ForecastErrors()
    comfort_share: float = 0.9
    votes: Mapping[str, Mapping[int, float]] | None = None


@dataclass(frozen=True, slots=True)
class MallModel:
    """The twin's present belief."""

    horizon: Horizon
    mall: Mall
    state: MallState
    forecast: DayAhead
    set_point_c: FloatArray
    comfort: ComfortTerms
    band: ComfortBand
    errors: ForecastErrors
    comfort_share: float
    days_closed: int = 0


@dataclass(frozen=True, slots=True)
class MallSamples:
    """Scenarios of a day: ``outdoor_c``, ``customers`` and ``sun_factor`` (on the forecast
    sunshine), all (scenario, slot)."""

    outdoor_c: FloatArray
    customers: FloatArray
    sun_factor: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.outdoor_c.shape[0])

    def part(self, first: int, last: int) -> MallSamples:
        """Scenarios ``first`` to ``last - 1``."""
        return MallSamples(*(getattr(self, field.name)[first:last] for field in fields(self)))

    @classmethod
    def certain(cls, day: DayAhead) -> MallSamples:
        """One scenario holding a day that is taken as known."""
        ones = np.ones((1, day.outdoor_c.size))
        return cls(day.outdoor_c[None, :], day.customers[None, :], ones)


@dataclass(frozen=True, slots=True)
class GridSignal:
    """What the grid asks: ``price_per_kwh`` (slot,), and in which slots it is at its ``peak``.

    ``limit_w`` is the most the mall may draw in any slot.
    """

    price_per_kwh: FloatArray
    peak: BoolArray
    limit_w: float = float("inf")

    def __post_init__(self) -> None:
        if self.price_per_kwh.shape != self.peak.shape or self.peak.ndim != 1:
            raise MallShapeError("price_per_kwh and peak must both be shaped (slot,)")
        if not np.isfinite(self.price_per_kwh).all():
            slot = int(np.argmin(np.isfinite(self.price_per_kwh)))
            raise MallShapeError(f"price_per_kwh is missing in slot {slot}")
        if self.peak.dtype != np.bool_:
            raise MallShapeError("peak tells for every slot whether it is one: give booleans")
        if not self.limit_w > 0.0:
            raise MallShapeError(f"limit_w = {self.limit_w:g} lets the mall draw nothing")


def check_lengths(horizon: Horizon, *parts: DayAhead | MallSamples | GridSignal) -> None:
    """Raise MallShapeError where a series has not as many slots as the horizon."""
    for part in parts:
        for series in fields(part):
            values = getattr(part, series.name)
            if not isinstance(values, np.ndarray):
                continue
            slots = values.shape[0 if series.name == "sun_w_per_m2" else -1]
            if slots != horizon.slots:
                raise MallShapeError(
                    f"{series.name} has {slots} slots, the horizon {horizon.slots}"
                )
