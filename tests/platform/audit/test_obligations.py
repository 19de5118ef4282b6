"""What a quota obliges to, and what lacking certificates cost."""

from __future__ import annotations

from typing import Any

import pytest

from market.reference.meters import MISSING
from wattproof.audit.quotas_state import CONSUMPTION, GENERATION, Obligation, Quota, measured_wh

REACH_WH = 1_000
TERMS: dict[str, Any] = {
    "firstPeriod": 20,
    "periods": 2,
    "penalty": 2_000_001,
    "bankLimit": 333_333,
    "bankSeconds": 100,
    "technologies": 1 << 1 | 1 << 3,
}
QUOTA = Quota("the asset", TERMS, starts_at=5_000, ends_at=7_000)


def test_generation_counts_what_is_fed_in_and_consumption_what_is_taken_out() -> None:
    values = [-300, 200, 0, -1]
    assert measured_wh(GENERATION, values, REACH_WH) == 301
    assert measured_wh(CONSUMPTION, values, REACH_WH) == 200


def test_a_missing_value_counts_as_all_the_meter_could_show() -> None:
    assert measured_wh(GENERATION, [MISSING, -1, 5], REACH_WH) == 1_001
    assert measured_wh(CONSUMPTION, [MISSING, -1, 5], REACH_WH) == 1_005


@pytest.mark.parametrize(
    ("technology", "starts_at", "accepted"),
    [(1, 5_000, True), (2, 5_000, False), (3, 4_900, True), (3, 4_899, False), (1, 7_000, False)],
)
def test_certificates_count_by_technology_and_interval(
    technology: int, starts_at: int, accepted: bool
) -> None:
    assert QUOTA.accepts(technology, starts_at) is accepted


def test_what_is_owed_is_rounded_up_and_what_may_be_banked_down() -> None:
    obligation = Obligation("the meter", CONSUMPTION, 250_001, {20: 600}, unreported_wh=403)
    assert obligation.owed_wh(obligation.energy_wh) == 251
    assert QUOTA.most_banked_wh(251) == 83


def test_a_penalty_is_rounded_up() -> None:
    assert QUOTA.penalty_micro(1) == 3
    assert QUOTA.penalty_micro(0) == 0
