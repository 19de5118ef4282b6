"""What flowed on a network in a cleared round, and what its account earned with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from market.book import Book
from market.network.elements import MILLION
from market.network.network import Network
from market.network.orders import BACKWARD, FEED_IN, FORWARD, Transport, energy_wh, transports
from market.outcome import Clearing
from market.payment import leg_energy_wh, payment_micro
from market.product import ProductGrid


@dataclass(frozen=True, slots=True)
class Flow:
    """A link or watched line in one slot.

    `flow_wh` is positive from its first zone to its second: on a link what enters it (less what
    enters from the other end), on a line what the cleared injections drive over it by the published
    sensitivities, rounded to the Wh. `limit_wh` bounds it either way. `revenue_micro` is what the
    network's account received for it: congestion revenue.
    """

    kind: str
    element: str
    slot: int
    flow_wh: int
    limit_wh: int
    revenue_micro: int


def fills_by_salt(book: Book, clearing: Clearing, trader: str) -> dict[int, int]:
    """Fills of the network account's orders by their salts."""
    return {
        signed.order.salt: fill
        for signed, fill in zip(book.orders, clearing.fills, strict=True)
        if signed.order.trader == trader
    }


def flows(
    network: Network,
    grid: ProductGrid,
    slot_seconds: int,
    fills: Mapping[int, int],
    prices: Sequence[int],
) -> tuple[Flow, ...]:
    """Flows of every slot: links first, then the watched lines of every grid.

    `fills` by salt (missing: not filled), `prices` by product index in nano per kWh. Raises
    NetworkError when the round's products are not the network's.
    """
    entering: defaultdict[tuple[str, int], int] = defaultdict(int)
    injected: defaultdict[tuple[str, int], int] = defaultdict(int)
    revenue: defaultdict[tuple[str, int], int] = defaultdict(int)
    for salt, transport in enumerate(transports(network, grid, slot_seconds)):
        fill = fills.get(salt, 0)
        key = transport.element, transport.slot
        if transport.kind == "node":
            sign = 1 if transport.direction == FEED_IN else -1
            injected[key] += sign * fill
            continue
        revenue[key] -= _payment(transport, fill, grid, prices)
        if transport.kind == "link":
            entering[key] += {FORWARD: fill, BACKWARD: -fill}[transport.direction]
    found: list[Flow] = []
    for slot in range(grid.first_slot, grid.first_slot + grid.slots):
        for link in network.links:
            key = link.name, slot
            limit = energy_wh(link.capacity_w, slot_seconds)
            found.append(Flow("link", link.name, slot, entering[key], limit, revenue[key]))
        for meshed in network.grids:
            for line, row in zip(meshed.watched, meshed.sensitivities, strict=True):
                driven = sum(
                    share * injected[meshed.node_name(node), slot]
                    for share, node in zip(row, meshed.nodes, strict=True)
                )
                limit = energy_wh(line.limit_w or 0, slot_seconds)
                flow = (2 * driven + MILLION) // (2 * MILLION)
                key = line.name, slot
                found.append(Flow("line", line.name, slot, flow, limit, revenue[key]))
    return tuple(found)


def _payment(transport: Transport, fill: int, grid: ProductGrid, prices: Sequence[int]) -> int:
    """What the order pays, micro-units."""
    return payment_micro(
        [prices[grid.index(leg.product)] for leg in transport.legs],
        [leg_energy_wh(leg.coefficient, fill) for leg in transport.legs],
    )
