from __future__ import annotations

import pytest

from twin.chp.comparison import CHOSEN, FORESIGHT, Comparison, compare
from twin.chp.published import published_chp


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare((published_chp(2026, day) for day in (2, 7)), scenarios=40, seed=3)


def test_every_way_of_the_table_is_run_on_every_day(comparison: Comparison):
    assert set(comparison.results) == {
        "no control",
        "strategy 1",
        "strategy 2",
        CHOSEN,
        "store free",
        FORESIGHT,
    }
    assert all(set(found) == {0, 1} for found in comparison.results.values())
    assert sum(comparison.chosen.values()) == 2


def test_the_chosen_strategy_beats_no_control_and_foresight_beats_both(comparison: Comparison):
    cost = {way: comparison.mean(way, lambda day: day.objective) for way in comparison.results}
    wind = {way: comparison.mean(way, lambda day: day.wind_share) for way in comparison.results}
    assert cost[FORESIGHT] == min(cost.values())
    assert cost[CHOSEN] < cost["no control"]
    assert wind["no control"] < wind[CHOSEN] <= 1.0


def test_the_table_names_every_way_and_its_peak(comparison: Comparison):
    lines = comparison.text().splitlines()
    assert len(lines) == 7
    assert len({len(line) for line in lines}) == 1
    assert lines[1].startswith("no control")
    assert "0.0%" in lines[1]
