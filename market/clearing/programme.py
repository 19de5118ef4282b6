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
from scipy.sparse import csc_array

from market.clearing.exact import FloatArray

BoolArray = NDArray[np.bool_]

INFINITY = float(highspy.kHighsInf)


class ProgrammeError(RuntimeError):
    """HiGHS found no solution; the message names its status."""


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """Minimise cost . x with bounds on x and on the rows of `matrix` @ x.

    `integral` marks the columns that must be whole; None where none must.
    """

    row_lower: FloatArray
    row_upper: FloatArray
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: csc_array
    integral: BoolArray | None = None

    def model(self) -> highspy.HighsLp:
        """The programme as HiGHS takes it."""
        columns, rows = len(self.cost), len(self.row_lower)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = columns, rows
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = self.cost, self.lower, self.upper
        lp.row_lower_, lp.row_upper_ = self.row_lower, self.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = columns, rows
        lp.a_matrix_.start_ = self.matrix.indptr.astype(np.int32, copy=False)
        lp.a_matrix_.index_ = self.matrix.indices.astype(np.int32, copy=False)
        lp.a_matrix_.value_ = self.matrix.data
        if self.integral is not None:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[whole] for whole in self.integral.tolist()]
        return lp


@dataclass(slots=True)
class ProgrammeDraft:
    """A programme that is written column by column."""

    row_lower: list[float]
    row_upper: list[float]
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

    def finished(self) -> Programme:
        """The programme written so far."""
        return Programme(
            row_lower=np.array(self.row_lower, dtype=np.float64),
            row_upper=np.array(self.row_upper, dtype=np.float64),
            cost=np.array(self.cost, dtype=np.float64),
            lower=np.array(self.lower, dtype=np.float64),
            upper=np.array(self.upper, dtype=np.float64),
            matrix=csc_array(
                (self.values, self.rows, self.starts),
                shape=(len(self.row_lower), len(self.cost)),
                dtype=np.float64,
            ),
            integral=np.array(self.integral) if any(self.integral) else None,
        )


@dataclass(frozen=True, slots=True)
class Solution:
    """`x` by column; `row_duals` are the change of the minimum per unit of a row's bound."""

    x: FloatArray
    row_duals: FloatArray
    objective: float


def solver(*, feasibility_tolerance: float, integer: bool = False) -> Any:
    """HiGHS with the settings that every programme shares."""
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
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


def solve(
    programme: Programme,
    *,
    feasibility_tolerance: float = 1e-9,
    absolute_gap: float = 0.0,
    target: float | None = None,
    max_nodes: int = 2_000,
) -> Solution:
    """Raises ProgrammeError when there is no (integer) solution."""
    integer = programme.integral is not None
    highs = solver(feasibility_tolerance=feasibility_tolerance, integer=integer)
    if integer:
        highs.setOptionValue("mip_feasibility_tolerance", feasibility_tolerance)
        highs.setOptionValue("mip_rel_gap", 0.0)
        highs.setOptionValue("mip_abs_gap", absolute_gap)
        highs.setOptionValue("mip_max_nodes", max_nodes)
    if target is not None:
        highs.setOptionValue("objective_target", target)
    highs.passModel(programme.model())
    return run(highs, integer=integer)


def run(highs: Any, *, integer: bool = False) -> Solution:
    """Solves what HiGHS holds. Raises ProgrammeError when there is no (integer) solution."""
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
