"""One book under many maxima and limits: what renewables, demands and prices do to it.

For studies, not for settlement: energy is divisible, numbers are floats, and where several prices
or fills are optimal those of the solver's vertex are given, not the canonical ones of `clear`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array

from market.book import Book
from market.clearing.counted import ClearingError, CountedOrders
from market.clearing.exact import FloatArray, IntArray
from market.clearing.programme import Programme, run, solver
from market.clearing.relaxation import ENERGY_BITS, PRICE_BITS, power_of_two_above
from market.units import SCALE


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioOutcomes:
    """What every scenario comes to.

    `welfare_micro` (scenario,) in micro-units; `prices` (scenario, product) in nano per kWh;
    `fills` (scenario, order) in units, book order; `traded_wh` (scenario, carrier) is what buying
    legs take, Wh over all zones and slots.
    """

    welfare_micro: FloatArray
    prices: FloatArray
    fills: FloatArray
    traded_wh: FloatArray


class ClearingScenarios:
    """The linear programme of a book, built once and solved for each scenario from the same basis.

    So a scenario's outcome does not depend on which others are solved. Its welfare is the optimum
    with divisible energy, which bounds what `clear` reaches to within its gap.

    Raises ClearingError for a book with an order that is not well formed, or without orders.
    """

    def __init__(self, book: Book) -> None:
        if book.count == 0:
            raise ClearingError("a study needs a book with orders")
        signed = [order.order.max_units for order in book.orders]
        if min(signed) < 1:
            raise ClearingError(f"order {signed.index(0)} has max_units 0: leave it out")
        orders = CountedOrders.of(book, signed)
        owners = np.repeat(np.arange(book.count), orders.lengths)
        spans = np.maximum.reduceat(np.abs(orders.coefficients), orders.starts[:-1])
        self._wh_a_unit = spans / SCALE
        self._maxima = orders.maxima.astype(np.float64)
        self._limits = orders.limits.astype(np.float64)
        self._energy_scale = power_of_two_above(
            int((self._maxima * self._wh_a_unit).max()), ENERGY_BITS
        )
        self._price_scale = power_of_two_above(
            int(np.abs(self._limits / self._wh_a_unit).max()), PRICE_BITS
        )
        self._bought = _bought_by_carrier(book, orders, owners)
        zeros = np.zeros(len(book.grid))
        programme = Programme(
            row_lower=zeros,
            row_upper=zeros,
            cost=self._cost(self._limits),
            lower=np.zeros(book.count),
            upper=self._upper(self._maxima),
            matrix=csc_array(
                (orders.coefficients / spans[owners], orders.products, orders.starts),
                shape=(len(book.grid), book.count),
            ),
        )
        self._columns = np.arange(book.count, dtype=np.int32)
        self._highs = solver(feasibility_tolerance=1e-9)
        self._highs.passModel(programme.model())
        run(self._highs)
        self._basis = self._highs.getBasis()

    def solve(
        self, *, maxima: ArrayLike | None = None, limits: ArrayLike | None = None
    ) -> ScenarioOutcomes:
        """Outcomes of scenarios, each given by what every order may be filled (`maxima`, units) and
        pays (`limits`, nano per kWh times Wh a unit), both (scenario, order) in book order.

        A row, or nothing, holds for all scenarios; nothing means as signed. Maxima may exceed what
        was signed. Raises ValueError for another shape, negative maxima or numbers not finite;
        ProgrammeError where HiGHS fails.
        """
        units = self._scenarios("maxima", maxima, self._maxima)
        values = self._scenarios("limits", limits, self._limits)
        if len(units) != len(values) and 1 not in (len(units), len(values)):
            raise ValueError(f"{len(units)} scenarios of maxima, {len(values)} of limits")
        if units.min(initial=0.0) < 0:
            raise ValueError("maxima must not be negative")
        count = 0 if 0 in (len(units), len(values)) else max(len(units), len(values))
        welfare = np.empty(count)
        prices = np.empty((count, self._highs.getNumRow()))
        fills = np.empty((count, len(self._columns)))
        zeros = np.zeros(len(self._columns))
        for scenario in range(count):
            upper = self._upper(units[scenario % len(units)])
            if scenario < len(units):
                self._highs.changeColsBounds(len(upper), self._columns, zeros, upper)
            if scenario < len(values):
                cost = self._cost(values[scenario])
                self._highs.changeColsCost(len(cost), self._columns, cost)
            self._highs.setBasis(self._basis)
            found = run(self._highs)
            welfare[scenario] = -found.objective * self._price_scale * self._energy_scale / SCALE
            prices[scenario] = -found.row_duals * self._price_scale
            fills[scenario] = np.clip(found.x, 0.0, upper) * self._energy_scale / self._wh_a_unit
        return ScenarioOutcomes(welfare, prices, fills, (self._bought @ fills.T).T)

    def _upper(self, maxima: FloatArray) -> FloatArray:
        return maxima * self._wh_a_unit / self._energy_scale

    def _cost(self, limits: FloatArray) -> FloatArray:
        return -limits / self._wh_a_unit / self._price_scale

    def _scenarios(
        self, name: str, given: ArrayLike | None, signed: FloatArray
    ) -> NDArray[np.float64]:
        rows = np.atleast_2d(signed if given is None else np.asarray(given, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != len(signed):
            raise ValueError(
                f"{name} must be (scenario, order) with {len(signed)} orders, not {rows.shape}"
            )
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} must be finite")
        return rows


def _bought_by_carrier(book: Book, orders: CountedOrders, owners: IntArray) -> csr_array:
    """Wh that a unit of every order buys, carriers x orders."""
    buys = orders.coefficients > 0
    carriers = orders.products // (book.grid.zones * book.grid.slots)
    return csr_array(
        (orders.coefficients[buys] / SCALE, (carriers[buys], owners[buys])),
        shape=(book.grid.carriers, book.count),
    )
