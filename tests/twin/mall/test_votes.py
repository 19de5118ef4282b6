from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.mall.votes import (
    LEAST_VOTES,
    SHIFT_MAX_K,
    VoteError,
    band_shift_k,
    sensation,
    shifted_band,
)

tallies = st.dictionaries(st.integers(-3, 3), st.integers(0, 500), max_size=7)


def test_customers_who_are_warm_move_the_band_down_and_cold_ones_up() -> None:
    assert band_shift_k({1: 100, 0: 20}) < -0.5
    assert band_shift_k({-1: 100, 0: 20}) > 0.5


def test_a_few_votes_move_nothing() -> None:
    assert band_shift_k({3: LEAST_VOTES - 1}) == 0.0


def test_a_shouting_minority_moves_less_than_its_mean_would() -> None:
    tally = {0: 80, 3: 20}
    mean = 3 * 20 / 100
    assert 0.0 < sensation(tally) < mean / 2.0


def test_votes_of_hot_pull_no_harder_than_votes_of_slightly_warm() -> None:
    assert sensation({0: 80, 3: 20}) == pytest.approx(sensation({0: 80, 1: 20}), abs=0.06)


@given(tallies)
def test_no_tally_moves_the_band_beyond_the_set_shift(tally: dict[int, int]) -> None:
    assert abs(band_shift_k(tally)) <= SHIFT_MAX_K


@given(tallies)
def test_the_opposite_votes_move_the_band_the_other_way(tally: dict[int, int]) -> None:
    opposite = {-point: count for point, count in tally.items()}
    total = sum(tally.values())
    middle_is_clear = total % 2 == 1
    if middle_is_clear:
        assert band_shift_k(opposite) == pytest.approx(-band_shift_k(tally), abs=1e-6)


@given(tallies, st.integers(1, 200))
def test_another_hot_vote_never_moves_the_band_up(tally: dict[int, int], more: int) -> None:
    if sum(tally.values()) < LEAST_VOTES:
        return
    before = sensation(tally)
    after = sensation({**tally, 3: tally.get(3, 0) + more})
    assert after >= before - 1e-6


def test_only_the_zone_that_voted_moves() -> None:
    band = shifted_band((20.0, 24.0), ("hall", "food"), {"food": {2: 200}})
    assert band.low_c[0] == 20.0
    assert band.high_c[1] < 24.0
    assert np.isclose(band.high_c[1] - band.low_c[1], 4.0)


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ({"cellar": {0: 1}}, "the mall's zones are hall"),
        ({"hall": {4: 1}}, "not from -3"),
        ({"hall": {1: -5}}, "cannot be"),
        ({"hall": {1: float("nan")}}, "cannot be"),
    ],
)
def test_a_ballot_that_cannot_be_is_refused(votes: dict[str, dict[int, float]], said: str) -> None:
    with pytest.raises(VoteError, match=said):
        shifted_band((20.0, 24.0), ("hall",), votes)
