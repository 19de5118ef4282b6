"""The park's linear programme: built once, solved again and again for new days and prices.

In every scenario and slot each (zone, carrier) balances:

    converters' outputs - inputs + discharge - charge + renewables + bought - sold
      + links in (less losses) - links out - rejected heat - served demand = 0

Stores: s_t = k s_{t-1} + (e_c c_t - d_t / e_d) h with k what standing keeps over a slot of h hours;
s_T plus what is missing covers the initial content. Throughputs of ramped converters change by
at most their ramp from slot to slot. HiGHS sees kW and kWh. With several scenarios stores follow
one schedule in all of them, everything else answers each day: the two-stage programme of
Birge and Louveaux, "Introduction to Stochastic Programming".

There are no integers. At negative prices a store may charge and discharge at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import highspy
import numpy as np
from numpy.typing import NDArray

from twin.edits import Edit
from twin.milp import Columns, InfeasibleProgrammeError, Programme, SolverError, earlier
from twin.park.accounts import MISSING_PER_KWH, account
from twin.park.carriers import Carrier
from twin.park.converter import ConverterKind
from twin.park.dispatch import ParkDispatch
from twin.park.layout import layout_of
from twin.park.model import ParkSamples, ParkSignal, check_samples, check_signal
from twin.park.site import FloatArray, Park, ParkError

EVERY_KIND: frozenset[ConverterKind] = frozenset(ConverterKind)
DEPARTURE_PER_KWH = 1.0
"""What a kWh less than scheduled must save for a store to depart from its schedule."""

_KILO = 1e3
_PERTURBATION = "dual_simplex_cost_perturbation_multiplier"
_NO_VALUES = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Column numbers, (scenario, element, slot); stores (store, slot), ``missing`` (store,)."""

    segment: Columns
    renewable: Columns
    served: Columns
    bought: Columns
    sold: Columns
    link: Columns
    rejected: Columns
    charge: Columns
    discharge: Columns
    stored: Columns
    missing: Columns


@dataclass(frozen=True, slots=True)
class StoreSchedule:
    """What stores shall do, ``charge_w`` and ``discharge_w`` (store, slot), at the balance."""

    charge_w: FloatArray
    discharge_w: FloatArray


