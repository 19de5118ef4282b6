from __future__ import annotations

from random import Random

import pytest

from market.network import Link, Network, network_orders
from market.product import ProductGrid
from tests.market.network.books import NETWORK, SLOT, Offer, cleared

HEAT = 1
A, B, C = range(3)
CENT = 10**7


def pipes(*links: Link, zones: int = 2) -> Network:
    return Network(open_carriers=2, carriers=2, zones=zones, links=links)


def pipe(capacity_w=10**6, loss=0, both=False) -> Link:
    return Link("pipe", HEAT, A, B, capacity_w, loss, both)


HEAT_TRADE = [Offer(HEAT, A, -600_000, 3 * CENT), Offer(HEAT, B, 400_000, 9 * CENT)]


def test_two_zones_with_a_slack_line_have_one_price():
    offers = [*HEAT_TRADE, Offer(HEAT, A, 100_000, 5 * CENT), Offer(HEAT, B, -200_000, 4 * CENT)]
    market = cleared(pipes(pipe(both=True)), offers)
    assert abs(market.price(HEAT, A) - market.price(HEAT, B)) <= 2
    assert market.traded(offers[1]) == 400_000
    assert abs(market.network_revenue_micro) <= 10


def test_a_full_pipe_parts_the_prices_and_earns_the_difference():
    market = cleared(pipes(pipe(capacity_w=250_000)), HEAT_TRADE)
    (flow,) = market.flows
    assert (flow.flow_wh, flow.limit_wh) == (250_000, 250_000)
    assert market.price(HEAT, A) == 3 * CENT
    assert market.price(HEAT, B) == 9 * CENT
    assert flow.revenue_micro == 250 * 6 * CENT // 1_000 == market.network_revenue_micro


def test_a_pipe_delivers_what_its_loss_leaves_and_the_price_says_so():
    market = cleared(pipes(pipe(loss=80_000)), HEAT_TRADE)
    assert market.traded(HEAT_TRADE[1]) == 400_000
    assert market.traded(HEAT_TRADE[0]) == pytest.approx(400_000 / 0.92, abs=2)
    assert market.price(HEAT, B) == pytest.approx(market.price(HEAT, A) / 0.92, rel=1e-6)
    (leaf,) = (leaf for leaf in market.settlement.positions if leaf.trader == NETWORK)
    assert sum(entry.quantity_wh for entry in leaf.entries) == pytest.approx(
        0.08 * market.traded(HEAT_TRADE[0]), abs=2
    )


def test_a_loss_dearer_than_the_difference_keeps_the_pipe_empty():
    offers = [Offer(HEAT, A, -1_000, 4 * CENT), Offer(HEAT, B, 1_000, 5 * CENT)]
    market = cleared(pipes(pipe(loss=300_000)), offers)
    assert market.flows[0].flow_wh == 0
    assert not any(market.clearing.fills)


def test_capacity_is_energy_of_the_slot():
    market = cleared(pipes(pipe(capacity_w=1_000_001)), HEAT_TRADE, slot_seconds=900)
    assert market.flows[0].limit_wh == 250_000


def test_a_pipe_in_one_direction_lets_nothing_flow_back():
    backward = [Offer(HEAT, B, -600, 3 * CENT), Offer(HEAT, A, 400, 9 * CENT)]
    assert not any(cleared(pipes(pipe()), backward).clearing.fills)
    market = cleared(pipes(pipe(both=True)), backward)
    assert market.flows[0].flow_wh == -400


def test_a_disconnected_zone_clears_as_if_alone():
    island = [Offer(HEAT, C, -5_000, 2 * CENT), Offer(HEAT, C, 3_000, 7 * CENT)]
    together = cleared(pipes(pipe(loss=50_000), zones=3), [*HEAT_TRADE, *island])
    alone = cleared(Network(2, 2, 3), island)
    assert together.price(HEAT, C) == alone.price(HEAT, C) == 2 * CENT
    assert [together.traded(offer) for offer in island] == [3_000, 3_000]


def test_what_nobody_can_deliver_is_not_traded():
    """Wanted in zone C, where no pipe leads; and heat does not come out of an electric line."""
    network = pipes(Link("line", 0, A, C, 10**6), pipe(), zones=3)
    wanted = Offer(HEAT, C, 1_000, 30 * CENT)
    market = cleared(network, [*HEAT_TRADE, wanted])
    assert market.traded(wanted) == 0
    assert market.traded(HEAT_TRADE[1]) == 400_000


def test_a_chain_of_pipes_loses_on_every_one():
    network = pipes(
        Link("first", HEAT, A, B, 10**6, 100_000),
        Link("second", HEAT, B, C, 10**6, 100_000),
        zones=3,
    )
    offers = [Offer(HEAT, A, -10_000, CENT), Offer(HEAT, C, 8_100, 9 * CENT)]
    market = cleared(network, offers)
    assert market.traded(offers[1]) == 8_100
    assert market.traded(offers[0]) == pytest.approx(10_000, abs=2)


@pytest.mark.parametrize("loss", [0, 1, 37_000, 999_999])
def test_a_link_never_makes_energy_whatever_is_filled(loss):
    network = pipes(pipe(loss=loss, both=True))
    grid = ProductGrid(2, 2, SLOT, 1)
    random = Random(loss)
    for order in network_orders(network, 1, 1, grid, 900, NETWORK, 0):
        for units in [1, 2, 999_999, *(random.randrange(1, 10**6) for _ in range(200))]:
            assert sum(leg.coefficient * units // 10**6 for leg in order.legs) >= 0


def test_round_trips_over_lossy_links_earn_nothing_from_nothing():
    """Nobody but the network is there: whatever it could trade with itself stays out."""
    lossy = pipes(
        Link("one", HEAT, A, B, 10**6, 20_000, True), Link("other", HEAT, A, B, 10**6, 30_000, True)
    )
    market = cleared(lossy, [])
    assert market.network_revenue_micro == 0
    assert {
        q for leaf in market.settlement.positions for q in [e.quantity_wh for e in leaf.entries]
    } == set()
