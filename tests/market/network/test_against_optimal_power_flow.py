"""Cleared with the network's orders, a market is a DC optimal power flow: compared with one that is
written in voltage angles, knows no transfer factors and no orders, and is solved by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.network import Link, Network
from tests.market.network.books import Offer, cleared
from tests.market.network.test_case5 import OFFERS, five_buses
from tests.market.network.test_properties import QUICK, meshed, offers, radial

NANO_WH_PER_TOKEN = 10**12


def optimal_welfare(network: Network, bids: list[Offer]) -> float:
    """Tokens, with divisible energy, of one slot of an hour."""
    (grid,) = network.grids
    nodes = {node.zone: place for place, node in enumerate(grid.nodes)}
    least = min(line.reactance for line in grid.lines)
    # Columns: offers in MWh, then angles scaled so that flows are MWh.
    count = len(bids) + len(nodes)
    balance = np.zeros((len(nodes), count))
    flows, limits = [], []
    for column, bid in enumerate(bids):
        balance[nodes[bid.zone], column] = 1.0 if bid.wh > 0 else -1.0
    for line in grid.lines:
        flow = np.zeros(count)
        flow[len(bids) + nodes[line.from_zone]] = least / line.reactance
        flow[len(bids) + nodes[line.to_zone]] = -least / line.reactance
        balance[nodes[line.from_zone]] += flow
        balance[nodes[line.to_zone]] -= flow
        if line.limit_w is not None:
            flows += [flow, -flow]
            limits += [line.limit_w / 1e6] * 2
    cost = [-bid.price * np.sign(bid.wh) * 1e6 / NANO_WH_PER_TOKEN for bid in bids]
    bounds = [(0.0, abs(bid.wh) / 1e6) for bid in bids] + [(None, None)] * len(nodes)
    bounds[len(bids)] = (0.0, 0.0)
    return _maximum(cost + [0.0] * len(nodes), flows, limits, balance, bounds)


def optimal_welfare_of_links(network: Network, bids: list[Offer]) -> float:
    """As above for links: every direction of each is a column of its own."""
    ways: list[tuple[Link, int, int]] = []
    for link in network.links:
        ways.append((link, link.from_zone, link.to_zone))
        if link.both_directions:
            ways.append((link, link.to_zone, link.from_zone))
    balance = np.zeros((network.zones, len(bids) + len(ways)))
    for column, bid in enumerate(bids):
        balance[bid.zone, column] = 1.0 if bid.wh > 0 else -1.0
    for column, (link, start, end) in enumerate(ways, len(bids)):
        balance[start, column] += 1.0
        balance[end, column] -= 1.0 - link.loss_millionths / 1e6
    cost = [-bid.price * np.sign(bid.wh) * 1e6 / NANO_WH_PER_TOKEN for bid in bids]
    bounds: list[tuple[float | None, float | None]] = [(0.0, abs(bid.wh) / 1e6) for bid in bids]
    bounds += [(0.0, link.capacity_w / 1e6) for link, _, _ in ways]
    return _maximum(cost + [0.0] * len(ways), [], [], balance, bounds)


def _maximum(cost, rows, limits, balance, bounds) -> float:
    solved = linprog(
        cost,
        A_ub=np.array(rows) if rows else None,
        b_ub=limits or None,
        A_eq=balance,
        b_eq=np.zeros(len(balance)),
        bounds=bounds,
    )
    assert solved.status == 0, solved.message
    return -float(solved.fun or 0.0)


def test_case5_costs_what_the_angles_say():
    market = cleared(five_buses(), OFFERS)
    assert market.certificate.welfare_micro / 1e6 == pytest.approx(
        optimal_welfare(five_buses(), OFFERS), rel=1e-7
    )


@QUICK
@given(st.data())
def test_meshed_networks_reach_the_optimum(data):
    network = data.draw(meshed())
    bids = data.draw(offers(network.zones))
    market = cleared(network, bids, gap_floor_micro=20_000)
    optimum = optimal_welfare(network, bids)
    # Rounding of flows and transfer factors may free a few Wh of a full line, or leave some.
    assert market.certificate.welfare_micro / 1e6 == pytest.approx(optimum, rel=2e-5, abs=0.02)


@settings(QUICK, max_examples=30)
@given(st.data())
def test_radial_networks_reach_the_optimum(data):
    network = data.draw(radial())
    bids = data.draw(offers(network.zones))
    market = cleared(network, bids)
    optimum = optimal_welfare_of_links(network, bids)
    assert market.certificate.welfare_micro / 1e6 == pytest.approx(optimum, rel=2e-6, abs=0.002)