class ParkProgramme:
    """The programme of a park for ``scenarios`` at once.

    Only converters of the ``kinds`` given may run, and stores only if ``with_stores``. ``fixed``
    are throughputs of converters and net flows of stores (into them positive), whose lines are
    written ``site/element``; see :func:`line_places`.
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
        self._programme = Programme()
        self._blocks = self._columns(kinds)
        self._balance = self._balances()
        self._store_rows()
        self._ramps()
        self._edits(fixed)
        self._solver = _solver(self._programme.model())

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
        self._set(samples, signal)
        self._follow(schedule)
        self._run()
        solution = self._solver.getSolution()
        dispatch = self._dispatch(np.array(solution.col_value), np.array(solution.row_dual))
        cost = account(self._park, dispatch, samples, signal).cost
        return replace(dispatch, cost=cost)

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

    def _columns(self, kinds: Collection[ConverterKind]) -> _Blocks:
        park, at, hours = self._park, self._layout, self._hours
        slots, weight = park.horizon.slots, 1.0 / self._scenarios
        allowed = np.array([part.kind in kinds for _, part in park.converters()], dtype=float)
        width = at.segment_width_w * allowed[at.segment_converter]
        stores = [part for _, part in park.stores()]
        connections, links = park.connections, park.links
        moved = self._with_stores

        def recourse(upper_w: FloatArray, cost_per_kwh: FloatArray | float) -> Columns:
            shape = (self._scenarios, upper_w.size, slots)
            cost = np.broadcast_to(np.asarray(cost_per_kwh, dtype=float), upper_w.shape)
            columns = self._programme.columns(
                int(np.prod(shape)),
                upper=np.broadcast_to(upper_w[None, :, None] / _KILO, shape).ravel(),
                cost=np.broadcast_to(cost[None, :, None] * hours * weight, shape).ravel(),
            )
            return columns.reshape(shape)

        def scheduled(upper: FloatArray, cost_per_kwh: FloatArray | float = 0.0) -> Columns:
            shape = (upper.size, slots)
            cost = np.broadcast_to(np.asarray(cost_per_kwh, dtype=float), upper.shape)
            columns = self._programme.columns(
                int(np.prod(shape)),
                upper=np.repeat(upper / _KILO, slots),
                cost=np.repeat(cost * hours, slots),
            )
            return columns.reshape(shape)

        def array(values: list[float]) -> FloatArray:
            return np.array(values, dtype=float)

        return _Blocks(
            segment=recourse(width, at.segment_cost_per_kwh),
            renewable=recourse(np.zeros(at.renewable_node.size), 0.0),
            served=recourse(np.zeros(at.blocks), -at.block_value_per_kwh),
            bought=recourse(array([part.import_max_w for part in connections]), 0.0),
            sold=recourse(array([part.export_max_w for part in connections]), 0.0),
            link=recourse(array([part.capacity_w for part in links]), 0.0),
            rejected=recourse(np.full(at.rejecting.size, np.inf), park.rejection_per_kwh),
            charge=scheduled(
                array([part.charge_max_w * moved for part in stores]),
                array([part.cost_per_kwh for part in stores]),
            ),
            discharge=scheduled(array([part.discharge_max_w * moved for part in stores])),
            stored=scheduled(array([part.capacity_wh for part in stores])),
            missing=self._programme.columns(len(stores), cost=MISSING_PER_KWH),
        )

    def _balances(self) -> Columns:
        at, block, add = self._layout, self._blocks, self._programme
        shape = (self._scenarios, len(at.nodes), self._park.horizon.slots)
        rows = add.open_rows(int(np.prod(shape)), 0.0, 0.0).reshape(shape)
        add.put(
            rows[:, at.flow_node], block.segment[:, at.flow_segment], at.flow_rate[None, :, None]
        )
        add.put(rows[:, at.renewable_node], block.renewable, 1.0)
        add.put(rows[:, at.block_node], block.served, -1.0)
        add.put(rows[:, at.connection_node], block.bought, 1.0)
        add.put(rows[:, at.connection_node], block.sold, -1.0)
        add.put(rows[:, at.link_source], block.link, -1.0)
        add.put(rows[:, at.link_target], block.link, at.link_efficiency[None, :, None])
        add.put(rows[:, at.rejecting], block.rejected, -1.0)
        stores = (self._scenarios, *block.charge.shape)
        add.put(rows[:, at.store_node], np.broadcast_to(block.charge, stores), -1.0)
        add.put(rows[:, at.store_node], np.broadcast_to(block.discharge, stores), 1.0)
        return rows

    def _store_rows(self) -> None:
        add, hours, block = self._programme, self._hours, self._blocks
        for place, (_, store) in enumerate(self._park.stores()):
            keeps = (1.0 - store.loss_per_hour) ** hours
            initial = store.initial_wh / _KILO
            first = np.zeros(self._park.horizon.slots)
            first[0] = keeps * initial
            stored = block.stored[place]
            add.rows(
                first,
                first,
                (stored, 1.0),
                (earlier(stored), -keeps),
                (block.charge[place], -store.charge_efficiency * hours),
                (block.discharge[place], hours / store.discharge_efficiency),
            )
            add.rows(initial, np.inf, (stored[-1:], 1.0), (block.missing[place : place + 1], 1.0))

    def _ramps(self) -> None:
        add, at = self._programme, self._layout
        slots = self._park.horizon.slots
        for place, (_, converter) in enumerate(self._park.converters()):
            if not np.isfinite(converter.ramp_w_per_h) or slots < 2:
                continue
            ramp = converter.ramp_w_per_h * self._hours / _KILO
            if ramp >= converter.capacity_w / _KILO:
                continue
            segments = np.flatnonzero(at.segment_converter == place)
            now = self._blocks.segment[:, segments, 1:]
            before = self._blocks.segment[:, segments, :-1]
            shape = (self._scenarios, slots - 1)
            rows = add.open_rows(int(np.prod(shape)), -ramp, ramp).reshape(shape)
            spread = np.broadcast_to(rows[:, None, :], now.shape)
            add.put(spread, now, 1.0)
            add.put(spread, before, -1.0)

    def _edits(self, fixed: Sequence[Edit]) -> None:
        places = line_places(self._park)
        for edit in fixed:
            kind, place = places[edit.line]
            value = edit.value_w / _KILO
            if kind == "store":
                terms = [
                    (self._blocks.charge[place, edit.slot], 1.0),
                    (self._blocks.discharge[place, edit.slot], -1.0),
                ]
                row = self._programme.open_rows(1, value, value)
                for column, sign in terms:
                    self._programme.put(row, np.atleast_1d(column), sign)
                continue
            segments = np.flatnonzero(self._layout.segment_converter == place)
            columns = self._blocks.segment[:, segments, edit.slot]
            rows = self._programme.open_rows(self._scenarios, value, value)
            self._programme.put(np.broadcast_to(rows[:, None], columns.shape), columns, 1.0)

    def _set(self, samples: ParkSamples, signal: ParkSignal) -> None:
        block, at = self._blocks, self._layout
        weight = self._hours / self._scenarios
        wanted = samples.demand_w[:, at.block_process] * at.block_share[None, :, None]
        self._bound(block.renewable, samples.available_w)
        self._bound(block.served, wanted)
        carbon = np.array([part.carbon_kg_per_kwh for part in self._park.connections])
        carbon = signal.carbon_per_kg * carbon[:, None]
        self._price(block.bought, (signal.buy_per_kwh + carbon) * weight)
        self._price(block.sold, -(signal.sell_per_kwh + carbon) * weight)

    def _follow(self, schedule: StoreSchedule | None) -> None:
        if schedule is None and not self._following:
            return
        self._following = schedule is not None
        stores = [part for _, part in self._park.stores()]
        slots = self._park.horizon.slots
        wear = np.array([part.cost_per_kwh for part in stores])[:, None]
        if schedule is None:
            charge = np.array([part.charge_max_w for part in stores]) * self._with_stores
            discharge = np.array([part.discharge_max_w for part in stores]) * self._with_stores
            self._bound(self._blocks.charge, np.repeat(charge[:, None], slots, axis=1))
            self._bound(self._blocks.discharge, np.repeat(discharge[:, None], slots, axis=1))
            self._price(self._blocks.charge, wear * self._hours)
            self._price(self._blocks.discharge, np.zeros_like(wear))
            return
        self._bound(self._blocks.charge, schedule.charge_w)
        self._bound(self._blocks.discharge, schedule.discharge_w)
        self._price(self._blocks.charge, (wear - DEPARTURE_PER_KWH) * self._hours)
        self._price(self._blocks.discharge, np.full_like(wear, -DEPARTURE_PER_KWH * self._hours))

    def _bound(self, columns: Columns, upper_w: FloatArray) -> None:
        if columns.size:
            flat = columns.ravel()
            self._solver.changeColsBounds(
                flat.size, flat, np.zeros(flat.size), upper_w.ravel() / _KILO
            )

    def _price(self, columns: Columns, cost: FloatArray) -> None:
        if columns.size:
            flat = columns.ravel()
            spread = np.broadcast_to(cost, columns.shape).ravel()
            self._solver.changeColsCost(flat.size, flat, spread)

    def _dispatch(self, values: FloatArray, duals: FloatArray) -> ParkDispatch:
        block, at, park = self._blocks, self._layout, self._park
        shape = (self._scenarios, -1, park.horizon.slots)
        segment = values[block.segment] * _KILO
        drive = _summed(segment, at.segment_converter)
        served = values[block.served] * _KILO
        places = np.array([zone * len(Carrier) + carrier for zone, carrier in at.nodes], dtype=int)
        width = len(park.zones) * len(Carrier)
        rejected = np.zeros((self._scenarios, width, park.horizon.slots))
        rejected[:, places[at.rejecting]] = values[block.rejected] * _KILO
        price = np.full(rejected.shape, np.nan)
        price[:, places] = duals[self._balance] * self._scenarios / self._hours

        def schedule(columns: Columns) -> FloatArray:
            found = values[columns] * _KILO
            return np.broadcast_to(found, (self._scenarios, *found.shape)).reshape(shape)

        return ParkDispatch(
            segment_w=segment,
            drive_w=drive,
            charge_w=schedule(block.charge),
            discharge_w=schedule(block.discharge),
            stored_wh=schedule(block.stored),
            renewable_w=values[block.renewable] * _KILO,
            block_w=served,
            served_w=_summed(served, at.block_process),
            bought_w=values[block.bought] * _KILO,
            sold_w=values[block.sold] * _KILO,
            link_w=values[block.link] * _KILO,
            rejected_w=rejected,
            price_per_kwh=price,
            missing_wh=np.broadcast_to(
                values[block.missing] * _KILO, (self._scenarios, block.missing.size)
            ),
            cost=np.zeros(self._scenarios),
        )


def line_places(park: Park) -> dict[str, tuple[str, int]]:
    """Lines a person may fix, ``site/element``, with what they are and their place in arrays."""
    converters = {
        f"{site.name}/{part.name}": ("converter", place)
        for place, (site, part) in enumerate(park.converters())
    }
    stores = {
        f"{site.name}/{part.name}": ("store", place)
        for place, (site, part) in enumerate(park.stores())
    }
    return {**converters, **stores}


def _summed(values: FloatArray, owner: NDArray[np.intp]) -> FloatArray:
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
