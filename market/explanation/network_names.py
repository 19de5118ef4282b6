"""What a network's own orders and products are called: by its published names."""

from __future__ import annotations

from collections.abc import Mapping

from market.book import Book
from market.network import Network, NetworkError, transports

Place = tuple[int, int]
"""Carrier and zone."""


def network_order_names(
    network: Network, book: Book, account: str, slot_seconds: int
) -> Mapping[bytes, str]:
    """Names of the network account's orders by hash, such as "line A forward".

    An order is told by its legs and limit, whatever its salt; what the account offers beyond the
    description has no name. None have where the round is not the network's.
    """
    try:
        named = {
            (each.legs, each.limit): f"{each.kind} {each.element} {each.direction}"
            for each in transports(network, book.grid, slot_seconds)
        }
    except NetworkError:
        return {}
    return {
        signed.digest: named[signed.order.legs, signed.order.limit]
        for signed in book.orders
        if signed.order.trader == account and (signed.order.legs, signed.order.limit) in named
    }


def network_places(network: Network) -> Mapping[Place, str]:
    """What the network's own products are: hubs of its grids, and capacities of their lines."""
    places: dict[Place, str] = {}
    for number, grid in enumerate(network.grids):
        hub = network.hub_number(number)
        places[network.own_place(hub)] = f"hub of {grid.name}"
        for place, line in enumerate(grid.watched):
            for way, direction in enumerate(("forward", "backward")):
                own = network.own_place(hub + 1 + 2 * place + way)
                places[own] = f"capacity of line {line.name} {direction}"
    return places
