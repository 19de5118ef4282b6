from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from market.baseline import BaselineError, History, ten_of_ten
from market.reference.baseline import TEN_OF_TEN, BaselineRule
from market.regression_baseline import fit, fit_errors

ROOT = Path(__file__).parents[2]
BUILDINGS = Path(os.environ.get("WATTPROOF_DATA", ROOT.parent / "shared" / "data")) / "buildings"
SLOTS = 24
AFTERNOON = slice(12, 18)

Array = NDArray[np.float64]


def weather(rng: np.random.Generator, days: int, mean_c: float = 20.0) -> Array:
    hours = np.sin((np.arange(SLOTS) - 9) / SLOTS * 2 * np.pi) * 5
    return mean_c + rng.normal(0, 4, (days, 1)) + hours + rng.normal(0, 0.5, (days, SLOTS))


def mall_load(temperature_c: Array, workday: list[bool]) -> Array:
    """More on workdays, 300 Wh a degree above 22, 100 Wh a degree below 12."""
    hours = 2_000 + 1_500 * np.exp(-(((np.arange(SLOTS) - 14) / 4) ** 2))
    days = np.where(np.array(workday)[:, None], 1.0, 0.6) * hours
    energy: Array = (
        days + 300 * np.maximum(temperature_c - 22, 0) + 100 * np.maximum(12 - temperature_c, 0)
    )
    return energy


def weekdays(days: int) -> list[bool]:
    return [day % 7 < 5 for day in range(days)]


def test_slopes_balance_points_and_levels_of_a_noiseless_building_are_found() -> None:
    rng = np.random.default_rng(1)
    workday = weekdays(60)
    temperature = weather(rng, 60, 17.0)
    model = fit(mall_load(temperature, workday), temperature, workday)
    assert model.cooling_wh_per_k == pytest.approx(300, rel=1e-6)
    assert model.heating_wh_per_k == pytest.approx(100, rel=1e-6)
    assert (model.heating_from_c, model.cooling_from_c) == (12.0, 22.0)
    assert model.errors.cv_rmse < 1e-9
    tomorrow = weather(rng, 1, 25.0)
    for kind in (False, True):
        expected = mall_load(tomorrow, [kind])[0]
        assert model.energy_wh(kind, tomorrow[0]) == pytest.approx(expected)
        assert model.values_wh(kind, tomorrow[0]) == tuple(np.rint(expected).astype(int))


def test_on_a_hot_day_it_knows_what_ten_milder_days_cannot_tell() -> None:
    rng = np.random.default_rng(2)
    workday = weekdays(40)
    temperature = np.vstack((weather(rng, 39, 20.0), weather(rng, 1, 33.0)))
    energy = mall_load(temperature, workday) + rng.normal(0, 50, temperature.shape)
    model = fit(energy[:-1], temperature[:-1], workday[:-1])
    days = {100 + day: tuple(np.rint(row).astype(int).tolist()) for day, row in enumerate(energy)}
    rule = BaselineRule(TEN_OF_TEN, 0b1111111, 4, 0, 0)
    mean_of_ten = ten_of_ten(rule, History(days), 139, range(12, 18))
    metered, modelled = energy[-1], model.energy_wh(workday[-1], temperature[-1])
    regression = fit_errors(metered[AFTERNOON], modelled[AFTERNOON])
    ten = fit_errors(metered[AFTERNOON], np.array(mean_of_ten, float))
    assert regression.cv_rmse < 0.05
    assert ten.cv_rmse > 0.25


def test_the_errors_are_those_of_ashrae_guideline_14() -> None:
    metered, modelled = np.array([100.0, 200.0, 300.0]), np.array([90.0, 210.0, 270.0])
    found = fit_errors(metered, modelled)
    # Residuals 10, -10, 30; n - 1 = 2; mean 200.
    assert found.nmbe == pytest.approx(30 / (2 * 200))
    assert found.cv_rmse == pytest.approx((1_100 / 2) ** 0.5 / 200)


def test_noise_comes_back_as_the_error_of_the_fit() -> None:
    rng = np.random.default_rng(3)
    workday = weekdays(200)
    temperature = weather(rng, 200)
    truth = mall_load(temperature, workday)
    errors = fit(truth + rng.normal(0, 200, truth.shape), temperature, workday).errors
    assert errors.cv_rmse == pytest.approx(200 / truth.mean(), rel=0.05)
    assert abs(errors.nmbe) < 1e-9


def test_a_summer_without_cold_has_no_heating() -> None:
    rng = np.random.default_rng(4)
    temperature = np.maximum(weather(rng, 30, 28.0), 20.5)
    model = fit(mall_load(temperature, weekdays(30)), temperature, weekdays(30))
    assert np.isfinite(model.energy_wh(True, np.full(SLOTS, 30.0))).all()
    assert model.energy_wh(True, np.full(SLOTS, 30.0)) == pytest.approx(
        mall_load(np.full((1, SLOTS), 30.0), [True])[0], rel=1e-3
    )


