"""Power transfer distribution factors of a meshed grid: the only linear algebra of a network.

The DC power flow (Stott, Jardim and Alsac, "DC Power Flow Revisited", IEEE Trans. Power Systems
24(3), 2009): angles follow from injections through the susceptances b = 1/x, flows from angles.
With the first node as reference the sensitivities are diag(b) A B^-1, where A is the incidence
matrix (line, node) without the reference's column and B = A^T diag(b) A. They are computed once,
rounded to millionths and published with the grid; nothing that is repeated later imports this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.network.elements import (
    MILLION,
    Line,
    MeshedGrid,
    NetworkError,
    Node,
    check_connected,
)

_TOLERANCE = 1
"""Millionths by which published sensitivities may differ from those computed again elsewhere."""


def meshed_grid(
    name: str, carrier: int, nodes: Sequence[Node], lines: Sequence[Line]
) -> MeshedGrid:
    """The grid with its sensitivities; they are to the first node. Raises NetworkError."""
    check_connected(f"grid {name}", nodes, lines)
    factors = transfer_factors(nodes, lines)
    watched = [row for row, line in enumerate(lines) if line.limit_w is not None]
    return MeshedGrid(
        name=name,
        carrier=carrier,
        nodes=tuple(nodes),
        lines=tuple(lines),
        sensitivities=tuple(
            tuple(round(float(factor) * MILLION) for factor in factors[row]) for row in watched
        ),
    )


def transfer_factors(nodes: Sequence[Node], lines: Sequence[Line]) -> NDArray[np.float64]:
    """Shape (line, node): flow on a line of what is fed in at a node and drawn at the first."""
    place = {node.zone: n for n, node in enumerate(nodes)}
    incidence = np.zeros((len(lines), len(nodes)))
    for row, line in enumerate(lines):
        incidence[row, place[line.from_zone]] = 1.0
        incidence[row, place[line.to_zone]] = -1.0
    reactances = np.array([float(line.reactance) for line in lines])
    susceptances = reactances.min() / reactances  # only ratios matter: near one
    weighted = susceptances[:, None] * incidence[:, 1:]
    factors = np.zeros((len(lines), len(nodes)))
    factors[:, 1:] = np.linalg.solve(incidence[:, 1:].T @ weighted, weighted.T).T
    return factors


def check_sensitivities(grid: MeshedGrid) -> None:
    """Whether a published grid's sensitivities are those of its reactances.

    Raises NetworkError naming line and zone.
    """
    factors = transfer_factors(grid.nodes, grid.lines)
    watched = [row for row, line in enumerate(grid.lines) if line.limit_w is not None]
    for row, published in zip(watched, grid.sensitivities, strict=True):
        for node, value, factor in zip(grid.nodes, published, factors[row], strict=True):
            expected = round(float(factor) * MILLION)
            if abs(value - expected) > _TOLERANCE:
                raise NetworkError(
                    f"line {grid.lines[row].name}: sensitivity to zone {node.zone} is {value} "
                    f"millionths, the reactances give {expected}"
                )
