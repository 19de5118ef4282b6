"""Linear and mixed-integer programmes through HiGHS, with settings that leave nothing to chance.

One thread, fixed seed, no time limit (a node limit instead): the same programme gives the same
solution on every run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

INFINITY = float(highspy.kHighsInf)


class ProgrammeError(RuntimeError):
    """HiGHS found no solution; the message names its status."""


@dataclass(slots=True)
class Programme:
    """Minimise cost . x with row bounds on A x and bounds on x, built column by column."""

    row_lower: FloatArray
    row_upper: FloatArray
    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integral: list[bool] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(
        self,
        cost: float,
        lower: float,
        upper: float,
        entries: list[tuple[int, float]],
        *,
        integral: bool = False,
    ) -> int:
        """Adds a column with its (row, value) entries; returns its number."""
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integral.append(integral)
        self.rows.extend(row for row, _ in entries)
        self.values.extend(value for _, value in entries)
        self.starts.append(len(self.rows))
        return len(self.cost) - 1


@dataclass(frozen=True, slots=True)
class Solution:
    """`x` by column; `row_duals` are the change of the minimum per unit of a row's bound."""

    x: FloatArray
    row_duals: FloatArray
    objective: float


def solve(
    programme: Programme,
    *,
    feasibility_tolerance: float = 1e-9,
    absolute_gap: float = 0.0,
    target: float | None = None,
    max_nodes: int = 2_000,
) -> Solution:
    """Raises ProgrammeError when there is no (integer) solution."""
    columns, rows = len(programme.cost), len(programme.row_lower)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns, rows
    lp.col_cost_ = np.array(programme.cost, dtype=np.float64)
    lp.col_lower_ = np.array(programme.lower, dtype=np.float64)
    lp.col_upper_ = np.array(programme.upper, dtype=np.float64)
    lp.row_lower_, lp.row_upper_ = programme.row_lower, programme.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = columns, rows
    lp.a_matrix_.start_ = np.array(programme.starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(programme.rows, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(programme.values, dtype=np.float64)
    integer = any(programme.integral)
    if integer:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[whole] for whole in programme.integral]
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "random_seed": 0,
        "parallel": "off",
        "solver": "choose" if integer else "simplex",
        "primal_feasibility_tolerance": feasibility_tolerance,
        "dual_feasibility_tolerance": feasibility_tolerance,
    }
    if integer:
        options |= {
            "mip_feasibility_tolerance": feasibility_tolerance,
            "mip_rel_gap": 0.0,
            "mip_abs_gap": absolute_gap,
            "mip_max_nodes": max_nodes,
        }
    if target is not None:
        options["objective_target"] = target
    for name, value in options.items():
        highs.setOptionValue(name, value)
    highs.passModel(lp)
    highs.run()
    status, info = highs.getModelStatus(), highs.getInfo()
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if not feasible or (not integer and status != highspy.HighsModelStatus.kOptimal):
        raise ProgrammeError(f"HiGHS: {highs.modelStatusToString(status)}")
    found = highs.getSolution()
    return Solution(
        np.array(found.col_value, dtype=np.float64),
        np.array(found.row_dual, dtype=np.float64),
        float(info.objective_function_value),
    )
