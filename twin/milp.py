"""A small builder of mixed-integer linear programmes, and their solution by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import highspy
import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = NDArray[np.int32]
Term: TypeAlias = tuple[Columns, FloatArray | float]

ABSENT = -1
"""A column that is not there: its term is left out of the row."""


class SolverError(RuntimeError):
    """HiGHS ended with neither a plan within the gap nor a proof that there is none."""


class InfeasibleProgrammeError(ValueError):
    """No values keep every row and bound."""


@dataclass(frozen=True, slots=True)
class Solution:
    """``values`` by column; ``bound`` is proven: no values reach a lower ``objective``."""

    values: FloatArray
    objective: float
    bound: float


def earlier(columns: Columns, slots: int = 1) -> Columns:
    """The columns of ``slots`` slots before, ABSENT where that is before the first."""
    shifted = np.full_like(columns, ABSENT)
    shifted[slots:] = columns[: columns.size - slots]
    return shifted


class Programme:
    """Columns and rows are appended; :meth:`solve` minimises the cost."""

    def __init__(self) -> None:
        self._lower: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self._cost: list[FloatArray] = []
        self._integer: list[NDArray[np.bool_]] = []
        self._row_lower: list[FloatArray] = []
        self._row_upper: list[FloatArray] = []
        self._entries: list[tuple[NDArray[np.int32], Columns, FloatArray]] = []
        self._columns = 0
        self._rows = 0

    def columns(
        self,
        count: int,
        lower: FloatArray | float = 0.0,
        upper: FloatArray | float = np.inf,
        cost: FloatArray | float = 0.0,
        integer: bool = False,
    ) -> Columns:
        """Append ``count`` columns and return their numbers."""
        for values, into in ((lower, self._lower), (upper, self._upper), (cost, self._cost)):
            into.append(np.broadcast_to(np.asarray(values, dtype=float), (count,)))
        self._integer.append(np.full(count, integer))
        first = self._columns
        self._columns += count
        return np.arange(first, first + count, dtype=np.int32)

    def rows(self, lower: FloatArray | float, upper: FloatArray | float, *terms: Term) -> None:
        """Append rows ``lower <= sum of coefficient * column <= upper``, one for each column.

        Every term has as many columns as there are rows, ABSENT for none.
        """
        count = terms[0][0].size
        for values, into in ((lower, self._row_lower), (upper, self._row_upper)):
            into.append(np.broadcast_to(np.asarray(values, dtype=float), (count,)))
        numbers = np.arange(self._rows, self._rows + count, dtype=np.int32)
        for columns, coefficients in terms:
            there = columns != ABSENT
            spread = np.broadcast_to(np.asarray(coefficients, dtype=float), (count,))
            self._entries.append((numbers[there], columns[there], spread[there]))
        self._rows += count

    def open_rows(
        self, count: int, lower: FloatArray | float, upper: FloatArray | float
    ) -> Columns:
        """Append ``count`` rows without terms and return their numbers: :meth:`put` fills them."""
        for values, into in ((lower, self._row_lower), (upper, self._row_upper)):
            into.append(np.broadcast_to(np.asarray(values, dtype=float), (count,)))
        first = self._rows
        self._rows += count
        return np.arange(first, first + count, dtype=np.int32)

    def put(self, rows: Columns, columns: Columns, coefficients: FloatArray | float) -> None:
        """Add ``coefficient * column`` to each row; arrays of one shape, a pair at most once."""
        spread = np.broadcast_to(np.asarray(coefficients, dtype=float), rows.shape)
        self._entries.append((rows.ravel(), columns.ravel(), spread.ravel()))

    def solve(self, relative_gap: float, seconds: float, relaxed: bool = False) -> Solution:
        """Minimise the cost; with ``relaxed`` integers may be broken, which gives a bound.

        Raises InfeasibleProgrammeError, or SolverError where ``seconds`` did not suffice.
        """
        whole = bool(np.concatenate(self._integer).any()) and not relaxed
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("mip_rel_gap", relative_gap),
            ("time_limit", seconds),
        ):
            solver.setOptionValue(option, value)
        solver.passModel(self.model(relaxed))
        solver.run()
        status = solver.getModelStatus()
        unbounded_or_infeasible = highspy.HighsModelStatus.kUnboundedOrInfeasible
        if status in (highspy.HighsModelStatus.kInfeasible, unbounded_or_infeasible):
            raise InfeasibleProgrammeError("no values keep every limit")
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS ended with {solver.modelStatusToString(status)}")
        info = solver.getInfo()
        objective = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if whole else objective
        return Solution(np.array(solver.getSolution().col_value), objective, bound)

    def model(self, relaxed: bool = False) -> highspy.HighsLp:
        """The programme as HiGHS takes it, for a solver that is kept and solved again."""
        integer = np.concatenate(self._integer) & (not relaxed)
        row, column, value = (
            np.concatenate([entry[part] for entry in self._entries]) for part in range(3)
        )
        order = np.lexsort((column, row))
        model = highspy.HighsLp()
        model.num_col_ = self._columns
        model.num_row_ = self._rows
        model.col_cost_ = np.concatenate(self._cost)
        model.col_lower_ = np.concatenate(self._lower)
        model.col_upper_ = np.concatenate(self._upper)
        model.row_lower_ = np.concatenate(self._row_lower)
        model.row_upper_ = np.concatenate(self._row_upper)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.r_[0, np.cumsum(np.bincount(row, minlength=self._rows))]
        model.a_matrix_.index_ = column[order]
        model.a_matrix_.value_ = value[order]
        if integer.any():
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[int(flag)] for flag in integer]
        return model
