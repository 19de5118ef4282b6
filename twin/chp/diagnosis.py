"""Why no plan keeps every limit, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from twin.chp.model import FloatArray
from twin.chp.operation_programme import (
    GRID_ROOM,
    HOT_WATER,
    PEAK_LIMIT,
    STORE_GIVEN_BACK,
    TOO_COLD,
    TOO_WARM,
    WARMTH_GIVEN_BACK,
    Day,
    OperationProgramme,
)
from twin.chp.plan import Strategy
from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.milp import Columns, InfeasibleProgrammeError

LINES = ("power", "heat")
_BROKEN = 1e-3
_SECONDS = 60.0
_SAYS = {
    TOO_COLD: "indoors would lie up to {most:.2f} K below its acceptable range, first in slot "
    "{slot}: the heat demand is beyond unit, boiler, store and buildings; widen the range, find "
    "more heat, or start the day with more in the store",
    TOO_WARM: "indoors would lie up to {most:.2f} K above its acceptable range, first in slot "
    "{slot}: heat has nowhere to go; widen the range or lower the power asked for",
    HOT_WATER: "{most:.1f} MW of hot water would be missing, first in slot {slot}: the heat demand "
    "is beyond unit, boiler and store",
    GRID_ROOM: "the unit would feed {most:.1f} MW more than the grid can take with all wind "
    "curtailed, first in slot {slot}; lower the least of other stations",
    PEAK_LIMIT: "the peak would pass its limit by {most:.1f} MW; raise the limit",
    STORE_GIVEN_BACK: "the store would end {most:.1f} MWh below what it began with",
    WARMTH_GIVEN_BACK: "the buildings would end colder than without control, by {most:.2f} K of "
    "indoor air",
}


def check_edits(day: Day, edits: Sequence[Edit]) -> None:
    """Raise ValueError for an edit that names nothing, InfeasiblePlanError for two of one cell."""
    seen: dict[tuple[str, int], Edit] = {}
    for edit in edits:
        if edit.line not in LINES:
            raise ValueError(f"{edit}: a plan of this plant has the lines {' and '.join(LINES)}")
        if not 0 <= edit.slot < day.slots:
            raise ValueError(f"{edit}: the day has the slots 0 to {day.slots - 1}")
        if not (np.isfinite(edit.value_w) and edit.value_w >= 0.0):
            raise ValueError(f"{edit}: power and heat of the unit are at least 0")
        other = seen.setdefault((edit.line, edit.slot), edit)
        if other.value_w != edit.value_w:
            raise InfeasiblePlanError("a value is fixed twice", (other, edit))


def infeasible(day: Day, strategy: Strategy, edits: Sequence[Edit]) -> InfeasiblePlanError:
    """The error that names the edits in conflict, or the limits that no plan keeps."""

    def feasible(some: Sequence[Edit]) -> bool:
        try:
            OperationProgramme(day, strategy, some, aim="limits").solve(0.0, _SECONDS)
        except InfeasibleProgrammeError:
            return False
        return True

    conflict = smallest_conflict(edits, feasible)
    if conflict:
        return InfeasiblePlanError("these edits cannot stand together", conflict)
    programme = OperationProgramme(day, strategy, aim="limits", elastic=True)
    try:
        values = programme.solve(1e-3, _SECONDS).values
    except InfeasibleProgrammeError:
        return InfeasiblePlanError(
            "the unit cannot go on from the state it is in: its power and heat lie outside the "
            "operating region, or cannot reach it by the ramp"
        )
    return InfeasiblePlanError("no plan keeps every limit: " + _broken(programme.broken, values))


def _broken(limits: Mapping[str, Sequence[Columns]], values: FloatArray) -> str:
    found = []
    for name, groups in limits.items():
        most = np.max([values[columns] for columns in groups], axis=0)
        if most.max() > _BROKEN:
            slot = int(np.argmax(most > _BROKEN))
            found.append(_SAYS[name].format(most=float(most.max()), slot=slot))
    return "; ".join(found) or "the limits leave no room at all"
