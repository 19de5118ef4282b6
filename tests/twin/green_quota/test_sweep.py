from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from tests.twin.green_quota.drawn_systems import systems
from tests.twin.green_quota.test_competitive import THERMAL, TWO, WIND, WINDY
from tests.twin.green_quota.test_market_power import OWNER, cournot
from twin.green_quota.equilibrium import Mode, competitive_equilibrium
from twin.green_quota.indicators import herfindahl, indicators, lerner_indices, withheld
from twin.green_quota.market_power import market_power_equilibrium
from twin.green_quota.published import published_system
from twin.green_quota.sweep import ratios_between, sweep
from twin.green_quota.system import QuotaError


def test_a_sweep_gives_what_each_quota_gives_alone():
    system, ratios = published_system(), ratios_between(0.0, 0.9, 7)
    for mode, alone in (
        (Mode.COMPETITIVE, competitive_equilibrium),
        (Mode.MARKET_POWER, market_power_equilibrium),
    ):
        points = sweep(system, ratios, mode)
        assert [point.ratio for point in points] == list(ratios)
        for point in points:
            assert point.equilibrium is not None
            single = alone(system, point.ratio)
            assert point.equilibrium.retail_price == pytest.approx(single.retail_price)
            assert point.equilibrium.offered == pytest.approx(single.offered, abs=1e-6)


def test_a_quota_without_equilibrium_is_a_point_that_says_why():
    points = sweep(OWNER, (0.5, 1.0), Mode.MARKET_POWER)
    assert points[0].equilibrium is not None
    assert points[1].equilibrium is None
    assert "leaves the wholesale price open" in points[1].missing_because
    with pytest.raises(QuotaError, match="leaves the wholesale price open"):
        sweep(OWNER, (1.0,), Mode.MARKET_POWER)


def test_sweeps_that_cannot_be_are_refused():
    for bad in ((0.5, 0.5, 3), (0.6, 0.5, 3), (0.1, 0.5, 1), (-0.1, 0.5, 3), (0.1, 1.5, 3)):
        with pytest.raises(QuotaError):
            ratios_between(*bad)
    with pytest.raises(QuotaError, match="nobody holds anything back"):
        sweep(WINDY, (0.1, 0.2), Mode.MARKET_POWER)


def test_the_owner_withholds_certificates_and_no_output():
    found = market_power_equilibrium(OWNER)
    output, certificates = withheld(found)
    assert output.tolist() == [0.0, 0.0]
    assert certificates[1] == pytest.approx(1_500.0 - 415.0 / 0.55)
    read = indicators(found)
    assert read.withheld_certificates == read.renewable.withheld_certificates
    assert read.hhi_certificates_issued == read.hhi_certificates_offered == 10_000.0
    assert read.welfare < indicators(competitive_equilibrium(OWNER)).welfare


def test_a_cournot_duopoly_has_the_textbooks_mark_up_and_concentration():
    """Each sells 80 / 0.03; price 20 + 80 / 3."""
    found = market_power_equilibrium(cournot(20.0, 20.0))
    price = 20.0 + 80.0 / 3.0
    assert lerner_indices(found) == pytest.approx((price - 20.0) / price)
    read = indicators(found)
    assert read.lerner == pytest.approx((price - 20.0) / price)
    assert read.hhi_generation == pytest.approx(5_000.0)
    assert read.hhi_certificates_issued is None
    assert read.withheld_output > 0.0


def test_price_takers_withhold_nothing_and_interior_ones_have_no_mark_up():
    found = competitive_equilibrium(TWO)
    read = indicators(found)
    assert read.withheld_output == read.withheld_certificates == 0.0
    assert read.lerner == pytest.approx(0.0, abs=1e-12)
    assert read.consumer_surplus == pytest.approx(0.5 * 0.01 * found.consumed**2)


def test_shares_of_a_half_a_quarter_and_a_quarter():
    assert herfindahl(np.array([2.0, 1.0, 1.0])) == pytest.approx(3_750.0)
    assert herfindahl(np.zeros(3)) is None


@given(systems())
@settings(max_examples=60)
def test_money_is_neither_lost_nor_made(system):
    """What consumers pay is what producers and the buy-out fund receive."""
    found = competitive_equilibrium(system)
    read = indicators(found)
    paid = found.retail_price * found.consumed
    received = found.wholesale_price * found.output.sum()
    received += found.certificate_price * (found.used.sum() + found.bought_out)
    assert paid == pytest.approx(received, abs=1e-3)
    gross = (system.demand.highest_price - 0.5 * system.demand.slope * found.consumed) * (
        found.consumed
    )
    costs = (found.electricity_revenue + found.certificate_revenue - found.profit).sum()
    assert read.welfare == pytest.approx(float(gross - costs), abs=1e-3)
    total = read.thermal.output + read.renewable.output
    assert total == pytest.approx(found.consumed, abs=1e-6)


def test_profits_of_both_kinds_add_up():
    found = competitive_equilibrium(replace(OWNER, producers=(THERMAL, WIND)))
    read = indicators(found)
    assert read.thermal.profit + read.renewable.profit == pytest.approx(found.profit.sum())
    assert read.renewable.electricity_revenue == pytest.approx(1_500.0 * found.wholesale_price)
