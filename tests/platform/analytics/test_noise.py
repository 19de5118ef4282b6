"""The mechanism: its loss by OpenDP's own bound, and what its noise really looks like.

Statistical tests fail by chance with a probability of at most one in a thousand million each.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from wattproof.analytics.contribution import Meter, Meters
from wattproof.analytics.noise import mechanism
from wattproof.errors import InvalidError

CHANCE = 1e-9
DRAWS = 20_000


@pytest.mark.parametrize("epsilon_milli", [1, 7, 100, 333, 1_000, 99_999])
@pytest.mark.parametrize("sensitivity", [1, 3, 144_000, 528_000, 1 << 40])
def test_the_loss_is_within_epsilon_and_no_more_accuracy_was_to_be_had(sensitivity, epsilon_milli):
    made = mechanism(sensitivity, epsilon_milli)
    assert Fraction(made.loss(sensitivity)) <= Fraction(epsilon_milli, 1_000)
    assert made.loss(sensitivity) == pytest.approx(epsilon_milli / 1_000, rel=1e-9)
    assert made.loss(2 * sensitivity) > epsilon_milli / 1_000


@pytest.mark.parametrize("sensitivity", [0, -1, (1 << 40) + 1])
def test_a_sensitivity_that_cannot_be_served_is_refused(sensitivity):
    with pytest.raises(InvalidError):
        mechanism(sensitivity, 100)


def tail(scale, beyond):
    """P(|X| > beyond) of a discrete Laplace variable."""
    alpha = math.exp(-1 / scale)
    return 2 * alpha ** (beyond + 1) / (1 + alpha)


def within_chance(count, draws, probability):
    low = binom.ppf(CHANCE / 2, draws, probability)
    return low <= count <= binom.ppf(1 - CHANCE / 2, draws, probability)


@pytest.mark.parametrize("beyond", [0, 1, 5, 20, 60])
def test_the_noise_is_discrete_laplace(beyond):
    made = mechanism(10, 1_000)  # scale 10
    drawn = np.array(made([0] * DRAWS))
    assert within_chance(np.sum(np.abs(drawn) > beyond), DRAWS, tail(10, beyond))
    positive = tail(10, beyond) / 2
    assert within_chance(np.sum(drawn > beyond), DRAWS, positive)
    assert within_chance(np.sum(drawn < -beyond), DRAWS, positive)


def test_the_noise_of_slots_is_independent():
    drawn = np.array(mechanism(10, 1_000)([0] * (2 * DRAWS))).reshape(-1, 2)
    both = np.sum((drawn[:, 0] > 5) & (drawn[:, 1] > 5))
    assert within_chance(both, DRAWS, (tail(10, 5) / 2) ** 2)


def test_the_error_it_promises_is_kept_in_19_of_20_slots():
    made = mechanism(5_000, 500)
    drawn = np.abs(np.array(made([0] * DRAWS)))
    assert tail(made.scale, made.error_wh(1)) <= 0.05
    assert within_chance(
        np.sum(drawn > made.error_wh(1)), DRAWS, tail(made.scale, made.error_wh(1))
    )


def test_the_error_of_a_profile_is_kept_by_all_of_its_slots():
    made, slots, profiles = mechanism(5_000, 500), 96, 2_000
    drawn = np.abs(np.array(made([0] * (slots * profiles)))).reshape(profiles, slots)
    missed = int(np.sum(drawn.max(axis=1) > made.error_wh(slots)))
    assert missed <= binom.ppf(1 - CHANCE, profiles, 0.05)
    assert made.error_wh(slots) > made.error_wh(1)


def test_no_seed_of_ours_reaches_it():
    drawn = []
    for _ in range(2):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - the global one, which libraries might use
        drawn.append(mechanism(1_000, 100)([0] * 20))
    assert drawn[0] != drawn[1]


METERS = Meters([Meter("a", "ada", 5), Meter("b", "bob", 5)], 1)


def frequencies(made, readings):
    """How often a released sum is at least so much."""
    exact = METERS.sums_wh(readings)[0]
    drawn = np.array(made([exact] * DRAWS))
    return {level: np.mean(drawn >= level) for level in range(-20, 21, 2)}


def breaks(made, epsilon):
    """Events whose frequencies in neighbouring worlds differ by more than epsilon allows."""
    slack = math.sqrt(math.log(21 * 2 * 2 / CHANCE) / (2 * DRAWS))
    low = frequencies(made, {"a": [-99], "b": [1]})
    high = frequencies(made, {"a": [99], "b": [1]})
    return [
        level
        for level in low
        for one, other in ((low, high), (high, low))
        if one[level] - slack > math.exp(epsilon) * (other[level] + slack)
    ]


@pytest.mark.parametrize("epsilon_milli", [200, 1_000])
def test_two_worlds_that_differ_in_one_account_look_alike(epsilon_milli):
    made = mechanism(METERS.sensitivity_wh, epsilon_milli)
    assert breaks(made, epsilon_milli / 1_000) == []


def test_that_comparison_notices_too_little_noise():
    made = mechanism(METERS.sensitivity_wh, 3_000)
    assert breaks(made, 1.0) != []
