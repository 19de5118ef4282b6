from __future__ import annotations

import subprocess
import sys

import pytest

from market.network import (
    Line,
    Link,
    Network,
    NetworkError,
    Node,
    carriers_needed,
    describe,
    from_description,
    margin_needed_micro,
    network_orders,
    transports,
)
from market.network.sensitivities import meshed_grid
from market.order import check_well_formed
from market.product import Product, ProductGrid
from market.synthetic import rules_for
from tests.market.network.books import NETWORK, SLOT
from tests.market.network.test_case5 import five_buses
from tests.market.network.test_elements import NETWORK as TOWN

ROUND = ProductGrid(TOWN.carriers, TOWN.zones, SLOT, 4)


def orders_of(network=TOWN, grid=ROUND, epoch=0):
    return network_orders(network, 3, 8, grid, 900, NETWORK, epoch)


def test_orders_are_the_same_from_the_description_alone():
    again = from_description(describe(TOWN))
    assert orders_of() == orders_of(again)


def test_orders_do_not_need_numpy_or_a_solver():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'scipy', 'highspy')))\n"
        "from market.network import from_description, network_orders\n"
        "from market.network.flows import flows\n"
        "from market.network.comparison import differences\n"
        "from market.product import ProductGrid\n"
        f"network = from_description({describe(TOWN)!r})\n"
        f"orders = network_orders(network, 3, 8, {ROUND!r}, 900, {NETWORK!r}, 0)\n"
        "print(len(orders), orders[-1].legs[0].product)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(len(orders_of())), str(orders_of()[-1].legs[0].product)]


@pytest.mark.parametrize("network", [TOWN, five_buses()])
def test_every_order_is_well_formed_and_asks_for_next_to_nothing(network):
    grid = ProductGrid(network.carriers, network.zones, SLOT, 2)
    orders = network_orders(network, 3, 8, grid, 900, NETWORK, 5)
    for place, order in enumerate(orders):
        check_well_formed(order, grid, rules_for(grid).price_cap)
        assert (order.market, order.round, order.trader, order.epoch) == (3, 8, NETWORK, 5)
        assert order.limit in (0, -1)
        assert order.salt == place


def test_a_slot_has_two_orders_a_link_two_a_node_and_four_a_watched_line():
    assert len(orders_of()) == 4 * (2 * 1 + 2 * 3 + 4 * 2)


def test_only_the_network_needs_the_products_beyond_the_open_carriers():
    own = {leg.product for order in orders_of() for leg in order.legs}
    own = {product for product in own if product >> 48 >= TOWN.open_carriers}
    assert len(own) == 4 * TOWN.own_products == 20
    assert max(product >> 48 for product in own) == TOWN.carriers - 1


def test_both_directions_of_a_node_mirror_each_other_and_a_line_has_a_flowgate_each_way():
    a_slot = [t for t in transports(TOWN, ROUND, 900) if t.slot == SLOT and "1 of" in t.element]
    feed_in, draw = a_slot
    assert [leg.coefficient for leg in feed_in.legs] == [-leg.coefficient for leg in draw.legs]
    legs = {leg.product: leg.coefficient for leg in feed_in.legs}
    hub, a_forward, a_backward, b_forward, b_backward = (
        Product(*TOWN.own_place(number), SLOT).id for number in range(5)
    )
    assert legs == {
        Product(0, 1, SLOT).id: 10**6,
        hub: -(10**6),
        a_forward: -666_667,
        a_backward: 666_667,
        b_forward: 333_333,
        b_backward: -333_333,
    }


def test_a_link_without_a_wh_of_capacity_has_no_order():
    weak = Network(1, 1, 2, (Link("weak", 0, 0, 1, 3),))
    assert network_orders(weak, 1, 1, ProductGrid(1, 2, SLOT, 1), 900, NETWORK, 0) == ()


def test_a_watched_line_without_a_wh_of_capacity_is_refused_by_name():
    grid = meshed_grid("g", 0, [Node(0, 10_000), Node(1, 10_000)], [Line("thin", 0, 1, 1, 3)])
    network = Network(1, carriers_needed(1, 2, (grid,)), 2, grids=(grid,))
    with pytest.raises(NetworkError, match="line thin: 3 W are less than a Wh"):
        orders_of(network, ProductGrid(network.carriers, 2, SLOT, 1))


def test_a_round_of_another_market_is_refused():
    with pytest.raises(NetworkError, match="4 carriers and 3 zones, the round trades 4 and 2"):
        orders_of(grid=ProductGrid(4, 2, SLOT, 1))


def test_every_order_says_what_it_is_for():
    names = [str(t) for t in transports(TOWN, ROUND, 900)]
    assert len(set(names)) == len(names)
    assert f"link pipe forward, slot {SLOT}" in names
    assert f"line a backward, slot {SLOT + 1}" in names
    assert f"node 2 of town draw, slot {SLOT + 3}" in names


def test_the_margin_of_a_link_is_both_ends_at_the_greatest_imbalance_price():
    link = Network(1, 1, 2, (Link("pipe", 0, 0, 1, 4_000, 250_000),))
    grid = ProductGrid(1, 2, SLOT, 3)
    assert margin_needed_micro(link, grid, rules_for(grid)) == 3 * (1_000 + 750) * 500


def test_the_margin_of_a_grid_counts_hub_and_flowgates_too():
    cable = Line("cable", 0, 1, 100, 8_000)
    meshed = meshed_grid("g", 0, [Node(0, 12_000), Node(1, 12_000)], [cable])
    network = Network(1, carriers_needed(1, 2, (meshed,)), 2, grids=(meshed,))
    grid = ProductGrid(network.carriers, 2, SLOT, 1)
    nodes = 2 * 3_000 * (2 + 0) + 2 * 3_000 * (2 + 2)
    line = 2 * (2 * 2_000 + 4)
    assert margin_needed_micro(network, grid, rules_for(grid)) == (nodes + line) * 500
