from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.twin.green_quota.drawn_systems import systems_with_power
from tests.twin.green_quota.test_competitive import DEMAND, THERMAL, WIND, WINDY
from twin.green_quota.arrays import market_of
from twin.green_quota.deviation import best_deviations, check_nobody_gains
from twin.green_quota.equilibrium import Equilibrium, Mode, competitive_equilibrium
from twin.green_quota.game import Game
from twin.green_quota.market_power import (
    MOST_GAIN,
    NoEquilibriumError,
    market_power_equilibrium,
)
from twin.green_quota.published import published_system
from twin.green_quota.system import Cost, Kind, Producer, QuotaError, QuotaSystem, Withholding

BOTH, CERTIFICATES = Withholding.BOTH, Withholding.CERTIFICATES
OWNER = replace(WINDY, producers=(THERMAL, replace(WIND, withholds=BOTH)))


def cournot(*marginal_costs: float) -> QuotaSystem:
    return QuotaSystem(
        "cournot",
        tuple(
            Producer(
                f"firm {place}",
                Kind.THERMAL,
                fuel=Cost(0.0, cost),
                withholds=Withholding.ELECTRICITY,
            )
            for place, cost in enumerate(marginal_costs)
        ),
        DEMAND,
        0.0,
    )


def try_equilibrium(system) -> Equilibrium:
    try:
        return market_power_equilibrium(system)
    except NoEquilibriumError:
        assume(False)
        raise


@pytest.mark.parametrize("way", [BOTH, CERTIFICATES])
def test_the_owner_of_all_wind_sells_half_its_certificates_at_200(way):
    """Q = y / a, wholesale 20 + 0.001 (Q - 1500), certificate (retail - wholesale) / a."""
    owner = replace(WIND, withholds=way)
    found = market_power_equilibrium(replace(WINDY, producers=(THERMAL, owner)))
    assert found.offered[1] == pytest.approx(754.5455, abs=5e-5)
    assert found.certificate_price == pytest.approx(200.0, abs=1e-6)
    assert found.output[1] == pytest.approx(1_500.0)
    assert found.deviation_gain <= MOST_GAIN
    assert found.residual < 1e-12


def test_withholding_ends_where_the_quota_reaches_33_of_83():
    limit = 33.0 / 83.0
    assert round(limit, 6) == 0.397590
    before = market_power_equilibrium(OWNER, limit - 1e-5)
    after = market_power_equilibrium(OWNER, limit + 1e-5)
    assert before.offered[1] < 1_500.0 - 1e-2
    assert after.offered[1] == pytest.approx(1_500.0, abs=1e-9)
    assert after.certificate_price == pytest.approx(
        competitive_equilibrium(OWNER, limit + 1e-5).certificate_price
    )


def test_the_search_for_deviations_finds_by_itself_that_withholding_pays():
    (found,) = best_deviations(competitive_equilibrium(OWNER))
    assert found.sold == pytest.approx(754.5455, abs=0.1)
    margin = market_power_equilibrium(OWNER).margin[1]
    taken = competitive_equilibrium(OWNER).margin[1]
    assert found.gain == pytest.approx(margin - taken, rel=1e-8)
    with pytest.raises(NoEquilibriumError, match=r"wind would gain .* selling 754\.5"):
        check_nobody_gains([found])
    check_nobody_gains(best_deviations(market_power_equilibrium(OWNER)))


def test_cournot_firms_of_equal_cost_share_as_the_textbook_says():
    for count in (1, 2, 3, 5):
        found = market_power_equilibrium(cournot(*[20.0] * count))
        assert found.output == pytest.approx(80.0 / (0.01 * (count + 1)), rel=1e-9)
        assert found.wholesale_price == pytest.approx(20.0 + 80.0 / (count + 1), rel=1e-9)


def test_cournot_firms_of_unequal_cost_share_as_the_textbook_says():
    costs = np.array([10.0, 20.0, 35.0])
    found = market_power_equilibrium(cournot(*costs))
    price = (100.0 + costs.sum()) / 4.0
    assert found.wholesale_price == pytest.approx(price, rel=1e-9)
    assert found.output == pytest.approx((price - costs) / 0.01, rel=1e-8)


def test_a_dominant_firm_faces_what_the_fringe_leaves():
    """Fringe w = 20 + 0.01 q, demand 100 - 0.01 Q: residual price 60 - 0.005 q, cost 10."""
    fringe = replace(THERMAL, fuel=Cost(0.0, 20.0, 0.01))
    firm = Producer("firm", Kind.THERMAL, fuel=Cost(0.0, 10.0), withholds=Withholding.ELECTRICITY)
    found = market_power_equilibrium(QuotaSystem("dominant", (fringe, firm), DEMAND, 0.0))
    assert found.output == pytest.approx([1_500.0, 5_000.0])
    assert found.wholesale_price == pytest.approx(35.0)


