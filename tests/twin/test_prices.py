from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.horizon import Horizon
from twin.prices import PriceFileError, PriceGapError, parse_prices, read_prices

NEW_YORK = "America/New_York"


def pjm_day(day: str, hours: list[int]) -> str:
    return "\n".join(f"{day};{hour};{20 + place};1;1;2" for place, hour in enumerate(hours))


def test_the_pjm_layout_is_read_in_local_time_past_its_byte_order_mark(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"\xef\xbb\xbf" + pjm_day("20170110", list(range(24))).encode())
    series = read_prices(path, "USD/MWh", NEW_YORK).series
    assert series.start_epochs[0] == datetime(2017, 1, 10, 5, tzinfo=UTC).timestamp()
    assert series.price_per_kwh[3] == pytest.approx(0.023)
    assert series.local_days() == (date(2017, 1, 10),)


def test_a_spring_day_given_with_24_clock_hours_loses_the_one_that_does_not_exist():
    result = parse_prices(pjm_day("20170312", list(range(24))), time_zone=NEW_YORK)
    assert result.series.start_epochs.size == 23
    assert (np.diff(result.series.start_epochs) == 3600).all()
    assert result.series.price_per_kwh[2] == pytest.approx(0.023)
    assert not result.bad_rows
    assert "no hour 2" in result.notes[0]


def test_an_autumn_day_given_with_24_clock_hours_uses_one_price_for_both():
    result = parse_prices(pjm_day("20171105", list(range(24))), time_zone=NEW_YORK)
    assert result.series.start_epochs.size == 25
    assert (np.diff(result.series.start_epochs) == 3600).all()
    assert result.series.price_per_kwh[1] == result.series.price_per_kwh[2]
    assert "twice" in result.notes[0]


def test_an_autumn_day_that_gives_the_hour_twice_keeps_both_prices():
    hours = [0, 1, 1, *range(2, 24)]
    result = parse_prices(pjm_day("20171105", hours), time_zone=NEW_YORK)
    assert np.allclose(result.series.price_per_kwh * 1000, 20 + np.arange(25))


@pytest.mark.parametrize(("day", "length"), [("20170312", 23), ("20171105", 25)])
def test_days_numbered_through_are_elapsed_hours(day: str, length: int):
    result = parse_prices(pjm_day(day, list(range(length))), time_zone=NEW_YORK)
    assert np.allclose(result.series.price_per_kwh * 1000, 20 + np.arange(length))
    assert len(result.series.local_days()) == 1


def test_hours_from_1_to_24_are_hours_that_end():
    result = parse_prices(pjm_day("20170110", list(range(1, 25))), time_zone=NEW_YORK)
    assert result.series.start_epochs[0] == datetime(2017, 1, 10, 5, tzinfo=UTC).timestamp()


def test_a_header_over_the_pjm_layout_is_no_bad_row():
    result = parse_prices("date;hour;price\n" + pjm_day("20170110", list(range(24))))
    assert result.series.start_epochs.size == 24
    assert not result.bad_rows


def test_a_plain_table_is_read_with_and_without_offsets():
    aware = parse_prices("timestamp,price\n2021-05-01T00:00:00Z,30\n2021-05-01T01:00:00Z,31")
    naive = parse_prices(
        "timestamp,price\n2021-05-01 00:00,0.03\n2021-05-01 01:00,0.031", "USD/kWh", "UTC"
    )
    assert (aware.series.start_epochs == naive.series.start_epochs).all()
    assert np.allclose(aware.series.price_per_kwh, naive.series.price_per_kwh)


def test_a_plain_table_in_local_time_tells_the_repeated_hour_apart():
    rows = ["timestamp,price"]
    rows += [f"2026-10-25 {hour:02d}:00,{place}" for place, hour in enumerate([1, 2, 2, 3])]
    series = parse_prices("\n".join(rows), "ct/kWh", "Europe/Berlin").series
    assert (np.diff(series.start_epochs) == 3600).all()


def test_a_local_time_that_does_not_exist_is_a_bad_row():
    text = "timestamp,price\n2026-03-29 01:00,1\n2026-03-29 02:00,2\n2026-03-29 03:00,3"
    result = parse_prices(text, "ct/kWh", "Europe/Berlin")
    assert [row.line for row in result.bad_rows] == [3]
    assert result.series.start_epochs.size == 2


def test_bad_rows_are_named_with_line_and_reason():
    text = "\n".join(
        [
            "20170110;0;20",
            "20170110;1;",
            "20170110;27;20",
            "20171310;2;20",
            "20170110;3;nan",
            "20170110;4;9e99",
            "20170110;5",
            "20170110;0;21",
        ]
    )
    result = parse_prices(text, time_zone=NEW_YORK)
    assert [row.line for row in result.bad_rows] == [2, 3, 4, 5, 6, 7, 8]
    assert result.series.start_epochs.size == 1
    assert "given again" in str(result.bad_rows[-1])


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\nc,d", "timestamp,price", "\ufeff"])
def test_a_file_without_prices_is_refused(text: str):
    with pytest.raises(PriceFileError):
        parse_prices(text)


def test_unknown_units_and_time_zones_are_refused():
    with pytest.raises(PriceFileError, match="unit"):
        parse_prices("20170110;0;20", unit="shells")
    with pytest.raises(PriceFileError, match="time zone"):
        parse_prices("20170110;0;20", time_zone="Mars/Olympus")


def test_quarter_hours_take_the_price_of_their_hour_and_gaps_are_named():
    series = parse_prices(pjm_day("20170110", [0, 1, 3]), time_zone="UTC").series
    horizon = Horizon(datetime(2017, 1, 10, tzinfo=UTC), 900, 8)
    assert np.allclose(series.slot_prices(horizon) * 1000, [20] * 4 + [21] * 4)
    with pytest.raises(PriceGapError, match="2017-01-10T02:00"):
        series.slot_prices(Horizon(horizon.start, 900, 9))
    assert series.local_days() == ()


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from("0123456789;,.-:TZ \n\"'\tae+\ufeff\0"), max_size=200))
def test_no_text_crashes_the_reader(text: str):
    try:
        result = parse_prices(text)
    except PriceFileError:
        return
    assert all(math.isfinite(price) for price in result.series.price_per_kwh)
    assert (np.diff(result.series.start_epochs) > 0).all()
