"""Transport between zones as orders of a network account (docs/network.md).

`sensitivities` alone needs NumPy, and is imported by whoever makes a meshed grid; everything here
is what repeating a round takes.
"""

from __future__ import annotations

from market.network.description import describe, from_description, network_hash
from market.network.elements import Line, Link, MeshedGrid, NetworkError, Node
from market.network.network import Network, carriers_needed
from market.network.orders import Transport, margin_needed_micro, network_orders, transports

__all__ = [
    "Line",
    "Link",
    "MeshedGrid",
    "Network",
    "NetworkError",
    "Node",
    "Transport",
    "carriers_needed",
    "describe",
    "from_description",
    "margin_needed_micro",
    "network_hash",
    "network_orders",
    "transports",
]
