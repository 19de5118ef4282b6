"""Conversions that would give something for nothing, found by linear programming.

Let x >= 0 be the throughput of every segment and link and A the net flow of every node a unit of
each. If some x with A x >= 0 leaves a node with more than nothing, energy comes from nowhere. Each
piece may be possible alone: a heat pump on a warm source, say, and a turbine on its heat.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from twin.milp import Programme
from twin.park.layout import Layout
from twin.park.site import Park, ParkError

_FREE = 1e-7


def check_no_free_conversion(park: Park, layout: Layout) -> None:
    """Raise ParkError naming the converters that together make energy from nothing."""
    names = [f"{site.name}/{part.name}" for site, part in park.converters()]
    converters = len(names)
    names += [part.name for part in park.links]
    if not names:
        return
    links = np.arange(layout.link_source.size)
    owner = np.concatenate([layout.segment_converter, converters + links])
    used = _free_owners(layout, owner, range(len(names)))
    if not used:
        return
    for each in list(used):
        fewer = [other for other in used if other != each]
        if _free_owners(layout, owner, fewer):
            used = fewer
    raise ParkError(
        f"{' and '.join(names[each] for each in used)} make energy from nothing when one feeds "
        "the other: lower a COP or an efficiency, or check the source's temperature"
    )


def _free_owners(layout: Layout, owner: NDArray[np.intp], among: Collection[int]) -> list[int]:
    """The owners whose parts give something for nothing, [] if nobody among them does."""
    links = layout.link_source.size
    column = np.concatenate([np.arange(layout.segments), layout.segments + np.arange(links)])
    balance = np.zeros(column.size)
    np.add.at(balance, layout.flow_segment, layout.flow_rate)
    balance[layout.segments :] = layout.link_efficiency - 1.0
    programme = Programme()
    allowed = np.isin(owner, list(among)).astype(float)
    throughput = programme.columns(column.size, 0.0, allowed, -balance)
    nodes = programme.open_rows(len(layout.nodes), 0.0, np.inf)
    programme.put(nodes[layout.flow_node], throughput[layout.flow_segment], layout.flow_rate)
    programme.put(nodes[layout.link_source], throughput[layout.segments :], -1.0)
    programme.put(nodes[layout.link_target], throughput[layout.segments :], layout.link_efficiency)
    found = programme.solve(0.0, 60.0)
    if -found.objective <= _FREE:
        return []
    return sorted({int(each) for each in owner[found.values > _FREE]})
