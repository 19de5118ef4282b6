from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from twin.chp.power_series import PowerFileError, parse_power, read_power
from twin.horizon import Horizon

HOURLY = "time,wind\n" + "\n".join(f"2026-01-14T{hour:02d}:00,{10 + hour}" for hour in range(24))


def test_hours_are_held_over_their_quarters_and_units_are_converted(tmp_path: Path):
    path = tmp_path / "wind.csv"
    path.write_text(HOURLY)
    power = read_power(path, "MW").on(Horizon(datetime(2026, 1, 14, tzinfo=UTC)))
    assert power.shape == (96,)
    assert power[:5] == pytest.approx(np.array([10, 10, 10, 10, 11]) * 1e6)


def test_finer_rows_are_averaged_over_a_slot():
    rows = [f"2026-01-14T00:{minute:02d}:00+00:00,{minute}" for minute in range(0, 60, 5)]
    series = parse_power("t,p\n" + "\n".join(rows), "kW")
    power = series.on(Horizon(datetime(2026, 1, 14, tzinfo=UTC), 900, 4))
    assert power == pytest.approx(np.array([5.0, 20.0, 35.0, 50.0]) * 1e3)


def test_offsets_in_the_file_count():
    rows = [f"2026-01-14T{hour:02d}:00+08:00,{hour}" for hour in (8, 9, 10)]
    power = parse_power("t,p\n" + "\n".join(rows)).on(
        Horizon(datetime(2026, 1, 14, tzinfo=UTC), 3_600, 3)
    )
    assert power == pytest.approx(np.array([8.0, 9.0, 10.0]) * 1e6)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2026-01-14T05:00,15\n", "", r"line 7: 2026-01-14T05:00:00\+00:00 is missing.*3600 s"),
        ("T05:00,15", "T04:00,15", "line 7: .* is given twice"),
        ("T05:00,15", "T02:00,15", "line 7: .* after a later time"),
        ("T05:00,15", "T05:00,", "line 7: power '' is not a number"),
        ("T05:00,15", "T05:00,nan", "line 7: power nan is negative or not finite"),
        ("T05:00,15", "T05:00,-3", "line 7: power -3 is negative"),
        ("2026-01-14T05:00,15", "yesterday,15", "'yesterday' is not an ISO 8601 time"),
        ("2026-01-14T05:00,15", "15", "two columns are needed"),
    ],
)
def test_a_bad_row_is_named_by_its_line(old: str, new: str, says: str):
    assert old in HOURLY
    with pytest.raises(PowerFileError, match=says):
        parse_power(HOURLY.replace(old, new))


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), ("t,p\n", "holds 0 rows"), ("t,p\n2026-01-14,1", "1 rows")]
)
def test_a_file_without_a_series_is_refused(text: str, says: str):
    with pytest.raises(PowerFileError, match=says):
        parse_power(text)


def test_an_unknown_unit_is_refused():
    with pytest.raises(PowerFileError, match="'GW' is unknown; known are W, kW, MW"):
        parse_power(HOURLY, "GW")


def test_a_day_beyond_the_file_is_refused():
    with pytest.raises(PowerFileError, match=r"the series lasts from 2026-01-14.*is asked for"):
        parse_power(HOURLY).on(Horizon(datetime(2026, 1, 14, 12, tzinfo=UTC)))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    path = tmp_path / "wind.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PowerFileError, match="is not UTF-8 text"):
        read_power(path)
