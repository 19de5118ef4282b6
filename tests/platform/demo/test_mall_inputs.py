"""Real weather, load and prices for the malls' days: what is refused, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattproof.demo.mall.inputs import scene_from
from wattproof.demo.mall.options import MallOptions
from wattproof.errors import InvalidError

COLUMNS = (
    "outdoor_dry_bulb_temperature,outdoor_relative_humidity,"
    "diffuse_solar_irradiance,direct_solar_irradiance"
)


def weather_file(folder: Path, *rows: str) -> Path:
    path = folder / "weather.csv"
    path.write_text("\n".join([COLUMNS, *rows]) + "\n")
    return path


def sky(days: int) -> list[str]:
    """Days that get warmer by half a degree each, with a sun from nine to five."""
    return [
        f"{22 + day / 2},50,{100 if 9 <= hour < 17 else 0},{500 if 9 <= hour < 17 else 0}"
        for day in range(days)
        for hour in range(24)
    ]


def test_the_warmest_day_with_a_past_is_played_with_its_weather_load_and_prices(
    tmp_path: Path,
) -> None:
    weather = weather_file(tmp_path, "22,50,0,0", *sky(13))
    building = tmp_path / "building.csv"
    rows = [f"7,{1 + hour % 24},1,{hour % 24 / 10}" for hour in range(13 * 24 + 1)]
    building.write_text("\n".join(["month,hour,day_type,non_shiftable_load", *rows]) + "\n")
    building_weather = tmp_path / "weather.csv"
    text = building_weather.read_text().splitlines()
    header = text[0] + ",outdoor_dry_bulb_temperature_predicted_3"
    building_weather.write_text("\n".join([header, *(f"{row},20" for row in text[1:])]) + "\n")
    prices = tmp_path / "prices.csv"
    dear = [
        f"2016-08-{day:02}T{hour:02}:00:00Z,{90 if 14 <= hour < 18 else 30}"
        for day in range(1, 25)
        for hour in range(24)
    ]
    prices.write_text("\n".join(["timestamp,price", *dear]) + "\n")
    scene = scene_from(
        MallOptions(
            weather=weather, building=building, prices=prices, time_zone="UTC", day="2016-08-12"
        )
    )
    inputs = scene.mall.inputs
    assert inputs.site.forecast.outdoor_c.mean() == pytest.approx(22 + 11 / 2, abs=0.3)
    assert scene.peak == slice(14 * 4, 18 * 4)
    assert inputs.signal.price_per_kwh.max() == pytest.approx(0.09)
    assert scene.office_wh.sum() == pytest.approx(sum(range(24)) * 100, rel=1e-6)
    assert scene.mall.history_wh.shape == (10, 96)
    assert np.all(scene.mall.history_wh > 0)
    assert "played as the UTC day" in scene.notes[0]


def epw_file(folder: Path, days: int) -> Path:
    """July at Valencia, every day half a degree warmer."""
    head = ["LOCATION,Valencia,-,ESP,IWEC,082840,39.50,-0.47,1.0,62.0"]
    head += [f"{name},0" for name in ("DESIGN CONDITIONS", "TYPICAL/EXTREME PERIODS")]
    head += ["GROUND TEMPERATURES,0", "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0"]
    head += ["COMMENTS 1,-", "COMMENTS 2,-", "DATA PERIODS,1,1,Data,Sunday,7/1,7/31"]
    rows = []
    for hour in range(24 * days):
        sun = 500 if 9 <= hour % 24 < 17 else 0
        fields = ["1999", "7", str(1 + hour // 24), str(1 + hour % 24), "60", "?9?9"]
        fields += [f"{24 + hour // 24 / 2}", "15.0", "55", "101325", "0", "0", "350"]
        fields += ["400", str(sun), str(sun // 4)] + ["0"] * 19
        rows.append(",".join(fields))
    path = folder / "site.epw"
    path.write_text("\n".join(head + rows) + "\n")
    return path


def test_an_epw_file_gives_its_warmest_day_with_its_own_place(tmp_path: Path) -> None:
    scene = scene_from(MallOptions(weather=epw_file(tmp_path, 15)))
    site = scene.mall.inputs.site
    assert scene.input["day"] == "2025-07-14"  # the last whole day by the place's hours
    assert site.forecast.outdoor_c.mean() == pytest.approx(24 + 13 / 2, abs=0.3)
    assert site.forecast.sun_w_per_m2.max() > 100.0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",50,0,0", "row 12, column outdoor_dry_bulb_temperature: 1 h are missing"),
        ("warm,50,0,0", "row 12, column outdoor_dry_bulb_temperature: 'warm' is not a number"),
        ("300,50,0,0", "300 C is not between"),
    ],
)
def test_weather_with_a_gap_or_an_impossible_value_is_refused_by_row_and_column(
    tmp_path: Path, row: str, said: str
) -> None:
    rows = sky(15)
    rows[10] = row
    with pytest.raises(InvalidError, match=said):
        scene_from(MallOptions(weather=weather_file(tmp_path, *rows)))


def test_weather_that_is_too_short_for_a_past_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="10 whole days before it are needed"):
        scene_from(MallOptions(weather=weather_file(tmp_path, *sky(4))))


def test_a_day_without_its_past_in_the_file_is_refused(tmp_path: Path) -> None:
    weather = weather_file(tmp_path, *sky(20))
    with pytest.raises(InvalidError, match="10 days before it are needed"):
        scene_from(MallOptions(weather=weather, day="2016-08-03"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (MallOptions(building=Path("b.csv")), "--building goes with --weather"),
        (MallOptions(building=Path("b.csv"), weather=Path("w.epw")), "--building goes with"),
        (MallOptions(place="1,2"), "--place goes with --weather"),
        (MallOptions(day="2026-07-14"), "--day goes with"),
        (MallOptions(time_zone="Europe/Berlin"), "--time-zone goes with --prices"),
        (MallOptions(weather=Path("nowhere.csv")), "nowhere.csv"),
        (MallOptions(weather=Path("nowhere.txt")), "nowhere.txt"),
        (MallOptions(weather=Path("w.csv"), place="Paris"), "'Paris' is not degrees"),
        (MallOptions(weather=Path("w.csv"), place="95,2"), "latitude 95"),
        (MallOptions(prices=Path("nowhere.csv")), "nowhere.csv"),
    ],
)
def test_options_that_lack_theirs_are_refused(options: MallOptions, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        scene_from(options)


def test_hours_without_weather_are_interpolated_where_that_is_asked(tmp_path: Path) -> None:
    rows = sky(13)
    rows[100] = rows[101] = "," + rows[100].split(",", 1)[1]
    weather = weather_file(tmp_path, "22,50,0,0", *rows)
    with pytest.raises(InvalidError, match="2 h are missing"):
        scene_from(MallOptions(weather=weather, fill_gaps=1))
    scene_from(MallOptions(weather=weather, fill_gaps=2))
    with pytest.raises(InvalidError, match="--fill-gaps goes with --weather"):
        scene_from(MallOptions(fill_gaps=2))
