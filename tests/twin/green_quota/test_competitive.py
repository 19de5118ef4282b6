from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.twin.green_quota.drawn_systems import RATIOS, systems
from twin.green_quota.arrays import market_of
from twin.green_quota.equilibrium import competitive_equilibrium
from twin.green_quota.system import Cost, Demand, Kind, Producer, QuotaError, QuotaSystem

THERMAL = Producer("thermal", Kind.THERMAL, fuel=Cost(0.0, 20.0, 0.001))
RENEWABLE = Producer("renewable", Kind.RENEWABLE, maintenance=Cost(0.0, 80.0, 0.003))
WIND = Producer("wind", Kind.RENEWABLE, available_mwh=1_500.0)
DEMAND = Demand(100.0, 0.01)
TWO = QuotaSystem("two", (THERMAL, RENEWABLE), DEMAND, 0.2)
WINDY = QuotaSystem("windy", (THERMAL, WIND), DEMAND, 0.2)
SOLVER = {"solver": "CLARABEL", "tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}


def try_equilibrium(system, ratio=None):
    """The equilibrium; a case that cannot meet its quota is no case of a property."""
    try:
        return competitive_equilibrium(system, ratio)
    except QuotaError as error:
        assume("cannot be met" not in str(error))
        raise


def welfare(found) -> float:
    """Gross worth of what is consumed, less costs and buy-outs (as if they were costs)."""
    demand = found.system.demand
    gross = (demand.highest_price - 0.5 * demand.slope * found.consumed) * found.consumed
    costs = (found.electricity_revenue + found.certificate_revenue - found.margin).sum()
    bought_out = found.bought_out * (found.system.buy_out_price or 0.0)
    return float(gross - costs - bought_out)


def solved_by_cvxpy(system):
    """Optimum, consumption and the two prices of the welfare programme, scaled to 1; or None."""
    cp = pytest.importorskip("cvxpy")
    market = market_of(system)
    output = cp.Variable(len(market.names))
    missing, consumed = cp.Variable(nonneg=True), cp.Variable(nonneg=True)
    balance = cp.sum(output) == consumed
    certificates = output @ market.renewable.astype(float) + missing >= system.ratio * consumed
    rules = [balance, certificates, output >= market.least, output <= market.most]
    buy_out = market.buy_out
    if np.isinf(buy_out):
        rules.append(missing == 0)
        buy_out = 0.0
    curved = cp.multiply(market.slope / 2, cp.square(output))
    costs = market.marginal @ output + cp.sum(curved) + buy_out * missing
    programme = cp.Problem(cp.Maximize(consumed - cp.square(consumed) / 2 - costs), rules)
    programme.solve(**SOLVER)
    if programme.status == cp.INFEASIBLE:
        return None
    assert programme.status == cp.OPTIMAL
    prices = abs(float(balance.dual_value)), abs(float(certificates.dual_value))
    return float(programme.value), float(consumed.value), prices


def test_thermal_and_renewable_at_a_quota_of_a_fifth():
    found = competitive_equilibrium(TWO)
    assert found.consumed == pytest.approx(6319.7026, abs=5e-5)
    assert found.wholesale_price == pytest.approx(25.0558, abs=5e-5)
    assert found.certificate_price == pytest.approx(58.7361, abs=5e-5)
    assert found.retail_price == pytest.approx(36.8030, abs=5e-5)
    assert found.residual < 1e-12


def test_wind_beyond_the_quota_makes_certificates_worth_nothing():
    found = competitive_equilibrium(WINDY)
    assert found.certificate_price == 0.0
    assert found.consumed == pytest.approx((100.0 - 20.0 + 1.5) / 0.011)
    assert found.used.sum() == pytest.approx(0.2 * found.consumed)
    assert found.offered.sum() == pytest.approx(1_500.0)


def test_a_buy_out_caps_the_certificate_price_and_is_paid_for_what_is_missing():
    found = competitive_equilibrium(replace(TWO, buy_out_price=40.0))
    assert found.certificate_price == pytest.approx(40.0)
    assert found.output[1] == 0.0
    assert found.bought_out == pytest.approx(0.2 * found.consumed)
    assert found.retail_price == pytest.approx(found.wholesale_price + 8.0)


def test_costs_are_the_sum_of_what_causes_them_and_what_is_fixed_is_paid_in_any_case():
    parts = replace(
        THERMAL,
        fuel=Cost(100.0, 12.0, 0.0006),
        maintenance=Cost(20.0, 8.0),
        depreciation=Cost(3.0, 0.0, 0.0004),
    )
    found = competitive_equilibrium(replace(TWO, producers=(parts, RENEWABLE)))
    same = competitive_equilibrium(TWO)
    assert found.output == pytest.approx(same.output)
    assert found.profit[0] == pytest.approx(same.profit[0] - 123.0)


def test_surplus_wind_is_curtailed():
    found = competitive_equilibrium(replace(WINDY, producers=(replace(WIND, available_mwh=2e4),)))
    assert found.consumed == pytest.approx(10_000.0)
    assert found.retail_price == pytest.approx(0.0)
    assert found.output.sum() == pytest.approx(10_000.0)


def test_must_run_output_beyond_demand_makes_prices_negative():
    must_run = Producer("must run", Kind.THERMAL, least_mwh=1.2e4, available_mwh=1.3e4)
    found = competitive_equilibrium(QuotaSystem("full", (must_run,), DEMAND, 0.0))
    assert found.wholesale_price == pytest.approx(-20.0)


def test_a_quota_of_one_leaves_no_thermal_output():
    found = competitive_equilibrium(WINDY, 1.0)
    assert found.output.tolist() == pytest.approx([0.0, 1_500.0])
    assert found.wholesale_price + found.certificate_price == pytest.approx(85.0)


def test_no_renewables_and_no_buy_out_means_nothing_is_consumed():
    found = competitive_equilibrium(replace(TWO, producers=(THERMAL,)))
    assert found.consumed == pytest.approx(0.0)
    assert found.retail_price == pytest.approx(100.0)


def test_a_quota_that_must_run_output_makes_impossible_is_refused():
    must_run = replace(THERMAL, least_mwh=7_000.0, available_mwh=8_000.0)
    with pytest.raises(QuotaError, match=r"quota of 0\.2 cannot be met: .* at most 1500 MWh"):
        competitive_equilibrium(replace(WINDY, producers=(must_run, WIND)))
    with_buy_out = replace(WINDY, producers=(must_run, WIND), buy_out_price=50.0)
    assert competitive_equilibrium(with_buy_out).bought_out > 0.0


def test_a_thousand_producers_are_solved_as_exactly():
    rng = np.random.default_rng(4)
    many = tuple(
        Producer(
            f"p{place}",
            Kind.RENEWABLE if place % 3 == 0 else Kind.THERMAL,
            maintenance=Cost(0.0, float(rng.uniform(10.0, 90.0)), float(rng.uniform(0.0, 1.0))),
            available_mwh=float(rng.uniform(1.0, 30.0)),
        )
        for place in range(1_000)
    )
    found = competitive_equilibrium(QuotaSystem("many", many, DEMAND, 0.45))
    assert found.certificate_price > 0.0
    assert found.residual < 1e-12


@given(systems(must_run=True))
@settings(max_examples=70)
def test_the_equilibrium_is_the_optimum_that_another_solver_finds(system):
    solved = solved_by_cvxpy(system)
    if solved is None:
        with pytest.raises(QuotaError, match="cannot be met"):
            competitive_equilibrium(system)
        return
    optimum, consumed, _ = solved
    found = competitive_equilibrium(system)
    energy = system.demand.highest_price / system.demand.slope
    assert welfare(found) / (energy * system.demand.highest_price) == pytest.approx(
        optimum, abs=1e-7
    )
    assert found.consumed / energy == pytest.approx(consumed, abs=2e-4)
    assert found.residual < 1e-10


def far_from_limits(kind: Kind) -> Producer:
    return Producer(
        f"large {kind}", kind, maintenance=Cost(0.0, 0.0, 0.02), available_mwh=100_000.0
    )


@given(systems(ratios=st.floats(0.3, 0.8)))
@settings(max_examples=70)
def test_prices_are_the_multipliers_of_the_optimum_where_those_are_unique(system):
    # One of each kind whose cost rises and whose limit is far: mostly neither stands at a limit.
    system = replace(system, producers=(*system.producers, *map(far_from_limits, Kind)))
    found = try_equilibrium(system)
    market = market_of(system)
    output = found.output / market.energy_unit
    free = (output > market.least + 1e-4) & (output < market.most - 1e-4)
    assume((free & market.renewable).any() and (free & ~market.renewable).any())
    solved = solved_by_cvxpy(system)
    assert solved is not None
    _, _, (wholesale, certificate) = solved
    assert found.wholesale_price / 100.0 == pytest.approx(wholesale, abs=1e-4)
    assert found.certificate_price / 100.0 == pytest.approx(certificate, abs=1e-4)


@given(systems(must_run=True))
def test_nothing_is_paid_for_certificates_without_a_quota(system):
    found = competitive_equilibrium(system, 0.0)
    assert found.certificate_price == 0.0
    assert found.retail_price == found.wholesale_price


@given(systems(), RATIOS, RATIOS)
def test_a_higher_quota_never_raises_welfare_nor_thermal_output(system, one, other):
    lower, higher = sorted((one, other))
    before, after = competitive_equilibrium(system, lower), competitive_equilibrium(system, higher)
    assert welfare(after) <= welfare(before) + 1e-4
    thermal = ~before.renewable
    assert after.output[thermal].sum() <= before.output[thermal].sum() + 1e-6


@given(systems(), st.floats(1.0, 99.0), st.floats(1.0, 99.0))
def test_a_higher_buy_out_never_lowers_the_certificate_price(system, one, other):
    lower, higher = sorted((one, other))
    before = competitive_equilibrium(replace(system, buy_out_price=lower))
    after = competitive_equilibrium(replace(system, buy_out_price=higher))
    assert before.certificate_price <= after.certificate_price + 1e-9
    assert after.certificate_price <= higher + 1e-9


@given(systems(ratios=st.floats(0.05, 0.95)))
def test_renewables_and_buy_outs_together_are_the_quota_where_certificates_cost_something(system):
    found = try_equilibrium(system)
    shown = found.issued.sum() + found.bought_out
    if found.certificate_price > 0.0:
        assert shown == pytest.approx(system.ratio * found.consumed, abs=1e-6)
    else:
        assert shown >= system.ratio * found.consumed - 1e-6


@given(systems(), st.sampled_from((1e-3, 7.0, 1e4)), st.sampled_from((1e-3, 11.0, 1e5)))
def test_units_do_not_matter(system, money, energy):
    found = try_equilibrium(system)

    def converted(cost: Cost) -> Cost:
        return Cost(cost.fixed * money * energy, cost.per_mwh * money, cost.slope * money / energy)

    producers = tuple(
        replace(
            each,
            maintenance=converted(each.maintenance),
            least_mwh=each.least_mwh * energy,
            available_mwh=None if each.available_mwh is None else each.available_mwh * energy,
        )
        for each in system.producers
    )
    buy_out = None if system.buy_out_price is None else system.buy_out_price * money
    demand = Demand(100.0 * money, 0.01 * money / energy)
    again = competitive_equilibrium(
        replace(system, producers=producers, demand=demand, buy_out_price=buy_out)
    )
    assert again.consumed / energy == pytest.approx(found.consumed, abs=1e-6)
    assert again.retail_price / money == pytest.approx(found.retail_price, abs=1e-8)
    assert again.output.sum() / energy == pytest.approx(found.output.sum(), abs=1e-6)


@given(systems())
def test_two_halves_of_a_producer_change_no_price(system):
    first = system.producers[0]
    halved = replace(
        first,
        maintenance=replace(first.maintenance, slope=2.0 * first.maintenance.slope),
        available_mwh=0.5 * (first.available_mwh or 0.0),
    )
    halves = (halved, replace(halved, name="other half"), *system.producers[1:])
    found, again = try_equilibrium(system), try_equilibrium(replace(system, producers=halves))
    assert again.wholesale_price == pytest.approx(found.wholesale_price, abs=1e-8)
    assert again.certificate_price == pytest.approx(found.certificate_price, abs=1e-8)
