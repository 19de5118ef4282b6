from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.reference.deviations import left_over

energy = st.integers(-(2**40), 2**40)


@given(energy, energy)
def test_what_is_charged_is_never_more_and_never_the_other_way(deviation: int, used: int) -> None:
    left = left_over(deviation, used)
    assert abs(left) <= abs(deviation)
    assert left * deviation >= 0


@given(st.integers(-(2**40), -1), st.integers(0, 2**40))
def test_what_was_paid_as_a_reduction_is_not_paid_again(deviation: int, reduction: int) -> None:
    """As far as it was a deviation at all."""
    assert -left_over(deviation, reduction) == max(0, -deviation - reduction)


@given(st.integers(1, 2**40), st.integers(0, 2**40))
def test_an_increase_that_was_asked_for_is_not_charged(deviation: int, increase: int) -> None:
    assert left_over(deviation, -increase) == max(0, deviation - increase)


@given(energy)
def test_who_claimed_nothing_is_charged_as_ever(deviation: int) -> None:
    assert left_over(deviation, 0) == deviation


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_reduction_does_not_excuse_taking_too_much(deviation: int, reduction: int) -> None:
    assert left_over(deviation, reduction) == deviation
