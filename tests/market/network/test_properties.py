"""Random networks with random books through the real clearing and certificate."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.network import Line, Link, Network, Node, carriers_needed
from market.network.orders import ORDERS_A_NODE
from market.network.sensitivities import meshed_grid
from tests.market.network.books import Cleared, Offer, cleared

CENT = 10**7
QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@st.composite
def offers(draw, zones: int) -> list[Offer]:
    """Bids and asks at 1 to 30 cents in every zone but perhaps the last."""
    return [
        Offer(
            0,
            draw(st.integers(0, zones - 1)),
            draw(st.sampled_from((1, -1))) * draw(st.integers(100_000, 9_000_000)),
            draw(st.integers(1, 30)) * CENT + draw(st.integers(0, 999_999)),
        )
        for _ in range(draw(st.integers(2, 12)))
    ]


@st.composite
def radial(draw) -> Network:
    """Links in a tree, some lossy, some tight, some one way."""
    zones = draw(st.integers(2, 5))
    links = []
    for zone in range(1, zones):
        start, end = draw(st.permutations([draw(st.integers(0, zone - 1)), zone]))
        links.append(
            Link(
                f"to {zone}",
                0,
                start,
                end,
                capacity_w=draw(st.integers(0, 5_000_000)),
                loss_millionths=draw(st.sampled_from((0, 1_000, 30_000, 250_000))),
                both_directions=draw(st.booleans()),
            )
        )
    return Network(1, 1, zones, tuple(links))


@st.composite
def meshed(draw) -> Network:
    """A ring with chords, some lines watched."""
    zones = draw(st.integers(3, 5))
    pairs = [(zone, (zone + 1) % zones) for zone in range(zones)]
    pairs += draw(st.lists(st.sampled_from([(0, 2), (1, zones - 1)]), unique=True, max_size=2))
    lines = [
        Line(
            f"{place}: {a}-{b}",
            a,
            b,
            draw(st.integers(1_000, 90_000)),
            draw(st.none() | st.integers(200_000, 3_000_000)),
        )
        for place, (a, b) in enumerate(pairs)
    ]
    grid = meshed_grid("ring", 0, [Node(zone, 120_000_000) for zone in range(zones)], lines)
    return Network(1, carriers_needed(1, zones, (grid,)), zones, grids=(grid,))


def check_outcome(market: Cleared, rounding_wh: int) -> None:
    """What holds on every network; the certificate has been checked by `cleared`."""
    assert min(market.network_surpluses, default=0) >= 0
    assert market.network_revenue_micro >= 0
    for flow in market.flows:
        assert abs(flow.flow_wh) <= flow.limit_wh + rounding_wh
    assert 0 <= market.settlement.dust_micro < max(1, market.book.count)


@QUICK
@given(st.data())
def test_radial_networks(data):
    network = data.draw(radial())
    market = cleared(network, data.draw(offers(network.zones)), slot_seconds=3_600)
    check_outcome(market, rounding_wh=0)
    for flow in market.flows:
        (link,) = (link for link in network.links if link.name == flow.element)
        if flow.flow_wh < 0:
            assert link.both_directions
        assert flow.revenue_micro >= 0


@QUICK
@given(st.data())
def test_meshed_networks(data):
    network = data.draw(meshed())
    market = cleared(
        network, data.draw(offers(network.zones)), slot_seconds=3_600, gap_floor_micro=20_000
    )
    check_outcome(market, rounding_wh=ORDERS_A_NODE * network.zones)


@QUICK
@given(st.data())
def test_energy_reaches_every_node_to_the_wh(data):
    """Whatever the flows' rounding, electricity itself is neither made nor lost on a mesh."""
    network = data.draw(meshed())
    market = cleared(network, data.draw(offers(network.zones)), gap_floor_micro=20_000)
    bought = sum(market.traded(offer) for offer in market.offers if offer.wh > 0)
    sold = sum(market.traded(offer) for offer in market.offers if offer.wh < 0)
    assert bought == sold
