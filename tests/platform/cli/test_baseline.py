from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from twin.weather.files import read_weather
from twin.weather.series import Place
from wattproof.claims.regression import day_baseline, read_days
from wattproof.cli.main import app
from wattproof.errors import InvalidError

FIRST, DAYS, QUARTERS = datetime(2026, 6, 1, tzinfo=UTC), 40, 96
EVENT_DAY = FIRST + timedelta(days=DAYS)


def outdoor_c(hour: int) -> float:
    """Warmer days and cooler days; the event's is the hottest."""
    day = hour // 24
    mean = 35.0 if day == DAYS else 18.0 + day * 7 % 11
    return mean + 4 * float(np.sin((hour % 24 - 9) / 24 * 2 * np.pi))


CENTRES = np.arange(24 * (DAYS + 2)) + 0.5
OUTDOOR_C = [outdoor_c(hour) for hour in range(CENTRES.size)]


def load_wh(day: int, quarter: int) -> float:
    """200 Wh a quarter-hour and degree above 22, measured at its middle."""
    hour = 24 * day + (quarter + 0.5) / 4
    temperature = float(np.interp(hour, CENTRES, OUTDOOR_C))
    weekday = (FIRST + timedelta(days=day)).weekday() < 5
    return (1_500 if weekday else 900) + 5 * quarter + 200 * max(0.0, temperature - 22)


@pytest.fixture
def weather(tmp_path: Path) -> Path:
    path = tmp_path / "weather.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            (
                "timestamp",
                "outdoor_dry_bulb_temperature",
                "outdoor_relative_humidity",
                "diffuse_solar_irradiance",
                "direct_solar_irradiance",
            )
        )
        for hour in range(24 * (DAYS + 2)):
            begins = FIRST + timedelta(hours=hour)
            rows.writerow((begins.isoformat(), outdoor_c(hour), 50, 0, 0))
    return path


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("timestamp", "energy_wh"))
        for day in range(DAYS):
            for quarter in range(QUARTERS):
                begins = FIRST + timedelta(days=day, minutes=15 * quarter)
                rows.writerow((begins.isoformat(), round(load_wh(day, quarter))))
    return path


def run(readings: Path, weather: Path, *more: str) -> Result:
    place = ("--latitude", "48", "--longitude", "11")
    asked = ("baseline", "fit", readings, "--weather", weather, "--day", EVENT_DAY.date(), *place)
    return CliRunner().invoke(app, [*map(str, asked), *more])


def test_the_values_are_what_the_day_would_have_drawn(readings: Path, weather: Path) -> None:
    done = run(readings, weather, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    expected = [load_wh(DAYS, quarter) for quarter in range(QUARTERS)]
    assert found["day"] == "2026-07-11"
    assert found["fitted_days"] == DAYS
    assert found["values_wh"] == pytest.approx(expected, rel=0.02)
    assert found["cv_rmse"] < 0.02
    assert abs(found["nmbe"]) < 0.001


def test_for_people_it_says_how_far_to_trust_it(readings: Path, weather: Path) -> None:
    done = run(readings, weather)
    assert done.exit_code == 0, done.output
    for part in ("CV(RMSE)", "NMBE", "Wh a slot and K above 22"):
        assert part in done.stdout


def test_days_with_an_event_are_left_out(readings: Path, weather: Path) -> None:
    events = ("--leave-out", "2026-06-10", "--leave-out", "2026-06-11")
    done = run(readings, weather, *events, "--json")
    assert json.loads(done.stdout)["fitted_days"] == DAYS - 2


def test_gaps_of_the_weather_are_named_and_filled_where_that_is_asked(
    readings: Path, weather: Path
) -> None:
    whole = run(readings, weather, "--json")
    lines = weather.read_text(encoding="utf-8").splitlines()
    del lines[1 + 100 : 1 + 102]
    weather.write_text("\n".join(lines), encoding="utf-8")
    refused = run(readings, weather).exception
    assert isinstance(refused, InvalidError)
    assert "2 h are missing" in str(refused)
    assert "--fill-gaps" in str(refused)
    filled = run(readings, weather, "--fill-gaps", "2", "--json")
    assert json.loads(filled.stdout)["fitted_days"] == json.loads(whole.stdout)["fitted_days"]


def test_a_missing_quarter_hour_is_named(readings: Path, weather: Path) -> None:
    lines = readings.read_text(encoding="utf-8").splitlines()
    del lines[1 + 3 * QUARTERS + 50]
    readings.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(
        InvalidError, match="2026-06-04 lacks 1 of 96 slots, the first at 12:30 UTC"
    ):
        read_days(readings)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-06-01T00:00:00,5", "a time with its offset"),
        ("2026-06-01T00:00:00+00:00,nan", "a finite energy"),
        ("yesterday,5", "row 2: Invalid isoformat string"),
        ("2026-06-01T00:00:00+00:00,", "row 2: energy_wh '' is not a number"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(f"timestamp,energy_wh\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidError, match=said):
        read_days(path)


def test_files_without_readings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="cannot be read"):
        read_days(tmp_path / "none.csv")
    other = tmp_path / "other.csv"
    other.write_text("time,wh\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidError, match="needs the columns timestamp and energy_wh"):
        read_days(other)


def test_too_few_days_and_missing_weather_are_said(readings: Path, weather: Path) -> None:
    series = read_weather(weather, year=2026, place=Place(48, 11))
    days = read_days(readings)
    first = dict(list(days.items())[:4])
    with pytest.raises(InvalidError, match="only 4 workdays"):
        day_baseline(first, series, date(2026, 7, 1))
    with pytest.raises(InvalidError, match="is asked for"):
        day_baseline(days, series, date(2026, 9, 1))
    with pytest.raises(InvalidError, match="there are 0 days"):
        day_baseline(days, series, date(2026, 6, 1))
