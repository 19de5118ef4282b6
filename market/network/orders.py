"""The orders that carry energy between zones: derived from the description, the same for everybody.

A unit is a Wh. Per slot there are

* for a link one order a direction: +1 Wh where it enters, minus what arrives where it leaves;
* for a node of a meshed grid one order to feed in and one to draw: between the node and the grid's
  hub, with the share of the flow on every watched line as legs on the line's two flowgates;
* for a watched line, each way, one order that sells its flowgate up to the limit, and one that
  takes back what is not used, so that a flowgate's price is never negative.

Links and nodes ask `FEE` for their service: nothing that anybody notices, but enough that energy
never runs in a circle, which would cost nothing and could be any amount. Pure integers; standard
library only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from market.eligibility import margin_need_micro
from market.network.elements import MILLION, Link, MeshedGrid, NetworkError
from market.network.network import Network
from market.order import Leg, Order
from market.product import Product, ProductGrid
from market.rules import MarketRules
from market.units import SCALE

SECONDS_PER_HOUR: Final = 3_600
FEE: Final = 1
"""Nano per kWh: the smallest price there is."""
ORDERS_A_NODE: Final = 2
"""Rounding takes less than a Wh of a flowgate's energy from each."""

_NOBODY: Final = "0x" + "00" * 20

FORWARD, BACKWARD = "forward", "backward"
FEED_IN, DRAW = "feed-in", "draw"


@dataclass(frozen=True, slots=True)
class Transport:
    """One order of the network before it is addressed to a round.

    `element` names the link, line or node (`kind` says which) and `direction` which way; `slot` is
    the delivery slot's number; `limit` in nano per kWh and `legs` are as in any order.
    """

    kind: str
    element: str
    direction: str
    slot: int
    legs: tuple[Leg, ...]
    max_units: int
    limit: int

    def __str__(self) -> str:
        return f"{self.kind} {self.element} {self.direction}, slot {self.slot}"


def network_orders(
    network: Network,
    market: int,
    round: int,
    grid: ProductGrid,
    slot_seconds: int,
    trader: str,
    epoch: int,
) -> tuple[Order, ...]:
    """All orders of the network's account `trader` in a round, ready to be signed.

    Salts are places, so the same arguments give the same orders on every machine. Raises
    NetworkError when the round's products are not the network's.
    """
    return tuple(
        Order(
            market=market,
            round=round,
            legs=transport.legs,
            max_units=transport.max_units,
            limit=transport.limit,
            trader=trader,
            epoch=epoch,
            salt=place,
        )
        for place, transport in enumerate(transports(network, grid, slot_seconds))
    )


def transports(network: Network, grid: ProductGrid, slot_seconds: int) -> Iterator[Transport]:
    """What the network offers in a round, in the order of its salts: slot by slot the links, then
    every grid's nodes and lines. Raises NetworkError."""
    network.check_fits(grid)
    for slot in range(grid.first_slot, grid.first_slot + grid.slots):
        for link in network.links:
            yield from _link(link, slot, slot_seconds)
        for number, meshed in enumerate(network.grids):
            yield from _nodes(network, number, meshed, slot, slot_seconds)
            yield from _lines(network, number, meshed, slot, slot_seconds)


def energy_wh(power_w: int, slot_seconds: int) -> int:
    """Wh that a power moves in a slot, rounded down."""
    return power_w * slot_seconds // SECONDS_PER_HOUR


def _link(link: Link, slot: int, slot_seconds: int) -> Iterator[Transport]:
    units = energy_wh(link.capacity_w, slot_seconds)
    if units == 0:
        return
    ways = [(FORWARD, link.from_zone, link.to_zone), (BACKWARD, link.to_zone, link.from_zone)]
    for direction, entry, exit_ in ways if link.both_directions else ways[:1]:
        legs = _legs(
            (Product(link.carrier, entry, slot).id, SCALE),
            (Product(link.carrier, exit_, slot).id, link.loss_millionths - MILLION),
        )
        yield Transport("link", link.name, direction, slot, legs, units, -FEE)


def _nodes(
    network: Network, number: int, meshed: MeshedGrid, slot: int, slot_seconds: int
) -> Iterator[Transport]:
    hub = network.hub_number(number)
    own = [
        Product(*network.own_place(hub + k), slot).id for k in range(1 + 2 * len(meshed.watched))
    ]
    for place, node in enumerate(meshed.nodes):
        capacity = energy_wh(node.capacity_w, slot_seconds)
        if capacity == 0:
            continue
        shares = [row[place] for row in meshed.sensitivities]
        for direction, sign in ((FEED_IN, 1), (DRAW, -1)):
            legs = _legs(
                (Product(meshed.carrier, node.zone, slot).id, sign * SCALE),
                (own[0], -sign * SCALE),
                *((p, sign * share) for p, share in zip(own[1::2], shares, strict=True)),
                *((p, -sign * share) for p, share in zip(own[2::2], shares, strict=True)),
            )
            name = meshed.node_name(node)
            yield Transport("node", name, direction, slot, legs, capacity, -FEE)


def _lines(
    network: Network, number: int, meshed: MeshedGrid, slot: int, slot_seconds: int
) -> Iterator[Transport]:
    hub = network.hub_number(number)
    rounding = ORDERS_A_NODE * len(meshed.nodes)
    for place, line in enumerate(meshed.watched):
        assert line.limit_w is not None
        units = energy_wh(line.limit_w, slot_seconds)
        if units == 0:
            raise NetworkError(
                f"line {line.name}: {line.limit_w} W are less than a Wh in a slot of "
                f"{slot_seconds} s: leave the line out"
            )
        for way, direction in enumerate((FORWARD, BACKWARD)):
            own = network.own_place(hub + 1 + 2 * place + way)
            product = Product(*own, slot).id
            for what, coefficient, most in (
                (direction, -SCALE, units),
                (f"{direction} unused", SCALE, units + rounding),
            ):
                legs = (Leg(product, coefficient),)
                yield Transport("line", line.name, what, slot, legs, most, 0)


def _legs(*pairs: tuple[int, int]) -> tuple[Leg, ...]:
    return tuple(Leg(product, coefficient) for product, coefficient in sorted(pairs) if coefficient)


def margin_needed_micro(network: Network, grid: ProductGrid, rules: MarketRules) -> int:
    """Margin with which every order of the network counts in such a round, in micro-units."""
    return sum(
        margin_need_micro(order, rules)
        for order in network_orders(network, 0, 0, grid, rules.slot_seconds, _NOBODY, 0)
    )
