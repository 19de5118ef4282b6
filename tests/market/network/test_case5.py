"""The PJM five-bus system: MATPOWER's case5 (Li and Bo, "Small Test Systems for Power System
Economic Studies", IEEE PES General Meeting 2010), DC optimal power flow."""

from __future__ import annotations

from functools import cache

import pytest

from market.network import Line, Network, Node, carriers_needed
from market.network.sensitivities import meshed_grid
from tests.market.network.books import MW, NETWORK, Cleared, Offer, cleared

A, B, C, D, E = range(5)
CAP = 1_000 * 10**6
USD_PER_MWH = 10**6
"""Nano per kWh."""

LINES = (
    Line("A-B", A, B, 28_100, 400 * MW),
    Line("A-D", A, D, 30_400),
    Line("A-E", A, E, 6_400),
    Line("B-C", B, C, 10_800),
    Line("C-D", C, D, 29_700),
    Line("D-E", D, E, 29_700, 240 * MW),
)
GENERATORS = [(A, 40, 14), (A, 170, 15), (C, 520, 30), (D, 200, 40), (E, 600, 10)]
LOADS = [(B, 300), (C, 300), (D, 400)]
OFFERS = [Offer(0, zone, -mw * MW, usd * USD_PER_MWH) for zone, mw, usd in GENERATORS] + [
    Offer(0, zone, mw * MW, CAP) for zone, mw in LOADS
]


def five_buses() -> Network:
    grid = meshed_grid("PJM", 0, [Node(zone, 1_530 * MW) for zone in range(5)], LINES)
    return Network(1, carriers_needed(1, 5, (grid,)), 5, grids=(grid,))


@cache
def outcome() -> Cleared:
    return cleared(five_buses(), OFFERS)


def test_nodal_prices_are_those_of_the_literature():
    prices = [outcome().price(0, zone) / USD_PER_MWH for zone in range(5)]
    assert prices == pytest.approx([16.977, 26.384, 30.000, 39.943, 10.000], abs=5e-4)


def test_generation_costs_what_the_literature_says():
    filled = [(offer, outcome().traded(offer)) for offer in OFFERS]
    # Every load is served, but for what the search for whole Wh leaves.
    assert all(0 <= offer.wh - wh < 100 for offer, wh in filled if offer.wh > 0)
    cost = sum(offer.price * wh for offer, wh in filled if offer.wh < 0) / 1e12
    assert cost == pytest.approx(17_479.90, abs=0.01)
    dispatched = [wh / MW for offer, wh in filled if offer.wh < 0]
    assert dispatched == pytest.approx([40, 170, 323.49, 0, 466.51], abs=0.01)


def test_the_limit_that_binds_is_used_to_the_last_kwh():
    ab, de = outcome().flows
    assert (ab.element, de.element) == ("A-B", "D-E")
    assert ab.flow_wh / MW == pytest.approx(249.717, abs=1e-3)
    assert de.flow_wh / MW == pytest.approx(-240, abs=1e-3)
    assert abs(de.flow_wh) <= de.limit_wh + 2 * 5


def test_congestion_revenue_is_shadow_price_times_flow():
    ab, de = outcome().flows
    # C and E are both part-loaded, so their costs differ by the shadow price times what a MW moved
    # from E to C takes off the line.
    shadow = (30 - 10) / (0.208957 + 0.111957)
    assert shadow == pytest.approx(62.322, abs=1e-3)
    assert de.revenue_micro / 1e6 == pytest.approx(240 * shadow, rel=1e-6)
    assert abs(ab.revenue_micro) < 1_000
    loads = sum(outcome().price(0, zone) * mw for zone, mw in LOADS)
    paid = sum(outcome().price(0, o.zone) * outcome().traded(o) for o in OFFERS if o.wh < 0)
    assert outcome().network_revenue_micro / 1e6 == pytest.approx(
        loads / 1e6 - paid / 1e12, abs=0.01
    )
    assert outcome().network_revenue_micro == pytest.approx(de.revenue_micro, abs=10_000)


def test_money_and_energy_sum_to_zero_with_the_dust():
    settlement = outcome().settlement
    assert settlement.dust_micro == sum(settlement.payments_micro)
    assert 0 <= settlement.dust_micro < outcome().book.count
    debits = sum(effect.debit_micro for effect in settlement.effects)
    assert debits == sum(effect.lock_micro for effect in settlement.effects) + settlement.dust_micro
    sums: dict[int, int] = {}
    for leaf in settlement.positions:
        for entry in leaf.entries:
            sums[entry.product] = sums.get(entry.product, 0) + entry.quantity_wh
    assert set(sums.values()) == {0}


def test_no_order_of_the_network_loses():
    assert min(outcome().network_surpluses) >= 0


def test_what_the_network_takes_of_electricity_it_gives():
    (leaf,) = (leaf for leaf in outcome().settlement.positions if leaf.trader == NETWORK)
    taken: dict[int, int] = {}
    for entry in leaf.entries:
        taken[entry.product >> 48] = taken.get(entry.product >> 48, 0) + entry.quantity_wh
    assert taken == {0: 0, 1: 0}


def test_the_gap_is_far_below_a_millionth_of_welfare():
    certificate = outcome().certificate
    assert certificate.coupled
    assert certificate.gap_micro < 1e-7 * certificate.welfare_micro


def test_without_limits_there_is_one_price():
    grid = meshed_grid(
        "PJM",
        0,
        [Node(zone, 1_530 * MW) for zone in range(5)],
        [Line(line.name, line.from_zone, line.to_zone, line.reactance) for line in LINES],
    )
    free = cleared(Network(1, 2, 5, grids=(grid,)), OFFERS)
    prices = [free.price(0, zone) for zone in range(5)]
    # 600 + 210 MW at 10 to 15, then C at 30.
    assert max(prices) - min(prices) <= 4
    assert prices[0] / USD_PER_MWH == pytest.approx(30, abs=1e-4)
    assert free.network_revenue_micro < 10_000
