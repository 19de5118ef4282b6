from __future__ import annotations

import numpy as np
import pytest

from twin.batch import PoolExecutor, run_batch
from twin.ev_fleet.siting import (
    CandidateSite,
    Design,
    PileEconomics,
    choose_sites,
    evaluate_designs,
    explore_sites,
    pile_days,
)

DAYS = "twin.ev_fleet.siting:pile_days"
DESIGNS = tuple(
    [Design(0, 0.0)] + [Design(count, power) for count in (1, 2, 4, 8) for power in (7e3, 22e3)]
)


def site(name: str = "mall", rate: float = 2.0, **changes: float) -> CandidateSite:
    values: dict[str, float] = {
        "stay_median_s": 5_400.0,
        "stay_log_sd": 0.4,
        "need_mean_wh": 12e3,
        "patience_s": 600.0,
        "ground_cost_per_day": 5.0,
        "grid_capacity_w": 150e3,
        **changes,
    }
    hours = np.zeros(24)
    hours[8:20] = rate
    return CandidateSite(name, hours, **values)


def days_at(place: CandidateSite, seed: int = 1, scenarios: int = 128):
    return run_batch(DAYS, {"site": place, "designs": DESIGNS}, scenarios, seed)


def test_the_blocked_share_follows_erlang_b_where_nobody_waits():
    hours = np.full(24, 6.0)
    place = CandidateSite("m", hours, 1_800.0, 1e-9, 1.0, 0.0, 0.0, 1e9)
    result = pile_days(np.random.default_rng(2), 400, site=place, designs=(Design(4, 22e3),))
    blocked = result["blocked"].sum() / result["vehicles"].sum()
    offered = 6.0 * 0.5
    erlang = [offered**k / float(np.prod(np.arange(1, k + 1))) for k in range(5)]
    assert blocked == pytest.approx(erlang[4] / sum(erlang), abs=0.012)


def test_more_piles_block_fewer_and_stronger_piles_serve_more_on_the_same_days():
    days = days_at(site(rate=4.0))
    results = {r.design: r for r in evaluate_designs(site(), DESIGNS, PileEconomics(), days)}
    for power in (7e3, 22e3):
        blocked = [results[Design(count, power)].blocked_share for count in (1, 2, 4)]
        assert blocked == sorted(blocked, reverse=True)
        assert blocked[0] > blocked[-1]
    for count in (1, 2, 4):
        assert results[Design(count, 22e3)].served_share > results[Design(count, 7e3)].served_share
    assert results[Design(0, 0.0)].served_share == 0.0
    assert results[Design(0, 0.0)].blocked_share == 1.0


def test_patience_turns_blocking_into_waiting():
    results = [
        evaluate_designs(place, DESIGNS, PileEconomics(), days_at(place))[3]
        for place in (site(rate=3.0, patience_s=0.0), site(rate=3.0, patience_s=3_600.0))
    ]
    assert results[0].wait_s == 0.0
    assert results[1].wait_s > 60.0
    assert results[1].blocked_share < results[0].blocked_share


def test_designs_beyond_the_grid_fall_out():
    place = site(grid_capacity_w=30e3)
    results = evaluate_designs(place, DESIGNS, PileEconomics(), days_at(place))
    assert {r.design for r in results} == {
        Design(0, 0.0),
        Design(1, 7e3),
        Design(2, 7e3),
        Design(4, 7e3),
        Design(1, 22e3),
    }


def test_the_exploration_is_the_same_in_one_process_and_in_several():
    here = days_at(site(), scenarios=150)
    pool = run_batch(DAYS, {"site": site(), "designs": DESIGNS}, 150, 1, PoolExecutor(2), 1)
    assert all(np.array_equal(here[name], pool[name]) for name in here)


def test_the_choice_among_sites_is_the_best_of_all_within_budget():
    places = [site("mall", 4.0), site("street", 1.0), site("station", 2.5)]
    results = explore_sites(places, DESIGNS[1:], PileEconomics(), 128, seed=3)
    assert results == explore_sites(places, DESIGNS[1:], PileEconomics(), 128, seed=3)
    assert results != explore_sites(places, DESIGNS[1:], PileEconomics(), 128, seed=4)
    by_site = [[r for r in results if r.site == place.name] for place in places]
    budget, most_piles = 45.0, 9
    best = max(
        a.profit_per_day + b.profit_per_day + c.profit_per_day
        for a in by_site[0]
        for b in by_site[1]
        for c in by_site[2]
        if a.cost_per_day + b.cost_per_day + c.cost_per_day <= budget
        and a.design.count + b.design.count + c.design.count <= most_piles
    )
    chosen = choose_sites(results, budget, most_piles)
    assert sorted(r.site for r in chosen) == ["mall", "station", "street"]
    assert sum(r.profit_per_day for r in chosen) == pytest.approx(best)
    assert sum(r.cost_per_day for r in chosen) <= budget


def test_demand_without_24_hours_is_refused():
    with pytest.raises(ValueError, match="24 values"):
        CandidateSite("x", np.ones(3), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