@pytest.mark.parametrize("where", ["energy", "temperature"])
def test_a_gap_is_named(where: str) -> None:
    data = {"energy": np.ones((10, SLOTS)), "temperature": np.ones((10, SLOTS))}
    data[where][3, 7] = np.nan
    with pytest.raises(BaselineError, match=f"{where} has 1 gaps, the first on day 3, slot 7"):
        fit(data["energy"], data["temperature"], [True] * 10)


@pytest.mark.parametrize(
    ("workdays", "others", "said"),
    [(4, 0, "only 4 workdays"), (8, 2, "only 2 weekends and holidays"), (0, 0, "only 0 workdays")],
)
def test_too_few_days_of_a_kind_are_refused(workdays: int, others: int, said: str) -> None:
    days = np.ones((workdays + others, SLOTS))
    with pytest.raises(BaselineError, match=said):
        fit(days, days, [True] * workdays + [False] * others)


def test_a_kind_of_day_that_was_never_seen_has_no_baseline() -> None:
    rng = np.random.default_rng(5)
    temperature = weather(rng, 10)
    model = fit(mall_load(temperature, [True] * 10), temperature, [True] * 10)
    with pytest.raises(BaselineError, match="no weekend or holiday"):
        model.energy_wh(False, temperature[0])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BaselineError, match="same shape"):
        fit(np.ones((10, 24)), np.ones((10, 96)), [True] * 10)
    rng = np.random.default_rng(6)
    temperature = weather(rng, 10)
    model = fit(mall_load(temperature, [True] * 10), temperature, [True] * 10)
    for wrong in (temperature[0][:12], np.full(SLOTS, np.nan)):
        with pytest.raises(BaselineError, match="24 outdoor temperatures"):
            model.energy_wh(True, wrong)


def test_nothing_metered_has_no_relative_error() -> None:
    with pytest.raises(BaselineError, match="mean of 0"):
        fit_errors(np.zeros(5), np.ones(5))


@pytest.mark.needs_data
@pytest.mark.skipif(not BUILDINGS.is_dir(), reason="set WATTPROOF_DATA to the data sets' folder")
@pytest.mark.parametrize("building", [1, 2])
def test_both_baselines_beat_yesterday_on_real_buildings(building: int) -> None:
    """Afternoons of two households over ten months, forecast from the days before alone.

    Their plugs hardly follow the weather, so the regression gains nothing over ten of ten there.
    """
    energy = _hours(f"Building_{building}.csv", "non_shiftable_load") * 1_000
    temperature = _hours("weather.csv", "outdoor_dry_bulb_temperature")
    weekday = _hours(f"Building_{building}.csv", "day_type")[:, 0].astype(int) - 1
    workday = (weekday < 5).tolist()
    first = 1_000 - (1_000 + 3) % 7 + int(weekday[0])
    shown = History(
        {first + day: tuple(map(round, row)) for day, row in enumerate(energy.tolist())}
    )
    days = range(70, len(energy), 7 * 3 + 1)
    metered = energy[list(days), AFTERNOON]
    forecasts: dict[str, list[Array]] = {"ten of ten": [], "regression": [], "yesterday": []}
    for day in days:
        rule = BaselineRule(TEN_OF_TEN, 0b11111 if workday[day] else 0b1100000, 4, 0, 0)
        mean_of_ten = ten_of_ten(rule, shown, first + day, range(12, 18))
        before = slice(day - 60, day)
        model = fit(energy[before], temperature[before], workday[before])
        forecasts["ten of ten"].append(np.array(mean_of_ten, float))
        forecasts["regression"].append(model.energy_wh(workday[day], temperature[day])[AFTERNOON])
        forecasts["yesterday"].append(energy[day - 1, AFTERNOON])
    errors = {name: fit_errors(metered, np.array(found)) for name, found in forecasts.items()}
    for name in ("ten of ten", "regression"):
        assert errors[name].cv_rmse < errors["yesterday"].cv_rmse, errors
        assert abs(errors[name].nmbe) < 0.25, errors


def _hours(name: str, column: str) -> Array:
    """A column as whole days, shaped (day, hour); the first row is the last hour of a day."""
    with (BUILDINGS / name).open(newline="", encoding="utf-8-sig") as file:
        values = [float(row[column]) for row in csv.DictReader(file)][1:]
    whole: Array = np.array(values[: len(values) // SLOTS * SLOTS]).reshape(-1, SLOTS)
    return whole
