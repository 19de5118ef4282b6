"""A building's hourly load in the layout of CityLearn, and its forecast for the day ahead."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.mall.building import FloatArray

LOAD = "non_shiftable_load"
COOLING = "cooling_demand"
DAY_TYPE = "day_type"
HOUR = "hour"
TEMPERATURE = "outdoor_dry_bulb_temperature"
TEMPERATURE_AHEAD = "outdoor_dry_bulb_temperature_predicted_3"
"""CityLearn's prediction for 24 hours later."""

DAY = 24
WEEK = 168
LEAST_DAYS = 21

_RIDGE = 1.0
_COOLING_ABOVE_C = 18.0


class BuildingFileError(ValueError):
    """A building's file that cannot be used: names row and column, and what to do."""


@dataclass(frozen=True, slots=True)
class HourlyLoad:
    """``load_w`` (hour,) with ``hour_of_day`` (0 to 23), ``day_type`` (1 to 8, Monday first, 8 a
    holiday) and the outdoor temperature that was foreseen a day before, all (hour,)."""

    load_w: FloatArray
    hour_of_day: NDArray[np.int64]
    day_type: NDArray[np.int64]
    foreseen_c: FloatArray


@dataclass(frozen=True, slots=True)
class ForecastErrorStudy:
    """Errors of day-ahead forecasts over ``hours`` hours, W: root mean square and mean absolute, by
    the model, by the same hour of the day before, and of the week before."""

    hours: int
    model_rmse_w: float
    model_mae_w: float
    yesterday_rmse_w: float
    yesterday_mae_w: float
    last_week_rmse_w: float
    last_week_mae_w: float


def read_hourly_load(building: str | Path, weather: str | Path, column: str = LOAD) -> HourlyLoad:
    """Read a building's file (kWh an hour) beside its weather file, row by row.

    ``column`` is ``non_shiftable_load`` (all electricity where cooling is not metered apart) or
    ``cooling_demand``.

    Raises BuildingFileError for absent columns, values that are no numbers, files of different
    length, and a column that holds nothing but zeros.
    """
    load = _columns(building, (column, HOUR, DAY_TYPE))
    sky = _columns(weather, (TEMPERATURE, TEMPERATURE_AHEAD))
    rows = load[column].size
    if sky[TEMPERATURE].size != rows:
        raise BuildingFileError(
            f"{Path(building).name} has {rows} rows and {Path(weather).name} "
            f"{sky[TEMPERATURE].size}: they must be of the same hours"
        )
    if not load[column].any():
        raise BuildingFileError(
            f"{Path(building).name}: column {column} is zero throughout, so there is nothing to "
            f"forecast; this building meters its cooling within {LOAD}"
        )
    foreseen = np.concatenate([sky[TEMPERATURE][:DAY], sky[TEMPERATURE_AHEAD][:-DAY]])
    return HourlyLoad(
        load_w=1000.0 * load[column],
        hour_of_day=load[HOUR].astype(np.int64) % DAY,
        day_type=load[DAY_TYPE].astype(np.int64),
        foreseen_c=foreseen,
    )


