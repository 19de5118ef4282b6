"""A market's whole network, and where its own products lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from market.network.elements import Link, MeshedGrid, NetworkError
from market.order import MAX_LEGS
from market.product import ProductGrid
from market.rules import MarketRules


@dataclass(frozen=True, slots=True)
class Network:
    """Links and meshed grids between the zones of a market.

    Everybody trades the carriers below `open_carriers`; those from there up to `carriers` hold the
    network's own products, which only its account trades: of every grid a hub, then of each line
    with a limit a flowgate forward and one backward. They are numbered through carriers and zones
    in turn (`own_place`).

    Raises NetworkError naming the element that does not fit.
    """

    open_carriers: int
    carriers: int
    zones: int
    links: tuple[Link, ...] = ()
    grids: tuple[MeshedGrid, ...] = ()

    def __post_init__(self) -> None:
        check_network(self)

    @property
    def own_products(self) -> int:
        """How many products a slot the network has for itself."""
        return sum(_own_products(grid) for grid in self.grids)

    def own_place(self, number: int) -> tuple[int, int]:
        """Carrier and zone of the network's product with that number, counted from 0."""
        carrier, zone = divmod(number, self.zones)
        return self.open_carriers + carrier, zone

    def hub_number(self, grid: int) -> int:
        """Number of a grid's hub; its flowgates have the numbers after it."""
        return sum(_own_products(earlier) for earlier in self.grids[:grid])

    def check_fits(self, grid: ProductGrid) -> None:
        """Raises NetworkError unless the round's products are those of this network's market."""
        if (grid.carriers, grid.zones) != (self.carriers, self.zones):
            raise NetworkError(
                f"the network is of {self.carriers} carriers and {self.zones} zones, the round "
                f"trades {grid.carriers} and {grid.zones}"
            )

    def check_market(self, rules: MarketRules) -> None:
        """Raises NetworkError unless it was made for a market of these rules."""
        mine = self.carriers, self.zones, self.open_carriers
        if mine != (rules.carriers, rules.zones, rules.open_carriers):
            raise NetworkError(
                f"the network is of {self.carriers} carriers ({self.open_carriers} open) and "
                f"{self.zones} zones, the market has {rules.carriers} ({rules.open_carriers} open) "
                f"and {rules.zones}"
            )


def _own_products(grid: MeshedGrid) -> int:
    return 1 + 2 * len(grid.watched)


def carriers_needed(open_carriers: int, zones: int, grids: tuple[MeshedGrid, ...]) -> int:
    """How many carriers a market needs so that the grids' own products have a place."""
    own = sum(_own_products(grid) for grid in grids)
    return open_carriers + -(-own // zones)


def check_network(network: Network) -> None:
    """Raises NetworkError: numbers out of range, names twice, no place for the own products."""
    if min(network.open_carriers, network.zones) < 1:
        raise NetworkError("a network needs at least one open carrier and one zone")
    if max(network.carriers, network.zones) > 1 << 16:
        raise NetworkError("carriers and zones must fit 16 bits")
    names = Counter(
        [link.name for link in network.links]
        + [grid.name for grid in network.grids]
        + [line.name for grid in network.grids for line in grid.lines]
    )
    for name, count in names.items():
        if count > 1:
            raise NetworkError(f"{count} elements are called {name}: give each its own name")
    for link in network.links:
        _check_place(network, f"link {link.name}", link.carrier, (link.from_zone, link.to_zone))
    for grid in network.grids:
        zones = tuple(node.zone for node in grid.nodes)
        _check_place(network, f"grid {grid.name}", grid.carrier, zones)
        _check_legs(grid)
    places = Counter((grid.carrier, node.zone) for grid in network.grids for node in grid.nodes)
    for (carrier, zone), count in places.items():
        if count > 1:
            raise NetworkError(f"zone {zone} of carrier {carrier} is a node of {count} grids")
    needed = carriers_needed(network.open_carriers, network.zones, network.grids)
    if network.carriers < needed:
        raise NetworkError(
            f"hubs and flowgates need {network.own_products} products of their own: {needed} "
            f"carriers of {network.zones} zones, not {network.carriers}"
        )


def _check_place(network: Network, element: str, carrier: int, zones: tuple[int, ...]) -> None:
    if carrier >= network.open_carriers:
        raise NetworkError(
            f"{element}: carrier {carrier} is not open to trade, those below "
            f"{network.open_carriers} are"
        )
    for zone in zones:
        if zone >= network.zones:
            raise NetworkError(
                f"{element}: zone {zone} is unknown, there are {network.zones} from 0 on"
            )


def _check_legs(grid: MeshedGrid) -> None:
    for place, node in enumerate(grid.nodes):
        legs = 2 + 2 * sum(1 for row in grid.sensitivities if row[place] != 0)
        if legs > MAX_LEGS:
            raise NetworkError(
                f"grid {grid.name}: an order of the node in zone {node.zone} would need {legs} "
                f"legs, it may have {MAX_LEGS}: watch fewer lines"
            )
