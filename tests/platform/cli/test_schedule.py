from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from market.rules import MarketRules
from wattproof.cli.schedule import PERIOD_ROUNDS_MAX, next_round

RULES = MarketRules(1, 1, 900, 96, 10**9, 10**8, 0, 0, 1_000, 10**6)
DAY = 86_400


def never_full(period: int) -> int:
    return 0


@settings(deadline=None)
@given(st.integers(10**9, 4 * 10**9), st.integers(6, DAY))
def test_a_round_has_a_gate_ahead_and_slots_of_one_period_after_it(now, seconds):
    gate_at, first_slot, slots = next_round(RULES, now, seconds, never_full)
    assert gate_at % seconds == 0
    assert seconds // 2 <= gate_at - now <= seconds + seconds // 2
    assert gate_at <= first_slot * 900 < gate_at + 900
    assert slots >= 1
    assert (first_slot + slots) % 96 == 0


def test_rounds_that_follow_at_once_keep_their_pause():
    gates = [1_800_000_000]
    for _ in range(96):
        gates.append(next_round(RULES, gates[-1] + 2, 900, never_full)[0])
    assert {later - earlier for earlier, later in itertools.pairwise(gates)} == {900}


def test_a_period_that_takes_no_more_rounds_is_left_for_the_next():
    now = 1_800_000_000
    today = now // DAY
    taken = {today: PERIOD_ROUNDS_MAX, today + 1: PERIOD_ROUNDS_MAX}
    gate_at, first_slot, slots = next_round(RULES, now, 60, lambda period: taken.get(period, 0))
    assert gate_at - now <= 90
    assert (first_slot, slots) == ((today + 2) * 96, 96)
