"""The park's linear programme: built once, solved again and again for new days and prices.

In every scenario and slot each (zone, carrier) balances:

    converters' outputs - inputs + discharge - charge + renewables + bought - sold
      + links in (less losses) - links out - rejected heat - served demand = 0

Stores: s_t = k s_{t-1} + (e_c c_t - d_t / e_d) h with k what standing keeps over a slot of h hours;
s_T plus what is missing covers the initial content. Throughputs of ramped converters change by
at most their ramp from slot to slot. With several scenarios stores follow one schedule in all of
them, everything else answers each day: the two-stage programme of Birge and Louveaux,
"Introduction to Stochastic Programming".

There are no integers. At negative prices a store may charge and discharge at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import highspy
import numpy as np

from twin.edits import Edit
from twin.milp import Columns, InfeasibleProgrammeError, SolverError
from twin.park.accounts import account
from twin.park.carriers import Carrier
from twin.park.converter import ConverterKind
from twin.park.dispatch import ParkDispatch, place_of
from twin.park.layout import IndexArray, layout_of
from twin.park.model import ParkSamples, ParkSignal, check_samples, check_signal
from twin.park.site import FloatArray, Park, ParkError
from twin.park.structure import KILO, Structure

EVERY_KIND: frozenset[ConverterKind] = frozenset(ConverterKind)

DEPARTURE_PER_KWH = 1.0
"""What a kWh less than scheduled must save for a store to depart from its schedule."""

_PERTURBATION = "dual_simplex_cost_perturbation_multiplier"
_NO_VALUES = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


@dataclass(frozen=True, slots=True)
class StoreSchedule:
    """What stores shall do, ``charge_w`` and ``discharge_w`` (store, slot), at the balance."""

    charge_w: FloatArray
    discharge_w: FloatArray


class ParkProgramme:
    """The programme of a park for ``scenarios`` at once.

    Only converters of the ``kinds`` given may run, and stores only if ``with_stores``. ``fixed``
    are throughputs of converters and net flows of stores (into them positive), whose lines are
    written ``site/element``; see :func:`twin.park.structure.line_places`.
    """

    def __init__(
        self,
        park: Park,
        scenarios: int = 1,
        kinds: Collection[ConverterKind] = EVERY_KIND,
        with_stores: bool = True,
        fixed: Sequence[Edit] = (),
    ) -> None:
        self._park = park
        self._scenarios = scenarios
        self._layout = layout_of(park)
        self._hours = park.horizon.slot_hours
        self._with_stores = float(with_stores)
        self._following = False
        structure = Structure(park, self._layout, scenarios, kinds, with_stores, fixed)
        self._blocks = structure.blocks
        self._balance = structure.balance
        self._solver = _solver(structure.programme.model())

    def solve(
        self, samples: ParkSamples, signal: ParkSignal, schedule: StoreSchedule | None = None
    ) -> ParkDispatch:
        """The cheapest dispatch of these days at these prices.

        With a ``schedule`` stores do what it says, and less only where each kWh less saves more
        than DEPARTURE_PER_KWH.

        Raises ParkError where samples or prices do not fit the park; InfeasibleProgrammeError where
        fixed values cannot stand (without any there is always a dispatch); SolverError where HiGHS
        finds no optimum.
        """
        check_samples(self._park, samples)
        check_signal(self._park, signal)
        if samples.scenarios != self._scenarios:
            raise ParkError(
                f"{samples.scenarios} scenarios for a programme of {self._scenarios}: give as many"
            )
        at = self._layout
        wanted = samples.demand_w[:, at.block_process] * at.block_share[None, :, None]
        group = at.by_group(wanted)
        self._set(samples.available_w, group, signal)
        self._follow(schedule)
        self._run()
        solution = self._solver.getSolution()
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        dispatch = self._dispatch(values, duals, wanted, group)
        cost = account(self._park, dispatch, samples, signal, self._layout).cost
        return replace(dispatch, cost=cost)

    def solve_each(
        self, days: ParkSamples, signal: ParkSignal, schedule: StoreSchedule | None = None
    ) -> ParkDispatch:
        """Every day solved by itself, as :meth:`solve` does, in an order in which each is like the
        one before: the last basis is then nearer. The dispatch has the days in their own order."""
        found: list[ParkDispatch | None] = [None] * days.scenarios
        for day in order_of_likeness(days):
            found[day] = self.solve(days.one(day), signal, schedule)
        return ParkDispatch.joined([each for each in found if each is not None])

    def _run(self) -> None:
        """Solve from the last basis, and anew where that fails.

        Near an optimum HiGHS's perturbation of costs only adds iterations, so it is left out once
        there is one.
        """
        self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            self._solver.clearSolver()
            self._solver.setOptionValue(_PERTURBATION, 1.0)
            self._solver.run()
            status = self._solver.getModelStatus()
        if status in _NO_VALUES:
            raise InfeasibleProgrammeError("no values keep every limit")
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS ended with {self._solver.modelStatusToString(status)}")
        self._solver.setOptionValue(_PERTURBATION, 0.0)

    def _set(self, available_w: FloatArray, group_w: FloatArray, signal: ParkSignal) -> None:
        block, weight = self._blocks, self._hours / self._scenarios
        self._bound(
            np.concatenate([block.renewable.ravel(), block.served.ravel()]),
            np.concatenate([available_w.ravel(), group_w.ravel()]),
        )
        carbon = np.array([part.carbon_kg_per_kwh for part in self._park.connections])
        carbon = signal.carbon_per_kg * carbon[:, None]
        self._price(block.bought, (signal.buy_per_kwh + carbon) * weight)
        self._price(block.sold, -(signal.sell_per_kwh + carbon) * weight)

    def _follow(self, schedule: StoreSchedule | None) -> None:
        if schedule is None and not self._following:
            return
        self._following = schedule is not None
        block, stores = self._blocks, [part for _, part in self._park.stores()]
        slots = self._park.horizon.slots
        wear = np.array([part.cost_per_kwh for part in stores])[:, None]
        departure = DEPARTURE_PER_KWH if schedule is not None else 0.0
        if schedule is None:
            charge = np.array([part.charge_max_w for part in stores]) * self._with_stores
            discharge = np.array([part.discharge_max_w for part in stores]) * self._with_stores
            schedule = StoreSchedule(
                np.repeat(charge[:, None], slots, axis=1),
                np.repeat(discharge[:, None], slots, axis=1),
            )
        self._bound(block.charge, schedule.charge_w)
        self._bound(block.discharge, schedule.discharge_w)
        self._price(block.charge, (wear - departure) * self._hours)
        self._price(block.discharge, np.full_like(wear, -departure * self._hours))

    def _bound(self, columns: Columns, upper_w: FloatArray) -> None:
        if columns.size:
            flat = columns.ravel()
            self._solver.changeColsBounds(
                flat.size, flat, np.zeros(flat.size), upper_w.ravel() / KILO
            )

    def _price(self, columns: Columns, cost: FloatArray) -> None:
        if columns.size:
            flat = columns.ravel()
            spread = np.broadcast_to(cost, columns.shape).ravel()
            self._solver.changeColsCost(flat.size, flat, spread)

    def _dispatch(
        self, values: FloatArray, duals: FloatArray, wanted_w: FloatArray, group_w: FloatArray
    ) -> ParkDispatch:
        block, at, slots = self._blocks, self._layout, self._park.horizon.slots
        places = np.array([place_of(zone, carrier) for zone, carrier in at.nodes], dtype=int)
        width = len(self._park.zones) * len(Carrier)
        rejected = np.zeros((self._scenarios, width, slots))
        rejected[:, places[at.rejecting]] = values[block.rejected] * KILO
        price = np.full(rejected.shape, np.nan)
        price[:, places] = duals[self._balance] * self._scenarios / self._hours

        def schedule(columns: Columns) -> FloatArray:
            found = values[columns] * KILO
            return np.broadcast_to(found, (self._scenarios, *found.shape))

        segment, given = values[block.segment] * KILO, values[block.served] * KILO
        share = np.divide(given, group_w, out=np.zeros_like(group_w), where=group_w > 0.0)
        served = wanted_w * share[:, at.block_group]
        return ParkDispatch(
            segment_w=segment,
            drive_w=_summed(segment, at.segment_converter),
            charge_w=schedule(block.charge),
            discharge_w=schedule(block.discharge),
            stored_wh=schedule(block.stored),
            renewable_w=values[block.renewable] * KILO,
            block_w=served,
            served_w=_summed(served, at.block_process),
            bought_w=values[block.bought] * KILO,
            sold_w=values[block.sold] * KILO,
            link_w=values[block.link] * KILO,
            rejected_w=rejected,
            price_per_kwh=price,
            missing_wh=schedule(block.missing),
            cost=np.zeros(self._scenarios),
        )


def order_of_likeness(days: ParkSamples) -> list[int]:
    """Days from one to the nearest not yet passed, by the sums of demands and of renewables in
    every slot; begins with the first."""
    left = np.hstack([days.demand_w.sum(axis=1), days.available_w.sum(axis=1)])
    size = (left**2).sum(axis=1)
    apart = size[:, None] + size[None, :] - 2.0 * left @ left.T
    order, here = [0], 0
    for _ in range(days.scenarios - 1):
        apart[:, here] = np.inf
        here = int(np.argmin(apart[here]))
        order.append(here)
    return order


def _summed(values: FloatArray, owner: IndexArray) -> FloatArray:
    """Sums over the elements of each owner, (scenario, owner, slot); owners are in order."""
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    total: FloatArray = np.add.reduceat(values, first, axis=1) if first.size else values
    return total


def _solver(model: highspy.HighsLp) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    return solver
