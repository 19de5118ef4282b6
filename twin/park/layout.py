"""The park as index arrays: which balance every element touches, and by how much.

A node is a pair (zone, carrier) in which something can happen; each has a balance every slot.
Elements keep the order of the park; a converter contributes its segments, a process its blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.park.carriers import HEAT_LEVELS, Carrier
from twin.park.site import FloatArray, Park

IndexArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Layout:
    """``nodes`` are (zone number, carrier). All others are shaped (element,).

    ``segment_*`` are by segment; a flow is one carrier of one segment. Blocks of one node and one
    value form a group: they are served alike. ``rejecting`` are the nodes whose heat may be given
    to the outdoors.
    """

    nodes: tuple[tuple[int, Carrier], ...]
    segment_converter: IndexArray
    segment_width_w: FloatArray
    segment_cost_per_kwh: FloatArray
    flow_segment: IndexArray
    flow_node: IndexArray
    flow_rate: FloatArray
    store_node: IndexArray
    renewable_node: IndexArray
    block_process: IndexArray
    block_share: FloatArray
    block_value_per_kwh: FloatArray
    block_group: IndexArray
    group_node: IndexArray
    group_value_per_kwh: FloatArray
    connection_node: IndexArray
    link_source: IndexArray
    link_target: IndexArray
    link_efficiency: FloatArray
    rejecting: IndexArray

    @property
    def segments(self) -> int:
        return self.segment_converter.size

    @property
    def groups(self) -> int:
        return self.group_node.size

    def by_group(self, block_w: FloatArray) -> FloatArray:
        """Sums over the blocks of each group, (scenario, group, slot)."""
        total = np.zeros((block_w.shape[0], self.groups, block_w.shape[2]))
        for scenario, blocks in enumerate(block_w):
            np.add.at(total[scenario], self.block_group, blocks)
        return total


def layout_of(park: Park) -> Layout:
    """Number nodes and elements. The park has been checked (twin.park.consistency)."""
    zone = {name: number for number, name in enumerate(park.zones)}
    touched: set[tuple[int, Carrier]] = set()
    touched.update(
        (zone[site.zone], carrier) for site, part in park.converters() for carrier in part.carriers
    )
    touched.update((zone[site.zone], part.carrier) for site, part in park.stores())
    touched.update((zone[site.zone], Carrier.ELECTRICITY) for site, _ in park.renewables())
    touched.update((zone[site.zone], part.carrier) for site, part in park.processes())
    touched.update((zone[part.zone], part.carrier) for part in park.connections)
    for link in park.links:
        touched.update({(zone[link.source], link.carrier), (zone[link.target], link.carrier)})
    nodes = tuple(sorted(touched))
    number = {node: place for place, node in enumerate(nodes)}
    segments = [
        (place, site, converter, segment)
        for place, (site, converter) in enumerate(park.converters())
        for segment in converter.segments
    ]
    flows = [
        (place, number[zone[site.zone], carrier], rate)
        for place, (_, site, converter, segment) in enumerate(segments)
        for carrier, rate in converter.flows(segment).items()
        if rate != 0.0
    ]
    blocks = [
        (place, number[zone[site.zone], process.carrier], block)
        for place, (site, process) in enumerate(park.processes())
        for block in process.blocks
    ]
    merits = sorted({(node, block.value_per_kwh) for _, node, block in blocks})
    group = {merit: place for place, merit in enumerate(merits)}
    return Layout(
        nodes=nodes,
        segment_converter=_index(each[0] for each in segments),
        segment_width_w=_float(each[3].width_w for each in segments),
        segment_cost_per_kwh=_float(each[2].cost_per_kwh for each in segments),
        flow_segment=_index(each[0] for each in flows),
        flow_node=_index(each[1] for each in flows),
        flow_rate=_float(each[2] for each in flows),
        store_node=_index(number[zone[site.zone], part.carrier] for site, part in park.stores()),
        renewable_node=_index(
            number[zone[site.zone], Carrier.ELECTRICITY] for site, _ in park.renewables()
        ),
        block_process=_index(each[0] for each in blocks),
        block_share=_float(each[2].share for each in blocks),
        block_value_per_kwh=_float(each[2].value_per_kwh for each in blocks),
        block_group=_index(group[node, block.value_per_kwh] for _, node, block in blocks),
        group_node=_index(node for node, _ in merits),
        group_value_per_kwh=_float(value for _, value in merits),
        connection_node=_index(number[zone[part.zone], part.carrier] for part in park.connections),
        link_source=_index(number[zone[part.source], part.carrier] for part in park.links),
        link_target=_index(number[zone[part.target], part.carrier] for part in park.links),
        link_efficiency=_float(1.0 - part.loss for part in park.links),
        rejecting=_index(place for place, node in enumerate(nodes) if node[1] in HEAT_LEVELS),
    )


def _index(values: Iterable[int]) -> IndexArray:
    return np.array(list(values), dtype=np.intp)


def _float(values: Iterable[float]) -> FloatArray:
    return np.array(list(values), dtype=float)
