"""Sums of clamped readings, and how far one account can move them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.analytics.contribution import Meter, Meters, bound_wh, clamped

SLOTS = 3
METERS = Meters([Meter("a1", "ada", 10), Meter("a2", "ada", 4), Meter("b1", "bob", 7)], SLOTS)
VALUES = st.one_of(st.none(), st.integers(-(2**31), 2**31))
READING: Any = st.one_of(st.just([]), st.lists(VALUES, min_size=1, max_size=5))
READINGS = st.fixed_dictionaries({"a1": READING, "a2": READING, "b1": READING})


def distance(one, other):
    pairs = zip(METERS.sums_wh(one), METERS.sums_wh(other), strict=True)
    return sum(abs(a - b) for a, b in pairs)


@given(READINGS, READING, READING)
def test_whatever_an_account_measures_the_sums_move_no_further_than_said(known, first, second):
    assert distance(known, known | {"a1": first, "a2": second}) <= METERS.sensitivity_wh


@given(READINGS, READING)
def test_an_account_with_less_capacity_moves_them_less(known, other):
    assert distance(known, known | {"b1": other}) <= 2 * 7 * SLOTS


def test_what_is_said_is_reached():
    low = {"a1": [-99] * SLOTS, "a2": [-99] * SLOTS}
    high = {"a1": [99] * SLOTS, "a2": [99] * SLOTS}
    assert distance(low, high) == METERS.sensitivity_wh == 2 * (10 + 4) * SLOTS


def test_the_sums_are_those_of_clamped_values_by_slot():
    readings: dict[str, Any] = {"a1": [1, -11, 12], "a2": [5, None, -4], "b1": [2, 2, -8]}
    assert METERS.sums_wh(readings) == [1 + 4 + 2, -10 + 2, 10 - 4 - 7]


@given(READINGS, READING)
def test_longer_sums_move_no_further(known, other):
    longer = Meters(METERS.meters, SLOTS, SLOTS)
    (before,), (after,) = longer.sums_wh(known), longer.sums_wh(known | {"a1": other})
    assert before == sum(METERS.sums_wh(known))
    assert abs(after - before) <= longer.sensitivity_wh == METERS.sensitivity_wh


@pytest.mark.parametrize(
    "reading", [[], [None] * SLOTS, [1, 2], [1, 2, 3, 4]], ids=["none", "missing", "short", "long"]
)
def test_what_was_not_read_counts_as_nothing(reading):
    assert METERS.sums_wh({"b1": reading}) == [0] * SLOTS
    assert METERS.sums_wh({"b1": reading, "c1": [5] * SLOTS}) == [0] * SLOTS


def test_a_missing_value_is_told_from_nothing_by_no_answer():
    assert METERS.sums_wh({"b1": [None, 3, 0]}) == METERS.sums_wh({"b1": [0, 3, None]})


@pytest.mark.parametrize(
    ("capacity", "clamp", "bound"),
    [(11_000, None, 2_750), (11_000, 3_000, 750), (2_000, 3_000, 500), (3, None, 0)],
)
def test_a_bound_is_the_capacity_or_less_if_asked_for(capacity, clamp, bound):
    assert bound_wh(capacity, clamp, 900) == bound


def test_clamping_cuts_both_ways():
    assert clamped([-8, -7, 0, None, 7, 8], 7) == [-7, -7, 0, 0, 7, 7]


def test_without_meters_there_is_nothing_to_hide():
    assert Meters([], SLOTS).sensitivity_wh == 0
    assert Meters([], SLOTS).accounts == frozenset()
