from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from twin.horizon import Horizon


def test_a_start_on_another_clock_becomes_utc():
    start = datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    assert Horizon(start).start == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert Horizon(start).start.tzinfo is UTC


def test_a_start_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        Horizon(datetime(2026, 3, 2))


@pytest.mark.parametrize("lengths", [(0, 96), (900, 0), (-900, 96)])
def test_empty_horizons_are_refused(lengths: tuple[int, int]):
    with pytest.raises(ValueError, match="positive"):
        Horizon(datetime(2026, 3, 2, tzinfo=UTC), *lengths)


@pytest.mark.parametrize(
    ("day", "slots"),
    [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 6, 1), 96)],
)
def test_a_local_day_is_as_long_as_the_clock_makes_it(day: date, slots: int):
    horizon = Horizon.local_day(day, "Europe/Berlin")
    assert horizon.slots == slots
    hours = horizon.local_hours("Europe/Berlin")
    assert hours[0] == 0.0
    assert hours[-1] == 23.75
    assert ((hours >= 0) & (hours < 24)).all()


def test_the_hour_skipped_in_spring_has_no_slot_and_the_one_repeated_in_autumn_has_eight():
    spring = Horizon.local_day(date(2026, 3, 29), "Europe/Berlin").local_hours("Europe/Berlin")
    autumn = Horizon.local_day(date(2026, 10, 25), "Europe/Berlin").local_hours("Europe/Berlin")
    assert not ((spring >= 2.0) & (spring < 3.0)).any()
    assert ((autumn >= 2.0) & (autumn < 3.0)).sum() == 8


def test_a_slot_holds_its_start_and_not_its_end():
    horizon = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 900, 4)
    assert horizon.slot_of(horizon.start) == 0
    assert horizon.slot_of(horizon.start + timedelta(seconds=899.9)) == 0
    assert horizon.slot_of(horizon.start + timedelta(seconds=900)) == 1
    with pytest.raises(IndexError):
        horizon.slot_of(horizon.end)
    with pytest.raises(IndexError):
        horizon.slot_of(horizon.start - timedelta(seconds=1))


def test_epochs_ascend_by_the_slot_length():
    horizon = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 300, 7)
    assert horizon.start_epochs()[0] == horizon.start.timestamp()
    assert (np.diff(horizon.start_epochs()) == 300).all()
