"""Efficiencies and demands, corrected by metered days.

A scalar Kalman filter for each converter and process: the belief is a factor on the data sheet (or
on type and peak) with a variance; a day's metered energy over what was expected is one
measurement of it. A measurement further off than three standard deviations counts as three, and no
factor moves by more than a fixed share a day or leaves its range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.park.believed import believed_park, main_output, output_w
from twin.park.demand import wanted_w
from twin.park.model import ParkBelief, ParkModel
from twin.park.plan import ParkOutcome
from twin.park.site import FloatArray, Park, ParkError


@dataclass(frozen=True, slots=True)
class LearningLimits:
    """Standard deviations before any day, of a day's measurement, and of a day's drift; the most a
    factor moves a day; its range."""

    unsure: float
    measured: float
    drift: float
    most_a_day: float
    lowest: float
    highest: float


OUTPUT = LearningLimits(0.05, 0.02, 0.002, 0.03, 0.6, 1.1)
DEMAND = LearningLimits(0.15, 0.08, 0.01, 0.10, 0.2, 3.0)

_OUTLIER = 3.0
_LEAST_HOURS = 0.5
"""Equivalent full-load hours below which a day says nothing about a converter."""


def first_belief(park: Park) -> ParkBelief:
    """Data sheets and process types as they stand."""
    converters = sum(1 for _ in park.converters())
    processes = sum(1 for _ in park.processes())
    return ParkBelief(
        output_factor=np.ones(converters),
        output_variance=np.full(converters, OUTPUT.unsure**2),
        demand_factor=np.ones(processes),
        demand_variance=np.full(processes, DEMAND.unsure**2),
    )


def learn_day(model: ParkModel, outcome: ParkOutcome) -> ParkModel:
    """The model after a metered day.

    Raises ParkError where the outcome does not fit the park, has gaps or negative values.
    """
    _check(model, outcome)
    belief, hours = model.belief, model.park.horizon.slot_hours
    converters = [part for _, part in model.described.converters()]
    sheet = np.array(
        [
            output_w(part, drive, main_output(part)).sum()
            for part, drive in zip(converters, outcome.drive_w, strict=True)
        ]
    )
    capacity = np.array([part.capacity_w for part in converters])
    ran = outcome.drive_w.sum(axis=1) * hours >= _LEAST_HOURS * capacity
    output, output_variance = _update(
        OUTPUT,
        belief.output_factor,
        belief.output_variance,
        outcome.output_w.sum(axis=1),
        np.where(ran, sheet, 0.0),
    )
    typical = wanted_w(model.described, model.weather.outdoor_c[None, :])[0].sum(axis=1)
    demand, demand_variance = _update(
        DEMAND,
        belief.demand_factor,
        belief.demand_variance,
        outcome.wanted_w.sum(axis=1),
        typical,
    )
    return replace(
        model,
        park=believed_park(model.described, output),
        belief=ParkBelief(output, output_variance, demand, demand_variance, belief.days_seen + 1),
    )


def _update(
    limits: LearningLimits,
    factor: FloatArray,
    variance: FloatArray,
    metered: FloatArray,
    expected: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Factors and variances after a measurement each; where nothing was expected, only drift."""
    drifted = np.minimum(variance + limits.drift**2, limits.unsure**2)
    known = expected > 0.0
    measured = np.divide(metered, expected, out=factor.copy(), where=known)
    spread = drifted + limits.measured**2
    limit = _OUTLIER * np.sqrt(spread)
    gain = np.where(known, drifted / spread, 0.0)
    change = gain * np.clip(measured - factor, -limit, limit)
    moved = factor + np.clip(change, -limits.most_a_day, limits.most_a_day)
    return np.clip(moved, limits.lowest, limits.highest), (1.0 - gain) * drifted


def _check(model: ParkModel, outcome: ParkOutcome) -> None:
    slots = model.park.horizon.slots
    elements = {
        "drive_w": model.belief.output_factor.size,
        "output_w": model.belief.output_factor.size,
        "wanted_w": model.belief.demand_factor.size,
    }
    for field, count in elements.items():
        values = getattr(outcome, field)
        if values.shape != (count, slots):
            raise ParkError(f"the metered {field} must be shaped {(count, slots)}")
        if not (np.isfinite(values) & (values >= 0.0)).all():
            raise ParkError(f"the metered {field} has a gap or a value below 0")