def study_forecast(
    history: HourlyLoad, train_days: int = 120, refit_days: int = 7
) -> ForecastErrorStudy:
    """Forecast every day after the first ``train_days`` from what was known the day before, and
    compare with persistence. The model is fitted anew every ``refit_days`` on all that came before.

    Raises BuildingFileError where fewer than 21 days could be learnt from or none is left.
    """
    if train_days < LEAST_DAYS:
        raise BuildingFileError(f"{train_days} days to learn from are too few: give {LEAST_DAYS}")
    hours = history.load_w.size
    first = train_days * DAY
    if hours < first + DAY:
        raise BuildingFileError(
            f"{hours // DAY} days leave none to forecast after {train_days} to learn from"
        )
    features = _features(history)
    found = np.full(hours, np.nan)
    for begin in range(first, hours - DAY + 1, refit_days * DAY):
        end = min(begin + refit_days * DAY, hours)
        weights = _ridge(features[WEEK:begin], history.load_w[WEEK:begin])
        found[begin:end] = features[begin:end] @ weights
    judged = np.isfinite(found)
    truth = history.load_w[judged]
    model = np.maximum(found[judged], 0.0) - truth
    yesterday = _ago(history.load_w, DAY)[judged] - truth
    last_week = _ago(history.load_w, WEEK)[judged] - truth
    return ForecastErrorStudy(
        hours=int(judged.sum()),
        model_rmse_w=_rms(model),
        model_mae_w=float(np.abs(model).mean()),
        yesterday_rmse_w=_rms(yesterday),
        yesterday_mae_w=float(np.abs(yesterday).mean()),
        last_week_rmse_w=_rms(last_week),
        last_week_mae_w=float(np.abs(last_week).mean()),
    )


def _features(history: HourlyLoad) -> FloatArray:
    """What is known the day before, (hour, feature): the hour, the kind of day, the same hour of
    days before and their means, and the foreseen temperature beyond 18 C by part of the day."""
    load = history.load_w
    hours = np.eye(DAY)[history.hour_of_day]
    weekend = (history.day_type >= 6).astype(float)[:, None]
    warm = np.maximum(history.foreseen_c - _COOLING_ABOVE_C, 0.0)[:, None]
    cold = np.maximum(_COOLING_ABOVE_C - history.foreseen_c, 0.0)[:, None]
    same_hour = np.column_stack([_ago(load, DAY * days) for days in range(1, 8)])
    scale = max(float(load.mean()), 1.0)
    lags = np.column_stack([same_hour, same_hour.mean(axis=1), _known_day_mean(load)]) / scale
    parts = np.kron(np.eye(4), np.ones((6, 1)))[history.hour_of_day]
    return np.hstack([hours, hours * weekend, lags, parts * warm, parts * cold])


def _known_day_mean(load: FloatArray) -> FloatArray:
    """Mean of the 24 hours that end a day before each hour."""
    return _ago(_trailing_mean(load, DAY), DAY)


def _trailing_mean(values: FloatArray, length: int) -> FloatArray:
    total = np.concatenate([np.zeros(1), np.cumsum(values)])
    last = np.arange(1, values.size + 1)
    first = np.maximum(last - length, 0)
    mean: FloatArray = (total[last] - total[first]) / (last - first)
    return mean


def _ago(values: FloatArray, hours: int) -> FloatArray:
    """The value so many hours before; the first value where there is none."""
    return np.concatenate([np.full(hours, values[0]), values[:-hours]])


def _ridge(features: FloatArray, wanted: FloatArray) -> FloatArray:
    gram = features.T @ features + _RIDGE * np.eye(features.shape[1])
    return np.asarray(np.linalg.solve(gram, features.T @ wanted), dtype=float)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values * values)))


def _columns(path: str | Path, names: tuple[str, ...]) -> dict[str, FloatArray]:
    name = Path(path).name
    try:
        lines = Path(path).read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildingFileError(f"{path} cannot be read: {error}") from error
    reader = csv.DictReader(lines, restval="")
    absent = [column for column in names if column not in (reader.fieldnames or ())]
    if absent:
        raise BuildingFileError(f"{name} lacks the column {', '.join(absent)}")
    values: dict[str, list[float]] = {column: [] for column in names}
    for row, line in enumerate(reader, 2):
        for column in names:
            try:
                value = float(line[column])
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise BuildingFileError(
                    f"{name}, row {row}, column {column}: {line[column]!r:.40} is not a number; "
                    "give every hour a value"
                )
            values[column].append(value)
    if not values[names[0]]:
        raise BuildingFileError(f"{name} holds no rows below its header")
    return {column: np.array(numbers) for column, numbers in values.items()}
