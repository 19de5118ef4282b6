from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twin.horizon import Horizon
from twin.weather.files import read_csv, read_epw, read_weather
from twin.weather.series import DIRECT, HUMIDITY, OUTDOOR, Place, WeatherError, WeatherGapError

PLACE = Place(39.47, -0.38)
START = datetime(2026, 7, 1, tzinfo=UTC)
HEADER = (
    "outdoor_dry_bulb_temperature,outdoor_relative_humidity,"
    "diffuse_solar_irradiance,direct_solar_irradiance"
)


def citylearn(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def hours(count: int) -> list[str]:
    return [f"{20 + hour % 24 / 2},60,{10 * hour},{20 * hour}" for hour in range(count)]


def timed(rows: list[str], skip: tuple[int, ...] = ()) -> list[str]:
    return [
        f"{(START + timedelta(hours=hour)).isoformat()},{row}"
        for hour, row in enumerate(rows)
        if hour not in skip
    ]


def epw(path: Path, rows: int = 48, change: dict[int, str] | None = None) -> Path:
    head = [
        "LOCATION,Valencia,-,ESP,IWEC,082840,39.50,-0.47,1.0,62.0",
        "DESIGN CONDITIONS,0",
        "TYPICAL/EXTREME PERIODS,0",
        "GROUND TEMPERATURES,0",
        "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0",
        "COMMENTS 1,invented",
        "COMMENTS 2,invented",
        "DATA PERIODS,1,1,Data,Sunday,7/1,7/2",
    ]
    lines = []
    for hour in range(rows):
        fields = ["1999", "7", str(1 + hour // 24), str(1 + hour % 24), "60", "?9?9"]
        fields += [f"{25 + hour % 24 / 10}", "15.0", "55", "101325", "0", "0", "350"]
        fields += ["400", "500", "120"] + ["0"] * 19
        lines.append(",".join(fields))
    for row, text in (change or {}).items():
        lines[row] = text
    path.write_text("\n".join(head + lines) + "\n")
    return path


def test_the_layout_of_citylearn_is_read_from_a_start(tmp_path: Path) -> None:
    series = read_csv(citylearn(tmp_path / "w.csv", hours(48)), PLACE, START)
    on = series.on(Horizon(START + timedelta(hours=1), 900, 8))
    assert on[DIRECT].tolist() == [20.0] * 4 + [40.0] * 4
    assert on[OUTDOOR][0] == pytest.approx(20.5 - 0.5 * 1.5 / 4)
    assert on[HUMIDITY] == pytest.approx(np.full(8, 60.0))


def test_other_columns_are_left_aside(tmp_path: Path) -> None:
    rows = [f"{row},nonsense" for row in hours(24)]
    path = citylearn(tmp_path / "w.csv", rows, HEADER + ",remark")
    assert read_csv(path, PLACE, START).outdoor_c.size == 24


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = citylearn(tmp_path / "w.csv", ["20,60,0"], HEADER.rsplit(",", 1)[0])
    with pytest.raises(WeatherError, match="lacks the column direct_solar_irradiance"):
        read_csv(path, PLACE, START)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("warm,60,0,0", "row 6, column outdoor_dry_bulb_temperature: 'warm' is not a number"),
        ("90,60,0,0", "row 6, column outdoor_dry_bulb_temperature: 90 C is not between"),
        ("20,160,0,0", "row 6, column outdoor_relative_humidity: 160 %"),
        ("20,60,inf,0", "row 6, column diffuse_solar_irradiance: 'inf' is unbounded"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_row_and_column(
    tmp_path: Path, bad: str, said: str
) -> None:
    rows = hours(24)
    rows[4] = bad
    with pytest.raises(WeatherError, match=said):
        read_csv(citylearn(tmp_path / "w.csv", rows), PLACE, START)


@pytest.mark.parametrize("hole", ["", "NaN", "nan", "-"])
def test_a_hole_is_named_with_the_way_to_mend_it(tmp_path: Path, hole: str) -> None:
    rows = hours(24)
    rows[4] = rows[5] = f"{hole},60,0,0"
    path = citylearn(tmp_path / "w.csv", rows)
    with pytest.raises(WeatherError, match=r"row 6, column .*: 2 h are missing .* up to 2 h"):
        read_csv(path, PLACE, START, fill_gaps_up_to_hours=1)
    mended = read_csv(path, PLACE, START, fill_gaps_up_to_hours=2).outdoor_c
    assert mended[3:7] == pytest.approx(np.linspace(21.5, 23.0, 4))


def test_a_hole_at_the_edge_cannot_be_interpolated(tmp_path: Path) -> None:
    rows = hours(24)
    rows[-1] = ",60,0,0"
    with pytest.raises(WeatherError, match="must begin and end with values"):
        read_csv(citylearn(tmp_path / "w.csv", rows), PLACE, START, fill_gaps_up_to_hours=9)


def test_hours_left_out_are_a_gap(tmp_path: Path) -> None:
    path = citylearn(tmp_path / "w.csv", timed(hours(24), skip=(7, 8, 9)), "timestamp," + HEADER)
    with pytest.raises(WeatherError, match=r"after row 8, column .*: 3 h are missing from"):
        read_csv(path, PLACE)
    assert read_csv(path, PLACE, fill_gaps_up_to_hours=3).outdoor_c.size == 24


def test_an_hour_given_twice_is_named(tmp_path: Path) -> None:
    rows = timed(hours(24))
    rows.insert(5, rows[4])
    path = citylearn(tmp_path / "w.csv", rows, "timestamp," + HEADER)
    with pytest.raises(WeatherError, match="row 7: gives again the hour 2026-07-01 04:00 UTC"):
        read_csv(path, PLACE)


def test_rows_out_of_order_are_named(tmp_path: Path) -> None:
    rows = timed(hours(24))
    rows[5], rows[6] = rows[6], rows[5]
    path = citylearn(tmp_path / "w.csv", rows, "timestamp," + HEADER)
    with pytest.raises(WeatherError, match="row 8: goes back to the hour"):
        read_csv(path, PLACE)


def test_half_hours_are_refused(tmp_path: Path) -> None:
    rows = timed(hours(3))
    rows[1] = rows[1].replace("01:00", "01:30")
    path = citylearn(tmp_path / "w.csv", rows, "timestamp," + HEADER)
    with pytest.raises(WeatherError, match="no whole hour after"):
        read_csv(path, PLACE)


def test_a_csv_without_times_needs_a_start_and_a_place(tmp_path: Path) -> None:
    path = citylearn(tmp_path / "w.csv", hours(24))
    with pytest.raises(WeatherError, match="say when its first row begins"):
        read_csv(path, PLACE)
    with pytest.raises(WeatherError, match="give latitude and longitude"):
        read_weather(path, year=2026)


def test_an_epw_file_is_read_with_its_place_and_local_hours(tmp_path: Path) -> None:
    series = read_weather(epw(tmp_path / "w.epw"), year=2026)
    assert series.place == Place(39.5, -0.47, 62.0)
    assert datetime.fromtimestamp(int(series.start_epochs[0]), UTC) == START - timedelta(hours=1)
    assert series.outdoor_c[:3] == pytest.approx([25.0, 25.1, 25.2])
    assert series.direct_w_per_m2[0] == 500.0
    assert series.diffuse_w_per_m2[0] == 120.0


def test_values_that_epw_marks_as_missing_are_a_gap(tmp_path: Path) -> None:
    path = epw(tmp_path / "w.epw")
    lines = path.read_text().splitlines()
    fields = lines[18].split(",")
    fields[6] = "99.9"
    lines[18] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(WeatherError, match="row 19, column outdoor_dry_bulb_temperature: 1 h are"):
        read_epw(path, 2026)
    assert read_epw(path, 2026, fill_gaps_up_to_hours=1).outdoor_c[10] == pytest.approx(26.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({3: "1999,7,1,4"}, "row 12: 4 fields"),
        ({3: "1999,13,1,4" + ",0" * 31}, "row 12: 13-1-4 is no month, day and hour"),
        ({3: "1999,7,1,25" + ",0" * 31}, "row 12: hour 25"),
        ({3: "1999,7,1,4,60,?,warm" + ",0" * 28}, "row 12, column outdoor_dry_bulb_temperature"),
        ({3: "1999,7,1,3,60,?,25" + ",0" * 28}, "row 12: gives again"),
    ],
)
def test_a_broken_epw_hour_is_named(tmp_path: Path, change: dict[int, str], said: str) -> None:
    with pytest.raises(WeatherError, match=said):
        read_epw(epw(tmp_path / "w.epw", change=change), 2026)


@pytest.mark.parametrize("text", ["", "LOCATION,x\n", "a,b\n1,2\n"])
def test_a_file_that_is_no_epw_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.epw"
    path.write_text(text)
    with pytest.raises(WeatherError, match=r"w\.epw"):
        read_epw(path, 2026)


def test_files_of_other_kinds_and_absent_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeatherError, match=r"from \.epw and \.csv"):
        read_weather(tmp_path / "w.xlsx", year=2026)
    with pytest.raises(WeatherError, match="cannot be read"):
        read_weather(tmp_path / "none.csv", year=2026, place=PLACE, start=START)


def test_weather_beyond_the_series_is_asked_for_in_vain(tmp_path: Path) -> None:
    series = read_csv(citylearn(tmp_path / "w.csv", hours(24)), PLACE, START)
    with pytest.raises(WeatherGapError, match="2026-07-02 00:00 UTC"):
        series.on(Horizon(START + timedelta(hours=12), 900, 96))


def test_a_place_off_the_earth_is_refused() -> None:
    with pytest.raises(WeatherError, match="no place"):
        Place(100.0, 0.0)
