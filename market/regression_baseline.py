"""A baseline to publish: load by hour and kind of day, and by how warm or cold it is.

Ordinary least squares of a change-point model, as in the inverse modelling toolkit of ASHRAE
RP-1050 and Mathieu et al., "Quantifying changes in building electricity use" (2011): one level for
every slot of workdays and of other days, one slope for degrees above a cooling balance point, one
for degrees below a heating balance point. The balance points are those that leave least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from market.baseline import BaselineError

Array = NDArray[np.float64]

LEAST_DAYS = 5
"""Of each kind of day that occurs: fewer cannot tell weather from chance."""
BALANCE_POINTS_C = tuple(np.arange(8.0, 25.0, 1.0).tolist())
_LARGEST_WH = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FitErrors:
    """ASHRAE Guideline 14: with n values, p parameters and mean m of what was metered,
    CV(RMSE) = sqrt(sum((y - f)^2) / (n - p)) / |m| and NMBE = sum(y - f) / ((n - p) |m|).

    Both as fractions; NMBE is positive where the model is too low.
    """

    cv_rmse: float
    nmbe: float


def fit_errors(metered_wh: Array, modelled_wh: Array, parameters: int = 1) -> FitErrors:
    """Errors of a model. Guideline 14 asks for `parameters` = 1 where it did not see the values.

    Raises:
        BaselineError: too few values, or their mean is 0, so that there is no relative error.
    """
    residual = np.asarray(metered_wh, float).ravel() - np.asarray(modelled_wh, float).ravel()
    freedom = residual.size - parameters
    mean = abs(float(np.mean(metered_wh))) if residual.size else 0.0
    if freedom < 1 or mean == 0.0:
        raise BaselineError(
            f"{residual.size} values with a mean of {mean:g} Wh say nothing about a model of "
            f"{parameters} parameters"
        )
    return FitErrors(
        math.sqrt(float(residual @ residual) / freedom) / mean,
        float(residual.sum()) / (freedom * mean),
    )


@dataclass(frozen=True, slots=True)
class RegressionBaseline:
    """A fitted model; see `fit`.

    Attributes:
        level_wh: shaped (2, slot): other days, workdays; NaN for a kind that was not seen.
        cooling_wh_per_k: Wh a slot and degree above `cooling_from_c`.
        heating_wh_per_k: Wh a slot and degree below `heating_from_c`.
        errors: on the days it was fitted to.
    """

    level_wh: Array
    cooling_wh_per_k: float
    heating_wh_per_k: float
    cooling_from_c: float
    heating_from_c: float
    errors: FitErrors

    def energy_wh(self, workday: bool, temperature_c: Array) -> Array:
        """Wh of every slot of a day; `temperature_c` has one outdoor temperature a slot.

        Raises:
            BaselineError: no such day was seen, or temperatures are missing.
        """
        level = self.level_wh[int(workday)]
        temperature = np.asarray(temperature_c, float)
        if temperature.shape != level.shape or not np.isfinite(temperature).all():
            raise BaselineError(f"a day needs {level.size} outdoor temperatures, in °C")
        if np.isnan(level).any():
            kind = "workday" if workday else "weekend or holiday"
            raise BaselineError(f"no {kind} was among the days that the baseline was fitted to")
        energy: Array = (
            level
            + self.cooling_wh_per_k * np.maximum(temperature - self.cooling_from_c, 0.0)
            + self.heating_wh_per_k * np.maximum(self.heating_from_c - temperature, 0.0)
        )
        return energy

    def values_wh(self, workday: bool, temperature_c: Array) -> tuple[int, ...]:
        """`energy_wh` as it is published: whole Wh a slot, rounded to the nearest."""
        rounded = np.rint(self.energy_wh(workday, temperature_c))
        return tuple(int(wh) for wh in np.clip(rounded, -_LARGEST_WH, _LARGEST_WH))


def fit(energy_wh: Array, temperature_c: Array, workday: Sequence[bool]) -> RegressionBaseline:
    """The least-squares model of some days on which nothing was called.

    Args:
        energy_wh: metered, shaped (day, slot).
        temperature_c: outdoors, shaped (day, slot).
        workday: of every day; False for weekends and holidays.

    Raises:
        BaselineError: shapes differ, values are missing, or there are too few days of a kind.
    """
    energy, temperature = np.asarray(energy_wh, float), np.asarray(temperature_c, float)
    kinds = np.asarray(workday, bool)
    _check(energy, temperature, kinds)
    fits = [
        _solve(energy, temperature, kinds, heating, cooling)
        for heating, cooling in product(BALANCE_POINTS_C, repeat=2)
        if heating <= cooling
    ]
    return min(fits, key=lambda found: found.squares).model


@dataclass(frozen=True, slots=True)
class _Fitted:
    squares: float
    model: RegressionBaseline


def _solve(
    energy: Array, temperature: Array, kinds: NDArray[np.bool_], heating_c: float, cooling_c: float
) -> _Fitted:
    """Slopes from what differs from the mean day of its kind (Frisch-Waugh), then levels."""
    cooling = np.maximum(temperature - cooling_c, 0.0)
    heating = np.maximum(heating_c - temperature, 0.0)
    means = [_mean_days(values, kinds) for values in (energy, cooling, heating)]
    varying = [
        (values - mean[kinds.astype(int)]).ravel()
        for values, mean in zip((energy, cooling, heating), means, strict=True)
    ]
    slopes = np.linalg.lstsq(np.column_stack(varying[1:]), varying[0], rcond=None)[0]
    residual = varying[0] - np.column_stack(varying[1:]) @ slopes
    level = means[0] - slopes[0] * means[1] - slopes[1] * means[2]
    # Slopes and balance points, and a level for each slot of every kind of day that was seen.
    parameters = 4 + int(np.isfinite(level).sum())
    errors = fit_errors(energy, energy - residual.reshape(energy.shape), parameters)
    model = RegressionBaseline(
        level, float(slopes[0]), float(slopes[1]), cooling_c, heating_c, errors
    )
    return _Fitted(float(residual @ residual), model)


def _mean_days(values: Array, kinds: NDArray[np.bool_]) -> Array:
    """The mean day of either kind, shaped (2, slot); NaN where none was seen."""
    means = np.full((2, values.shape[1]), np.nan)
    for kind in (False, True):
        if (kinds == kind).any():
            means[int(kind)] = values[kinds == kind].mean(axis=0)
    return means


def _check(energy: Array, temperature: Array, kinds: NDArray[np.bool_]) -> None:
    if energy.ndim != 2 or energy.shape != temperature.shape or kinds.shape != energy.shape[:1]:
        raise BaselineError(
            "energy and temperature need the same shape (day, slot) and one kind for every day; "
            f"given were {energy.shape}, {temperature.shape} and {kinds.shape}"
        )
    for name, values in (("energy", energy), ("temperature", temperature)):
        gaps = np.argwhere(~np.isfinite(values))
        if gaps.size:
            day, slot = gaps[0]
            raise BaselineError(
                f"{name} has {len(gaps)} gaps, the first on day {day}, slot {slot}; leave such "
                "days out or fill them from another source"
            )
    for kind, name in ((True, "workdays"), (False, "weekends and holidays")):
        found = int((kinds == kind).sum())
        if found < LEAST_DAYS and (found or not kinds.size):
            raise BaselineError(
                f"only {found} {name} to fit, at least {LEAST_DAYS} are needed; take a longer "
                "history, or leave that kind of day out"
            )
