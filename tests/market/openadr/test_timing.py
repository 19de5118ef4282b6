from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.openadr import Calendar, OpenAdrError
from market.openadr.document import Node
from market.openadr.timing import read_duration, read_time, write_duration, write_time

QUARTERS = Calendar(slot_seconds=900, period_slots=96)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0),
        ("PT15M", 900),
        ("PT1H30M", 5_400),
        ("P1DT2H3M4S", 93_784),
        ("P2W", 1_209_600),
        ("P1W2D", 777_600),
        ("PT24H", 86_400),
    ],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert read_duration(Node(text)) == seconds


@pytest.mark.parametrize(
    "text",
    ["P", "PT", "1H", "P1H", "PT1.5S", "-PT1H", "P1M", "P9999Y", "pt1h", "PT1H ", "P1DT", "PT1M1H"],
)
def test_a_duration_of_no_fixed_length_is_refused(text):
    with pytest.raises(OpenAdrError, match=r"^\$: .* is no duration"):
        read_duration(Node(text))


def test_a_duration_beyond_all_deadlines_is_refused():
    with pytest.raises(OpenAdrError, match="is longer than"):
        read_duration(Node("P49711D"))


@given(st.integers(0, 2**32 - 1))
def test_every_duration_reads_back_to_the_same(seconds):
    assert read_duration(Node(write_duration(seconds))) == seconds


@given(st.integers(0, 253_402_300_799))
def test_every_time_reads_back_to_the_same(seconds):
    assert read_time(Node(write_time(seconds))) == seconds


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_with_an_offset_is_the_same_moment_in_utc(local, minutes):
    time = local.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_time(Node(time.isoformat())) == int(time.astimezone(UTC).timestamp())


def test_a_fraction_of_nothing_is_read():
    assert read_time(Node("2023-02-10T00:00:00.000Z")) == read_time(Node("2023-02-10T00:00:00Z"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-16T17:00:00", "with an offset"),
        ("2026-02-16", "with an offset"),
        ("2026-02-16T17:00:00.5Z", "finer than a second"),
        ("2026-02-30T17:00:00Z", "is no time"),
        ("2026-02-16T25:00:00Z", "is no time"),
        ("now", "with an offset"),
    ],
)
def test_a_time_that_could_mean_any_moment_is_refused(text, reason):
    with pytest.raises(OpenAdrError, match=reason):
        read_time(Node(text, "$.intervalPeriod.start"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 95), st.data())
def test_a_window_of_whole_slots_is_found_again(period, first_slot, data):
    slots = data.draw(st.integers(1, 96 - first_slot))
    start = QUARTERS.start_of(period, first_slot)
    assert QUARTERS.window(Node(None), start, slots * 900) == (period, first_slot, slots)


@pytest.mark.parametrize(
    ("start", "seconds", "reason"),
    [
        (60, 900, "does not begin with a slot"),
        (-900, 900, "does not begin with a slot"),
        (0, 600, "no whole number of slots"),
        (0, 0, "no whole number of slots"),
        (86_400 - 900, 1_800, "after the end of its period"),
    ],
)
def test_a_window_that_is_no_slots_of_one_period_is_refused(start, seconds, reason):
    with pytest.raises(OpenAdrError, match=reason):
        QUARTERS.window(Node(None), start, seconds)
