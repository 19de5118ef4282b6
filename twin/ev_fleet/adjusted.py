"""The fleet's plan with some vehicles' powers fixed by a person.

An edit's line is the vehicle's owner id; its value the mean power of a slot at the grid, W,
positive charges. What is fixed is kept exactly; the programme of :mod:`twin.ev_fleet.dispatch`
fills in the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.ev_fleet.dispatch import DispatchError, DispatchProblem, solve_dispatch
from twin.ev_fleet.model import FleetSamples, FloatArray, PriceSignal
from twin.ev_fleet.twin import FleetModel, sampled_problem

_TOLERANCE_WH = 1e-3


def adjusted_energy_wh(
    model: FleetModel, samples: FleetSamples, signal: PriceSignal, edits: Sequence[Edit]
) -> FloatArray:
    """Net energy of every vehicle with the edits fixed, shape (vehicle, slot), Wh.

    Beside what batteries, piles and stays allow, base load and fleet together are kept within
    ``signal.feeder_limit_w`` in every slot in which an edit takes part.

    Raises:
        InfeasiblePlanError: naming a smallest set of edits that cannot stand together.
    """
    problem = sampled_problem(model, samples, signal)
    places = {owner: row for row, owner in enumerate(model.vehicles.owner_ids)}
    found: dict[tuple[Edit, ...], FloatArray | None] = {}

    def solve(chosen: Sequence[Edit]) -> FloatArray | None:
        key = tuple(chosen)
        if key not in found:
            found[key] = _solved(problem, places, signal, key)
        return found[key]

    energy = solve(tuple(edits))
    if energy is not None:
        return energy
    conflicts = smallest_conflict(edits, lambda chosen: solve(chosen) is not None)
    if not conflicts:
        raise InfeasiblePlanError("no plan keeps batteries, piles and stays, even without edits")
    raise InfeasiblePlanError(
        "piles, batteries, stays or the feeder cannot do what is fixed", conflicts
    )


def _solved(
    problem: DispatchProblem,
    places: dict[str, int],
    signal: PriceSignal,
    edits: tuple[Edit, ...],
) -> FloatArray | None:
    """The programme's energies with the edits fixed; None where they cannot be kept."""
    fixed = np.full(problem.usable_share.shape, np.nan)
    vehicles, hours = problem.vehicles, problem.slot_hours
    for edit in edits:
        row = places[edit.line]
        wanted = edit.value_w * hours
        share = problem.usable_share[row, edit.slot]
        most = vehicles.charge_power_w[row] * share * hours
        least = -vehicles.discharge_power_w[row] * share * hours
        if not least - _TOLERANCE_WH <= wanted <= most + _TOLERANCE_WH:
            return None
        fixed[row, edit.slot] = wanted
    given = fixed if edits else None
    try:
        energy = solve_dispatch(replace(problem, fixed_energy_wh=given)).energy_wh
    except DispatchError:
        return None
    # The programme exceeds the feeder's limit rather than fail; a person may not make it.
    touched = sorted({edit.slot for edit in edits})
    load_wh = energy.sum(axis=0) + signal.base_load_w * hours
    beyond = np.abs(load_wh[touched]) > signal.feeder_limit_w * hours + _TOLERANCE_WH
    return None if beyond.any() else energy
