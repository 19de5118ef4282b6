"""What the plant's twin believes, is told and is asked; arrays over time are shaped (slot,)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from twin.chp.plant import ChpPlant
from twin.horizon import Horizon

FloatArray = NDArray[np.float64]


class ChpShapeError(ValueError):
    """Series that belong together have different lengths, gaps, or impossible values."""


@dataclass(frozen=True, slots=True)
class PlantState:
    """How things stand when the horizon begins.

    ``hours_so`` is how long the unit has been running (``running``) or standing. ``power_w`` and
    ``heat_w`` are what it gave last.
    """

    stored_wh: float
    indoor_c: float
    structure_c: float
    running: bool
    hours_so: float
    power_w: float
    heat_w: float


@dataclass(frozen=True, slots=True)
class DayAhead:
    """The forecast: outdoor temperature (degrees Celsius), wind power that blows (W), and heat
    that must be met in its slot whatever the buildings can bear (hot water, network losses; W)."""

    outdoor_c: FloatArray
    wind_w: FloatArray
    hot_water_w: FloatArray

    def __post_init__(self) -> None:
        _check_series(self, lowest={"wind_w": 0.0, "hot_water_w": 0.0})


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """How far days stray from the forecast: standard deviations and hours of memory.

    Outdoor temperature is off by ``outdoor_k`` K, wind by ``wind_share`` of the installed
    ``wind_capacity_w``, hot water by ``hot_water_share`` of itself. Errors fade with a factor
    1/e in ``outdoor_hours`` and ``wind_hours`` (first-order autoregression).
    """

    outdoor_k: float = 1.2
    outdoor_hours: float = 12.0
    wind_share: float = 0.10
    wind_hours: float = 6.0
    wind_capacity_w: float = 0.0
    hot_water_share: float = 0.08


@dataclass(frozen=True, slots=True)
class LoadBelief:
    """How sure the twin is of heat loss and gain: ``covariance`` of (loss W/K, gain W), (2, 2)."""

    covariance: FloatArray
    days_seen: int = 0


@dataclass(frozen=True, slots=True)
class ChpSite:
    """What a plant's twin is built from."""

    horizon: Horizon
    plant: ChpPlant
    state: PlantState
    forecast: DayAhead
    errors: ForecastErrors = ForecastErrors()


@dataclass(frozen=True, slots=True)
class ChpModel:
    """The twin's present belief."""

    horizon: Horizon
    plant: ChpPlant
    state: PlantState
    forecast: DayAhead
    errors: ForecastErrors
    belief: LoadBelief


@dataclass(frozen=True, slots=True)
class ChpSamples:
    """Scenarios of a day, arrays (scenario, slot), see :class:`DayAhead`."""

    outdoor_c: FloatArray
    wind_w: FloatArray
    hot_water_w: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.outdoor_c.shape[0])

    def day(self, scenario: int) -> DayAhead:
        return DayAhead(*(getattr(self, field.name)[scenario] for field in fields(self)))

    @classmethod
    def certain(cls, day: DayAhead) -> ChpSamples:
        """One scenario holding a day that is taken as known."""
        return cls(day.outdoor_c[None, :], day.wind_w[None, :], day.hot_water_w[None, :])


@dataclass(frozen=True, slots=True)
class GridSignal:
    """The grid the plant feeds, known a day ahead.

    ``load_w`` is what the grid consumes, ``price_per_kwh`` what the plant's power sells for. What
    plant and wind leave of the load is the residual that other stations supply: it may not fall
    below ``others_least_w`` (their minimum, less what can be exported), so wind is curtailed
    where it would, at ``curtailment_per_kwh``; nor rise above ``peak_limit_w``. The highest
    residual of the day costs ``peak_per_kw``.
    """

    load_w: FloatArray
    price_per_kwh: FloatArray
    others_least_w: float
    curtailment_per_kwh: float
    peak_per_kw: float = 0.0
    peak_limit_w: float = float("inf")

    def __post_init__(self) -> None:
        _check_series(self, lowest={"load_w": 0.0})
        if self.others_least_w > self.peak_limit_w:
            raise ChpShapeError("the least of other stations is above the peak limit")


def check_lengths(horizon: Horizon, *parts: DayAhead | ChpSamples | GridSignal) -> None:
    """Raise ChpShapeError where a series has not as many slots as the horizon."""
    for part in parts:
        for field in fields(part):
            values = getattr(part, field.name)
            if isinstance(values, np.ndarray) and values.shape[-1] != horizon.slots:
                raise ChpShapeError(
                    f"{field.name} has {values.shape[-1]} slots, the horizon {horizon.slots}"
                )


def _check_series(part: DayAhead | GridSignal, lowest: dict[str, float]) -> None:
    for field in fields(part):
        values = getattr(part, field.name)
        if not isinstance(values, np.ndarray):
            continue
        if values.ndim != 1:
            raise ChpShapeError(f"{field.name} must be shaped (slot,), not {values.shape}")
        bad = np.flatnonzero(~np.isfinite(values) | (values < lowest.get(field.name, -np.inf)))
        if bad.size:
            raise ChpShapeError(f"{field.name} is {values[bad[0]]:g} in slot {bad[0]}")
