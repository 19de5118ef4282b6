from __future__ import annotations

import pytest

from market.mall_energy.rules import RULES
from market.reference.baseline import BaselineRule
from wattproof.demo.deviations import (
    counted_once,
    imbalance_micro,
    ten_of_ten_wh,
)

PRICE = 200_000_000


def rule(**changes: int) -> BaselineRule:
    plain = {
        "kind": 0,
        "day_mask": 127,
        "adjust_lead": 2,
        "adjust_slots": 2,
        "adjust_cap_bp": 2_000,
    }
    return BaselineRule(**{**plain, **changes})


def test_the_baseline_is_the_mean_of_ten_days():
    past = [[5, 5, 100 + day, 200] for day in range(10)]
    assert ten_of_ten_wh(past, [5, 5, 0, 0], slice(2, 4), rule()) == [104, 200]


def test_a_day_that_begins_higher_moves_the_baseline_by_the_cap_at_most():
    past = [[10, 10, 100, 100]] * 10
    assert ten_of_ten_wh(past, [11, 11, 0, 0], slice(2, 4), rule()) == [110, 110]
    assert ten_of_ten_wh(past, [90, 90, 0, 0], slice(2, 4), rule()) == [120, 120]
    assert ten_of_ten_wh(past, [90, 90, 0, 0], slice(2, 4), rule(adjust_slots=0)) == [100, 100]


def test_energy_not_taken_is_paid_less_and_energy_beyond_costs_more_than_the_price():
    assert imbalance_micro([1_000], [2_000], [0], [PRICE], RULES) == 240_000
    assert imbalance_micro([2_000], [1_000], [0], [PRICE], RULES) == -160_000


@pytest.mark.parametrize(("charged", "ok"), [(0, True), (-160_000, False)])
def test_a_reduction_that_was_paid_for_and_charged_again_is_seen(charged, ok):
    check = counted_once("mall", charged, [2_000], [1_000], [1_000], [PRICE], RULES)
    assert check.ok is ok
    assert "counted twice it would be -0.16" in check.detail
