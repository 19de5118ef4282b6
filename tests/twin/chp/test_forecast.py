from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twin.chp.forecast import forecast_from
from twin.chp.power_series import parse_power
from twin.horizon import Horizon
from twin.weather.files import read_csv
from twin.weather.series import COLUMNS, OUTDOOR, Place, WeatherGapError, WeatherSeries

START = datetime(2026, 1, 14, tzinfo=UTC)


@pytest.fixture
def weather(tmp_path: Path) -> WeatherSeries:
    path = tmp_path / "weather.csv"
    header = ",".join(COLUMNS)
    rows = [
        ",".join("-4.0" if column == OUTDOOR else "50" for column in COLUMNS) for _ in range(24)
    ]
    path.write_text("\n".join([header, *rows]))
    return read_csv(path, Place(52.0, 13.0), START, 0)


def _wind() -> str:
    hours = [START + timedelta(hours=hour) for hour in range(24)]
    return "time,wind\n" + "\n".join(f"{hour.isoformat()},80" for hour in hours)


def test_a_forecast_holds_the_weather_and_the_wind_of_the_files(weather: WeatherSeries):
    day = forecast_from(Horizon(START), weather, parse_power(_wind()), np.full(96, 20e6))
    assert day.outdoor_c == pytest.approx(np.full(96, -4.0))
    assert day.wind_w == pytest.approx(np.full(96, 80e6))


def test_weather_that_ends_too_early_is_refused(weather: WeatherSeries):
    late = Horizon(START + timedelta(hours=1))
    with pytest.raises(WeatherGapError, match="the weather lasts from"):
        forecast_from(late, weather, parse_power(_wind()), np.full(96, 20e6))
