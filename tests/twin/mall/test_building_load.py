from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from twin.mall.building_load import (
    BuildingFileError,
    HourlyLoad,
    read_hourly_load,
    study_forecast,
)

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("WATTPROOF_DATA", ROOT.parent / "shared" / "data")) / "buildings"


def _invented(days: int = 160) -> HourlyLoad:
    """A load that follows the hour and the warmth of its own day, not of the day before."""
    rng = np.random.default_rng(3)
    hour = np.tile(np.arange(24), days)
    warmth = np.repeat(rng.normal(26.0, 4.0, days), 24)
    load = 1000.0 + 300.0 * np.sin(hour / 24 * 2 * np.pi) + 80.0 * np.maximum(warmth - 18.0, 0.0)
    day_type = np.repeat(np.arange(days) % 7 + 1, 24)
    return HourlyLoad(load + rng.normal(0.0, 30.0, load.size), hour, day_type, warmth)


def test_a_load_driven_by_weather_is_foreseen_far_better_than_by_persistence() -> None:
    study = study_forecast(_invented())
    assert study.hours == 40 * 24
    assert study.model_rmse_w < 0.3 * study.yesterday_rmse_w
    assert study.model_rmse_w < 0.3 * study.last_week_rmse_w


def test_a_forecast_does_not_see_its_own_day() -> None:
    """A last day of five times the load surprises the model by nearly all of that."""
    history = _invented()
    load = history.load_w.copy()
    surprise = 4.0 * load[-24:]
    load[-24:] += surprise
    struck = HourlyLoad(load, history.hour_of_day, history.day_type, history.foreseen_c)
    found = study_forecast(struck)
    assert found.model_rmse_w**2 * found.hours > 0.8 * float(surprise @ surprise)


def test_too_few_days_are_refused() -> None:
    with pytest.raises(BuildingFileError, match="too few"):
        study_forecast(_invented(), train_days=7)
    with pytest.raises(BuildingFileError, match="leave none"):
        study_forecast(_invented(30), train_days=30)


WEATHER = "outdoor_dry_bulb_temperature,outdoor_dry_bulb_temperature_predicted_3"
BUILDING = "hour,day_type,non_shiftable_load,cooling_demand"


def _files(folder: Path, building: list[str], weather: list[str]) -> tuple[Path, Path]:
    one, two = folder / "building.csv", folder / "weather.csv"
    one.write_text("\n".join(building))
    two.write_text("\n".join(weather))
    return one, two


@pytest.mark.parametrize(
    ("building", "weather", "said"),
    [
        (["hour,day_type", "1,1"], [WEATHER, "20,20"], "lacks the column non_shiftable_load"),
        ([BUILDING, "1,1,,0"], [WEATHER, "20,20"], "row 2, column non_shiftable_load"),
        ([BUILDING, "1,1,2,0", "2,1,2,0"], [WEATHER, "20,20"], "2 rows and weather.csv 1"),
        ([BUILDING, "1,1,0,0"], [WEATHER, "20,20"], "zero throughout"),
        ([BUILDING], [WEATHER], "no rows"),
    ],
)
def test_a_building_file_that_cannot_be_used_says_why(
    tmp_path: Path, building: list[str], weather: list[str], said: str
) -> None:
    with pytest.raises(BuildingFileError, match=said):
        read_hourly_load(*_files(tmp_path, building, weather))


@pytest.mark.needs_data
@pytest.mark.skipif(not DATA.is_dir(), reason="set WATTPROOF_DATA to the folder of data sets")
@pytest.mark.parametrize("name", ["Building_1.csv", "Building_2.csv"])
def test_a_real_buildings_load_is_foreseen_better_than_by_persistence(name: str) -> None:
    study = study_forecast(read_hourly_load(DATA / name, DATA / "weather.csv"))
    assert study.model_rmse_w < 0.85 * study.yesterday_rmse_w
    assert study.model_rmse_w < 0.85 * study.last_week_rmse_w
    assert study.model_mae_w < study.yesterday_mae_w


@pytest.mark.needs_data
@pytest.mark.skipif(not DATA.is_dir(), reason="set WATTPROOF_DATA to the folder of data sets")
def test_a_real_building_without_metered_cooling_says_so() -> None:
    with pytest.raises(BuildingFileError, match="meters its cooling within"):
        read_hourly_load(DATA / "Building_1.csv", DATA / "weather.csv", "cooling_demand")
