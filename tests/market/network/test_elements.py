from __future__ import annotations

from dataclasses import replace

import pytest

from market.network import Line, Link, MeshedGrid, Network, NetworkError, Node, carriers_needed
from market.network.sensitivities import check_sensitivities, meshed_grid

PIPE = Link("pipe", 1, 0, 1, 5_000_000, 40_000, True)
NODES = [Node(zone, 10_000) for zone in range(3)]
TRIANGLE = [
    Line("a", 0, 1, 100, 5_000),
    Line("b", 1, 2, 100, 5_000),
    Line("c", 0, 2, 100),
]
GRID = meshed_grid("town", 0, NODES, TRIANGLE)
NETWORK = Network(2, 4, 3, (PIPE,), (GRID,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "1 to 64 printable characters"),
        ({"name": "a\nb"}, "1 to 64 printable characters"),
        ({"carrier": 1 << 16}, "link pipe: carrier 65536"),
        ({"carrier": True}, "link pipe: carrier True must be an integer"),
        ({"to_zone": 0}, "link pipe: leads from zone 0 to itself"),
        ({"from_zone": -1}, "link pipe: from_zone -1"),
        ({"capacity_w": -1}, "link pipe: capacity_w -1"),
        ({"capacity_w": 1 << 53}, "link pipe: capacity_w"),
        ({"capacity_w": 1.5}, "link pipe: capacity_w 1.5 must be an integer"),
        ({"loss_millionths": -1}, "link pipe: loss_millionths -1"),
        ({"loss_millionths": 1_000_000}, "link pipe: loss_millionths 1000000"),
        ({"both_directions": 1}, "link pipe: both_directions"),
    ],
)
def test_a_link_that_cannot_be_is_refused_by_name(changes, message):
    with pytest.raises(NetworkError, match=message):
        replace(PIPE, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reactance": 0}, "line a: reactance 0"),
        ({"reactance": -5}, "line a: reactance -5"),
        ({"limit_w": 0}, "line a: limit_w 0"),
        ({"to_zone": 0}, "line a: leads from zone 0 to itself"),
    ],
)
def test_a_line_that_cannot_be_is_refused_by_name(changes, message):
    with pytest.raises(NetworkError, match=message):
        replace(TRIANGLE[0], **changes)


def test_a_node_without_capacity_is_refused():
    with pytest.raises(NetworkError, match="node in zone 4: capacity_w 0"):
        Node(4, 0)


def test_a_grid_in_pieces_is_refused_saying_which_zone_is_alone():
    with pytest.raises(NetworkError, match="grid town: no line leads from zone 0 to zone 3"):
        meshed_grid("town", 0, [*NODES, Node(3, 1)], TRIANGLE)


def test_a_line_to_a_zone_that_is_no_node_is_refused():
    with pytest.raises(NetworkError, match="line d: zone 7 is no node of grid town"):
        meshed_grid("town", 0, NODES, [*TRIANGLE, Line("d", 0, 7, 1)])


def test_one_node_and_a_node_twice_are_no_grid():
    with pytest.raises(NetworkError, match="at least two nodes"):
        meshed_grid("town", 0, NODES[:1], [])
    with pytest.raises(NetworkError, match="zone 1 is a node twice"):
        meshed_grid("town", 0, [*NODES, Node(1, 5)], TRIANGLE)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (GRID.sensitivities[:1], "2 lines have a limit, 1 rows"),
        (((0, 1), (0, 1)), "line a: 3 nodes need a sensitivity, 2 have one"),
        (((0, 10**6 + 1, 0), (0, 0, 0)), "line a: sensitivity 1000001"),
        (((1, 0, 0), (0, 0, 0)), "line a: .*the first is 0, not 1"),
    ],
)
def test_sensitivities_that_fit_no_grid_are_refused(rows, message):
    with pytest.raises(NetworkError, match=message):
        MeshedGrid("town", 0, tuple(NODES), tuple(TRIANGLE), rows)


def test_sensitivities_of_equal_reactances_are_thirds():
    third = 333_333
    assert GRID.sensitivities == ((0, -2 * third - 1, -third), (0, third, -third))


def test_only_ratios_of_reactances_matter():
    scaled = [replace(line, reactance=line.reactance * 10**9) for line in TRIANGLE]
    assert meshed_grid("town", 0, NODES, scaled).sensitivities == GRID.sensitivities


def test_published_sensitivities_are_checked_against_the_reactances():
    check_sensitivities(GRID)
    first, second = GRID.sensitivities
    bent = replace(GRID, sensitivities=((0, first[1] + 50, first[2]), second))
    with pytest.raises(NetworkError, match="line a: sensitivity to zone 1"):
        check_sensitivities(bent)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zones": 1}, "link pipe: zone 1 is unknown, there are 1"),
        ({"open_carriers": 1}, "link pipe: carrier 1 is not open"),
        ({"open_carriers": 0}, "at least one open carrier"),
        ({"carriers": 3}, "need 5 products of their own: 4 carriers of 3 zones, not 3"),
        ({"carriers": (1 << 16) + 1}, "fit 16 bits"),
        ({"links": (PIPE, PIPE)}, "2 elements are called pipe"),
        ({"links": (replace(PIPE, name="a"),)}, "2 elements are called a"),
        ({"grids": (GRID, replace(GRID, name="x"))}, "2 elements are called a"),
        ({"grids": (replace(GRID, carrier=2),)}, "grid town: carrier 2 is not open"),
    ],
)
def test_a_network_that_does_not_fit_its_market_is_refused(changes, message):
    with pytest.raises(NetworkError, match=message):
        replace(NETWORK, **changes)


def test_a_zone_is_a_node_of_one_grid_a_carrier():
    other = meshed_grid("other", 0, NODES, [replace(line, name=line.name * 2) for line in TRIANGLE])
    with pytest.raises(NetworkError, match="zone 0 of carrier 0 is a node of 2 grids"):
        Network(2, 6, 3, grids=(GRID, other))


def test_an_order_with_too_many_legs_is_refused_before_anybody_signs_it():
    nodes = [Node(zone, 10_000) for zone in range(2)]
    lines = [Line(f"cable {n}", 0, 1, 100, 1_000) for n in range(127)]
    grid = meshed_grid("bundle", 0, nodes, lines)
    with pytest.raises(NetworkError, match="zone 1 would need 256 legs, it may have 255"):
        Network(1, carriers_needed(1, 2, (grid,)), 2, grids=(grid,))
    fewer = meshed_grid("bundle", 0, nodes, lines[:126])
    Network(1, carriers_needed(1, 2, (fewer,)), 2, grids=(fewer,))
