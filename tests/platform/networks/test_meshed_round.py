"""The five-bus case, ten thousand times smaller, on a real chain: the contract accepts it, and
replay derives prices, fills and the network's orders again."""

from __future__ import annotations

from typing import Any

import pytest

from market.network import Line, Network, Node, carriers_needed
from market.network.sensitivities import meshed_grid
from tests.platform.networks.conftest import CENT, make_linked
from wattproof import audit
from wattproof.rounds import service as rounds

A, B, C, D, E = range(5)
KWH = 1_000
CAP = 100 * CENT
LINES = (
    Line("A-B", A, B, 28_100, 40_000),
    Line("A-D", A, D, 30_400),
    Line("A-E", A, E, 6_400),
    Line("B-C", B, C, 10_800),
    Line("C-D", C, D, 29_700),
    Line("D-E", D, E, 29_700, 24_000),
)
OFFERS = (
    (A, -1 * KWH, 14 * CENT),
    (A, -4_250, 15 * CENT),
    (C, -13 * KWH, 30 * CENT),
    (D, -5 * KWH, 40 * CENT),
    (E, -15 * KWH, 10 * CENT),
    (B, 7_500, CAP),
    (C, 7_500, CAP),
    (D, 10 * KWH, CAP),
)


def test_nodal_prices_settle_on_the_chain_and_replay(desk: Any) -> None:
    grid = meshed_grid("PJM", 0, [Node(zone, 153_000) for zone in range(5)], LINES)
    network = Network(1, carriers_needed(1, 5, (grid,)), 5, grids=(grid,))
    market = make_linked(desk, network, "five buses")
    number = market.open_round(slots=1)
    market.hand_in(number)
    market.trade(number, OFFERS)
    market.settle(number)
    platform = desk.platform
    with platform.transaction() as session:
        (row,) = rounds.list_rounds(session, market.market)
        prices = [each.price_nano_per_kwh for each in rounds.prices(session, market.market, number)]
    assert row.state in ("confirmed", "delivered")
    assert [price / CENT for price in prices[:5]] == pytest.approx(
        [16.977, 26.384, 30.000, 39.943, 10.000], abs=2e-3
    )
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    (done,) = report.rounds
    assert done.coupled
    assert report.checked["network"] == 10 + 8 == done.orders - len(OFFERS)
