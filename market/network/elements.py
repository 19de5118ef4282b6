"""What a network is made of: links, and meshed grids of nodes and lines.

Carriers and zones are the market's numbers. Power in W; losses, reactances and sensitivities in
millionths. Every element checks itself and names itself in the error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MILLION: Final = 1_000_000
MAX_POWER_W: Final = (1 << 53) - 1
"""What a JSON number holds exactly: nine million GW."""
MAX_NAME: Final = 64
_MAX_NUMBER: Final = (1 << 16) - 1


class NetworkError(ValueError):
    """A network that cannot stand; the message names the element and says what to change."""


def _integer(element: str, what: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NetworkError(f"{element}: {what} {value!r} must be an integer")
    if not low <= value <= high:
        raise NetworkError(f"{element}: {what} {value} must lie in {low} .. {high}")


def _name(kind: str, name: object) -> str:
    """The element as errors call it."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise NetworkError(f"{kind} {name!r}: a name has 1 to {MAX_NAME} printable characters")
    return f"{kind} {name}"


def _ends(element: str, from_zone: int, to_zone: int) -> None:
    _integer(element, "from_zone", from_zone, 0, _MAX_NUMBER)
    _integer(element, "to_zone", to_zone, 0, _MAX_NUMBER)
    if from_zone == to_zone:
        raise NetworkError(f"{element}: leads from zone {from_zone} to itself")


@dataclass(frozen=True, slots=True)
class Link:
    """A line or pipe whose flow is chosen: one carrier, from one zone to another.

    `capacity_w` is what may enter it; of that `loss_millionths` are lost on the way. With
    `both_directions` as much may flow back, with the same loss.

    Raises NetworkError.
    """

    name: str
    carrier: int
    from_zone: int
    to_zone: int
    capacity_w: int
    loss_millionths: int = 0
    both_directions: bool = False

    def __post_init__(self) -> None:
        check_link(self)


@dataclass(frozen=True, slots=True)
class Node:
    """A zone's connection to a meshed grid; `capacity_w` bounds what it feeds in or draws."""

    zone: int
    capacity_w: int

    def __post_init__(self) -> None:
        check_node(self)


@dataclass(frozen=True, slots=True)
class Line:
    """A branch of a meshed grid; its flow follows from the injections.

    `reactance` in millionths per unit (only ratios matter); `limit_w` bounds the flow in either
    direction (None: never binding, so not watched). `from_zone` to `to_zone` is the positive
    direction.

    Raises NetworkError.
    """

    name: str
    from_zone: int
    to_zone: int
    reactance: int
    limit_w: int | None = None

    def __post_init__(self) -> None:
        check_line(self)


@dataclass(frozen=True, slots=True)
class MeshedGrid:
    """Nodes and lines of one carrier under the DC approximation: lossless, flows by reactance.

    `sensitivities` holds a row for every line with a limit, in the order of `lines`, with an entry
    a node, in the order of `nodes`: the line's flow in millionths of what is fed in at the node and
    drawn at the first one (power transfer distribution factors, so the first entry is 0).
    `market.network.sensitivities.meshed_grid` computes them; frozen with the grid, nobody needs
    linear algebra to repeat a round.

    Raises NetworkError.
    """

    name: str
    carrier: int
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    sensitivities: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        check_meshed_grid(self)

    @property
    def watched(self) -> tuple[Line, ...]:
        """The lines with a limit."""
        return tuple(line for line in self.lines if line.limit_w is not None)

    def node_name(self, node: Node) -> str:
        """What a node is called, unlike any other node of the network."""
        return f"{node.zone} of {self.name}"


def check_link(link: Link) -> None:
    """Raises NetworkError: name, ends, capacity or loss."""
    element = _name("link", link.name)
    _integer(element, "carrier", link.carrier, 0, _MAX_NUMBER)
    _ends(element, link.from_zone, link.to_zone)
    _integer(element, "capacity_w", link.capacity_w, 0, MAX_POWER_W)
    _integer(element, "loss_millionths", link.loss_millionths, 0, MILLION - 1)
    if not isinstance(link.both_directions, bool):
        raise NetworkError(f"{element}: both_directions must be true or false")


def check_node(node: Node) -> None:
    """Raises NetworkError: zone or capacity."""
    _integer("node", "zone", node.zone, 0, _MAX_NUMBER)
    _integer(f"node in zone {node.zone}", "capacity_w", node.capacity_w, 1, MAX_POWER_W)


def check_line(line: Line) -> None:
    """Raises NetworkError: name, ends, reactance or limit."""
    element = _name("line", line.name)
    _ends(element, line.from_zone, line.to_zone)
    _integer(element, "reactance", line.reactance, 1, MAX_POWER_W)
    if line.limit_w is not None:
        _integer(element, "limit_w", line.limit_w, 1, MAX_POWER_W)


def check_meshed_grid(grid: MeshedGrid) -> None:
    """Raises NetworkError: a zone twice or unknown, a grid in pieces, sensitivities of another."""
    element = _name("grid", grid.name)
    _integer(element, "carrier", grid.carrier, 0, _MAX_NUMBER)
    check_connected(element, grid.nodes, grid.lines)
    watched = grid.watched
    if len(grid.sensitivities) != len(watched):
        raise NetworkError(
            f"{element}: {len(watched)} lines have a limit, {len(grid.sensitivities)} rows of "
            "sensitivities are given"
        )
    for line, row in zip(watched, grid.sensitivities, strict=True):
        if len(row) != len(grid.nodes):
            raise NetworkError(
                f"line {line.name}: {len(grid.nodes)} nodes need a sensitivity, {len(row)} have one"
            )
        for value in row:
            _integer(f"line {line.name}", "sensitivity", value, -MILLION, MILLION)
        if row[0] != 0:
            raise NetworkError(
                f"line {line.name}: sensitivities are to the first node, so the first is 0, "
                f"not {row[0]}"
            )


def check_connected(element: str, nodes: Iterable[Node], lines: Iterable[Line]) -> None:
    """Raises NetworkError unless the lines join all nodes, and no others."""
    zones = [node.zone for node in nodes]
    if len(zones) < 2:
        raise NetworkError(f"{element}: needs at least two nodes")
    if len(set(zones)) != len(zones):
        twice = next(zone for zone in zones if zones.count(zone) > 1)
        raise NetworkError(f"{element}: zone {twice} is a node twice")
    group = {zone: zone for zone in zones}
    for line in lines:
        for zone in (line.from_zone, line.to_zone):
            if zone not in group:
                raise NetworkError(f"line {line.name}: zone {zone} is no node of {element}")
        old, new = group[line.from_zone], group[line.to_zone]
        group = {zone: new if part == old else part for zone, part in group.items()}
    pieces = set(group.values())
    if len(pieces) > 1:
        alone = next(zone for zone in zones if group[zone] != group[zones[0]])
        raise NetworkError(
            f"{element}: no line leads from zone {zones[0]} to zone {alone}: make the pieces "
            "grids of their own"
        )