def test_a_buy_out_bounds_what_withholding_certificates_can_earn():
    found = market_power_equilibrium(replace(OWNER, buy_out_price=50.0))
    assert found.certificate_price <= 50.0
    assert found.margin[1] < market_power_equilibrium(OWNER).margin[1]
    assert found.margin[1] > competitive_equilibrium(OWNER).margin[1]


def test_the_published_owner_withholds_between_a_low_and_a_middling_quota():
    system = published_system()
    for ratio, withholds in ((0.02, False), (0.2, True), (0.3, True), (0.6, False)):
        found = market_power_equilibrium(system, ratio)
        assert (found.issued.sum() - found.offered.sum() > 1.0) == withholds
        assert max(each.relative_gain for each in best_deviations(found, 15)) <= MOST_GAIN


def test_where_best_answers_go_in_circles_the_error_names_who_would_deviate():
    def steam(name: str, cost: float) -> Producer:
        return Producer(
            name,
            Kind.THERMAL,
            fuel=Cost(0.0, cost, 0.01),
            available_mwh=4_000.0,
            withholds=Withholding.ELECTRICITY,
        )

    hills = Producer("hills", Kind.RENEWABLE, maintenance=Cost(0.0, 40.0, 0.02))
    shore = Producer("shore", Kind.RENEWABLE, available_mwh=1_000.0, withholds=CERTIFICATES)
    gas = replace(THERMAL, available_mwh=4_000.0)
    owner = replace(WIND, withholds=BOTH)
    producers = (gas, steam("coal", 10.0), steam("oil", 15.0), owner, shore, hills)
    with pytest.raises(
        NoEquilibriumError, match=r"(coal|oil|wind|shore) would gain .* of its profit"
    ):
        market_power_equilibrium(QuotaSystem("circles", producers, DEMAND, 0.8))


def test_systems_without_power_and_a_quota_of_one_are_refused():
    with pytest.raises(QuotaError, match="nobody holds anything back"):
        market_power_equilibrium(WINDY)
    with pytest.raises(QuotaError, match="quota of 1 leaves the wholesale price open"):
        market_power_equilibrium(OWNER, 1.0)


@given(systems_with_power())
@settings(max_examples=40)
def test_no_producer_gains_by_deviating_alone(system):
    found = try_equilibrium(system)
    assert found.mode is Mode.MARKET_POWER
    assert found.residual < 1e-9
    assert found.deviation_gain <= MOST_GAIN
    for deviation in best_deviations(found, points=9, rounds=15):
        assert deviation.relative_gain <= MOST_GAIN


@given(systems_with_power(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_no_decision_earns_more_than_the_best_answer(system, random):
    market = market_of(system)
    game = Game(market, system.ratio, {})
    output = np.array([random.uniform(0.0, min(most, 1.0)) for most in market.most])
    sold = output * np.array([random.random() for _ in market.most])
    for player in market.strategic:
        best = game.best(player, output, sold)
        for _ in range(25):
            mine = random.uniform(0.0, float(market.most[player]))
            sells = mine * random.choice((0.0, random.random(), 1.0))
            answer = game.answer(*game.with_decision(player, mine, sells, output, sold))
            if answer is not None:
                assert best is not None
                assert float(answer.margin[player]) <= best.profit + 1e-9


@given(systems_with_power(most_strategic=1))
@settings(max_examples=60)
def test_a_single_strategic_producer_earns_at_least_what_price_taking_would(system):
    found, competitive = try_equilibrium(system), competitive_equilibrium(system)
    (player,) = market_of(system).strategic
    money = system.demand.highest_price**2 / system.demand.slope
    assert found.margin[player] >= competitive.margin[player] - 1e-9 * money


@given(systems_with_power(), st.sampled_from((1e-3, 1e4)), st.sampled_from((1e-3, 1e5)))
@settings(max_examples=25)
def test_units_do_not_matter_to_market_power(system, money, energy):
    def converted(each: Producer) -> Producer:
        cost = each.maintenance
        running = Cost(0.0, cost.per_mwh * money, cost.slope * money / energy)
        available = (each.available_mwh or 0.0) * energy
        return replace(each, maintenance=running, available_mwh=available)

    found = try_equilibrium(system)
    buy_out = None if system.buy_out_price is None else system.buy_out_price * money
    demand = replace(DEMAND, highest_price=100.0 * money, slope=0.01 * money / energy)
    producers = tuple(map(converted, system.producers))
    again = try_equilibrium(
        replace(system, producers=producers, demand=demand, buy_out_price=buy_out)
    )
    assert again.retail_price / money == pytest.approx(found.retail_price, abs=1e-5)
    assert again.consumed / energy == pytest.approx(found.consumed, abs=1e-3)
