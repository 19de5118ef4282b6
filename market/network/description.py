"""The published description of a network: canonical JSON of integers, and its hash.

The chain keeps the Keccak hash; the bytes are in an event. Whoever has them repeats the network's
orders of every round.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from eth_utils.crypto import keccak

from identity.canonical import canonical_json
from market.network.elements import Line, Link, MeshedGrid, NetworkError, Node
from market.network.network import Network

T = TypeVar("T")

VERSION: Final = 1

# Fields of the description, and what they are called here.
_LINK: Final = {
    "name": "name",
    "carrier": "carrier",
    "from": "from_zone",
    "to": "to_zone",
    "capacityW": "capacity_w",
    "lossMillionths": "loss_millionths",
    "bothDirections": "both_directions",
}
_LINE: Final = {
    "name": "name",
    "from": "from_zone",
    "to": "to_zone",
    "reactance": "reactance",
    "limitW": "limit_w",
}
_NODE: Final = {"zone": "zone", "capacityW": "capacity_w"}
_GRID: Final = ("name", "carrier", "nodes", "lines", "sensitivities")
_NETWORK: Final = ("version", "openCarriers", "carriers", "zones", "links", "grids")


def describe(network: Network) -> bytes:
    """The network as canonical JSON in UTF-8: one text for one network."""
    return canonical_json(
        {
            "version": VERSION,
            "openCarriers": network.open_carriers,
            "carriers": network.carriers,
            "zones": network.zones,
            "links": [_written(link, _LINK) for link in network.links],
            "grids": [
                {
                    "name": grid.name,
                    "carrier": grid.carrier,
                    "nodes": [_written(node, _NODE) for node in grid.nodes],
                    "lines": [_written(line, _LINE) for line in grid.lines],
                    "sensitivities": grid.sensitivities,
                }
                for grid in network.grids
            ],
        }
    )


def _written(element: Link | Node | Line, fields: Mapping[str, str]) -> dict[str, Any]:
    return {key: getattr(element, field) for key, field in fields.items()}


def network_hash(description: bytes) -> bytes:
    """Keccak-256 of a description, as the chain keeps it."""
    return keccak(description)


def from_description(description: bytes) -> Network:
    """The network of such bytes, and of no others: not a space, field or number may differ.

    Raises NetworkError saying what is wrong.
    """
    try:
        value = json.loads(description.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NetworkError(f"the description is not JSON in UTF-8: {error}") from error
    fields = _fields("the description", value, _NETWORK)
    if fields["version"] != VERSION:
        raise NetworkError(f"description of version {fields['version']!r}; {VERSION} is known")
    network = Network(
        open_carriers=_whole("openCarriers", fields["openCarriers"]),
        carriers=_whole("carriers", fields["carriers"]),
        zones=_whole("zones", fields["zones"]),
        links=_each("links", fields["links"], _link),
        grids=_each("grids", fields["grids"], _grid),
    )
    if describe(network) != description:
        raise NetworkError("the description is not in canonical form")
    return network


def _link(value: object) -> Link:
    fields = _fields("a link", value, _LINK)
    return Link(**{_LINK[key]: each for key, each in fields.items()})


def _node(value: object) -> Node:
    fields = _fields("a node", value, _NODE)
    return Node(**{_NODE[key]: each for key, each in fields.items()})


def _line(value: object) -> Line:
    fields = _fields("a line", value, _LINE)
    return Line(**{_LINE[key]: each for key, each in fields.items()})


def _grid(value: object) -> MeshedGrid:
    fields = _fields("a grid", value, _GRID)
    return MeshedGrid(
        name=fields["name"],
        carrier=fields["carrier"],
        nodes=_each("nodes", fields["nodes"], _node),
        lines=_each("lines", fields["lines"], _line),
        sensitivities=_each("sensitivities", fields["sensitivities"], _row),
    )


def _row(value: object) -> tuple[int, ...]:
    return _each("a row of sensitivities", value, lambda each: _whole("a sensitivity", each))


def _fields(what: str, value: object, names: Collection[str]) -> dict[str, Any]:
    """Exactly the fields with these names."""
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise NetworkError(f"{what} must have the fields {', '.join(names)}")
    return {name: value[name] for name in names}


def _each(what: str, value: object, read: Callable[[object], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise NetworkError(f"{what} must be a list")
    return tuple(read(each) for each in value)


def _whole(what: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NetworkError(f"{what} must be an integer, not {value!r}")
    return value
