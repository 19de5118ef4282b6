"""The day as a linear programme: temperatures, cooling, cold store and chillers, solved by HiGHS.

Heat and power are in kW, stored cold in kWh inside. The chillers' power is the epigraph of
:class:`twin.mall.chiller_lines.LoadLines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from twin.mall.building import FloatArray, Mall
from twin.mall.chiller_lines import LoadLines
from twin.mall.drive import Drive
from twin.mall.model import BoolArray, DayAhead, MallState
from twin.mall.physics import RADIANT_SHARE
from twin.mall.thermal import Network

Sparse = Any
"""A SciPy sparse array; the stubs of linprog know none."""

_KILO = 1000.0
_INFEASIBLE = 2
_COLDEST_AIR_C = 14.0
_PRICE_OF_LEAVING = 1e4
"""Against costs of about 1 a kWh: more than any K of comfort could save."""


class ProgrammeError(RuntimeError):
    """HiGHS ended without an optimum, though nothing says that there is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a schedule has to keep.

    ``low_c`` and ``high_c`` (slot, zone) bound operative temperature at the end of open slots;
    ``cools`` (slot,) are slots in which zones may be cooled, ``stores`` whether the store is
    used; ``chiller_most_w`` (slot,) bounds the chillers' cooling, ``power_most_w`` (slot,)
    their power. ``fixed_cooling_w`` (slot,) is NaN where the chillers are free.
    """

    low_c: FloatArray
    high_c: FloatArray
    cools: BoolArray
    stores: bool
    chiller_most_w: FloatArray
    power_most_w: FloatArray
    fixed_cooling_w: FloatArray


@dataclass(frozen=True, slots=True)
class Schedule:
    """``state_c`` (slot + 1, 2 zone), ``cooling_w`` (slot, zone), ``chilled_w`` (slot,) the
    chillers' cooling, ``store_w`` (slot,) cold put into the store, ``stored_wh`` (slot + 1,).
    ``beyond_k`` is how far the comfort band had to be left (0 unless that was allowed)."""

    state_c: FloatArray
    cooling_w: FloatArray
    chilled_w: FloatArray
    store_w: FloatArray
    stored_wh: FloatArray
    beyond_k: float


class DayProgramme:
    """One day's balance and limits, built once and solved for several objectives."""

    def __init__(
        self,
        mall: Mall,
        network: Network,
        day: DayAhead,
        drive: Drive,
        state: MallState,
        limits: Limits,
        lines: LoadLines,
        slot_hours: float,
    ) -> None:
        self._slots, _, self._nodes = drive.offset_c.shape
        self._zones = self._nodes // 2
        self._hours = slot_hours
        slots, nodes, zones = self._slots, self._nodes, self._zones
        sizes = {
            "state": (slots + 1) * nodes,
            "cooling": slots * zones,
            "chilled": slots,
            "charge": slots,
            "discharge": slots,
            "stored": slots + 1,
            "power": slots,
            "left_warm": zones,
            "off_target": slots * zones,
            "beyond": 1,
        }
        self._place: dict[str, slice] = {}
        total = 0
        for name, size in sizes.items():
            self._place[name] = slice(total, total + size)
            total += size
        self._columns = total
        self._equal: list[tuple[Mapping[str, Sparse], FloatArray]] = []
        self._below: list[tuple[Mapping[str, Sparse], FloatArray]] = []
        self._lower = np.zeros(total)
        self._upper = np.full(total, np.inf)
        self._balance(mall, network, day, drive, state)
        self._store(mall, state, limits.stores)
        self._comfort(day, limits)
        self._plant(mall, drive, limits, lines)

    def hold_peak(self, weights: FloatArray, most_kwh: float) -> None:
        """Bound the weighted chiller energy (slot,) by ``most_kwh``."""
        row = sparse.csr_array((weights * self._hours)[None, :])
        self._below.append(({"power": row}, np.array([most_kwh])))

    def follow(self, target_c: FloatArray, judged: BoolArray) -> None:
        """Let ``off_target`` be at least how far the air strays from a target (zone,) after the
        judged slots (slot,)."""
        air = _ends(self._slots, self._nodes, np.eye(self._zones, self._nodes))
        chosen = _chosen(np.repeat(judged, self._zones))
        off = -chosen
        wanted = chosen @ np.tile(target_c, self._slots)
        self._below.append(({"state": chosen @ air, "off_target": off}, wanted))
        self._below.append(({"state": -(chosen @ air), "off_target": off}, -wanted))

    def count_left_warm(self, mall: Mall, mass_end_c: FloatArray) -> None:
        """Let ``left_warm`` (kWh a zone) be what the mass ends warmer than ``mass_end_c``."""
        capacity = mall.of_zones("mass_wh_per_k") / _KILO
        last = np.zeros((self._zones, (self._slots + 1) * self._nodes))
        for zone in range(self._zones):
            last[zone, self._slots * self._nodes + self._zones + zone] = capacity[zone]
        rows: Mapping[str, Sparse] = {
            "state": sparse.csr_array(last),
            "left_warm": -sparse.eye_array(self._zones, format="csr"),
        }
        self._below.append((rows, capacity * mass_end_c))

    def solve(
        self, costs: Mapping[str, FloatArray | float], may_leave_band: bool = False
    ) -> Schedule | None:
        """The schedule of least cost, given per column of each name; None if there is none.

        With ``may_leave_band`` the comfort band is left where nothing else helps, by the same in
        every slot and zone. That programme nearly always has a solution, and HiGHS finds it much
        sooner than the proof that the other has none.

        Raises ProgrammeError if HiGHS ends otherwise.
        """
        cost = np.zeros(self._columns)
        for name, value in costs.items():
            cost[self._place[name]] = value
        upper = self._upper.copy()
        if may_leave_band:
            cost[self._place["beyond"]] = _PRICE_OF_LEAVING
        else:
            upper[self._place["beyond"]] = 0.0
        if (self._lower > upper).any():
            return None
        equal, right = self._stacked(self._equal)
        below, most = self._stacked(self._below)
        within: Any = np.column_stack([self._lower, upper])
        message = ""
        for presolve in (True, False):
            found = linprog(
                cost,
                A_ub=below,
                b_ub=most,
                A_eq=equal,
                b_eq=right,
                bounds=within,
                method="highs",
                options={"presolve": presolve},
            )
            if found.status == _INFEASIBLE:
                return None
            if found.success:
                return self._schedule(np.asarray(found.x, dtype=float))
            message = str(found.message)
        raise ProgrammeError(f"HiGHS ended with: {message}")

    def _schedule(self, values: FloatArray) -> Schedule:
        part = {name: values[place] for name, place in self._place.items()}
        return Schedule(
            state_c=part["state"].reshape(self._slots + 1, self._nodes),
            cooling_w=_KILO * np.maximum(part["cooling"], 0.0).reshape(self._slots, self._zones),
            chilled_w=_KILO * np.maximum(part["chilled"], 0.0),
            store_w=_KILO * (part["charge"] - part["discharge"]),
            stored_wh=_KILO * part["stored"],
            beyond_k=float(part["beyond"][0]),
        )

    def _balance(
        self, mall: Mall, network: Network, day: DayAhead, drive: Drive, state: MallState
    ) -> None:
        steps = [network.step(bool(is_open)) for is_open in day.open]
        size = self._slots * self._nodes
        later = sparse.eye_array(size, size + self._nodes, k=self._nodes, format="csr")
        sooner = sparse.eye_array(size, size + self._nodes, format="csr")
        moves: Sparse = sparse.block_diag([step.transition for step in steps], format="csr")
        cools: Sparse = sparse.block_diag([step.air * _KILO for step in steps], format="csr")
        self._equal.append(
            (
                {"state": later - moves @ sooner, "cooling": cools},
                drive.offset_c[:, 0, :].ravel(),
            )
        )
        start = np.concatenate([state.air_c, state.mass_c])
        first = self._place["state"].start
        self._lower[self._place["state"]] = _COLDEST_AIR_C
        self._lower[first : first + self._nodes] = start
        self._upper[first : first + self._nodes] = start
        ratio = drive.coil_ratio[0]
        each: Sparse = sparse.kron(
            sparse.diags_array(ratio), np.ones((1, self._zones)), format="csr"
        )
        one = sparse.eye_array(self._slots, format="csr")
        self._equal.append(
            (
                {"chilled": one, "cooling": -each, "charge": -one, "discharge": one},
                np.zeros(self._slots),
            )
        )

    def _store(self, mall: Mall, state: MallState, used: bool) -> None:
        """A store in use ends with at least what it began with."""
        store = mall.store
        stored = self._place["stored"]
        self._upper[stored] = store.capacity_wh / _KILO
        self._lower[stored.start] = self._upper[stored.start] = state.stored_wh / _KILO
        if used:
            self._lower[stored.stop - 1] = state.stored_wh / _KILO
        self._upper[self._place["charge"]] = used * store.charge_max_w / _KILO
        self._upper[self._place["discharge"]] = used * store.discharge_max_w / _KILO
        one = sparse.eye_array(self._slots, format="csr")
        kept = (1.0 - store.loss_per_hour) ** self._hours
        after = sparse.eye_array(self._slots, self._slots + 1, k=1, format="csr")
        before = kept * sparse.eye_array(self._slots, self._slots + 1, format="csr")
        self._equal.append(
            (
                {
                    "stored": after - before,
                    "charge": -self._hours * store.charge_efficiency * one,
                    "discharge": self._hours * one,
                },
                np.zeros(self._slots),
            )
        )

    def _comfort(self, day: DayAhead, limits: Limits) -> None:
        weights = np.hstack(
            [
                (1.0 - RADIANT_SHARE) * np.eye(self._zones),
                RADIANT_SHARE * np.eye(self._zones),
            ]
        )
        chosen = _chosen(np.repeat(day.open, self._zones))
        felt = chosen @ _ends(self._slots, self._nodes, weights)
        beyond = sparse.csr_array(-np.ones((chosen.shape[0], 1)))
        self._below.append(({"state": felt, "beyond": beyond}, chosen @ limits.high_c.ravel()))
        self._below.append(({"state": -felt, "beyond": beyond}, -(chosen @ limits.low_c.ravel())))

    def _plant(self, mall: Mall, drive: Drive, limits: Limits, lines: LoadLines) -> None:
        zone_most = mall.of_zones("cooling_max_w") / _KILO
        self._upper[self._place["cooling"]] = np.outer(limits.cools, zone_most).ravel()
        fixed = ~np.isnan(limits.fixed_cooling_w)
        chilled = self._place["chilled"]
        wanted = np.nan_to_num(limits.fixed_cooling_w) / _KILO
        self._lower[chilled] = np.where(fixed, wanted, 0.0)
        self._upper[chilled] = np.where(fixed, wanted, limits.chiller_most_w / _KILO)
        self._upper[self._place["power"]] = np.where(
            fixed, np.inf, np.maximum(limits.power_most_w, 0.0) / _KILO
        )
        capacity = mall.chillers.capacity_of_all_w(drive.condenser_c[0]) / _KILO
        full = mall.chillers.full_power_w(drive.condenser_c[0]) / _KILO
        one = sparse.eye_array(self._slots, format="csr")
        for slope, intercept in zip(lines.slope, lines.intercept, strict=True):
            rate = slope * full / capacity + mall.chillers.auxiliary_share
            self._below.append(
                ({"chilled": sparse.diags_array(rate), "power": -one}, -intercept * full)
            )

    def _stacked(
        self, rows: list[tuple[Mapping[str, Sparse], FloatArray]]
    ) -> tuple[Sparse, FloatArray]:
        blocks = []
        for parts, right in rows:
            line = [
                parts.get(name, sparse.csr_array((right.size, place.stop - place.start)))
                for name, place in self._place.items()
            ]
            blocks.append(sparse.hstack(line, format="csr"))
        stacked: Sparse = sparse.vstack(blocks, format="csr")
        return stacked, np.concatenate([right for _, right in rows])


def _ends(slots: int, nodes: int, weights: FloatArray) -> Sparse:
    """Weights (row, node) applied to the state at the end of every slot."""
    each = sparse.kron(sparse.eye_array(slots), weights, format="csr")
    none = sparse.csr_array((each.shape[0], nodes))
    ends: Sparse = sparse.hstack([none, each], format="csr")
    return ends


def _chosen(which: NDArray[np.bool_]) -> Sparse:
    """Rows that pick the true places of a vector."""
    places = np.flatnonzero(which)
    rows = np.arange(places.size)
    return sparse.csr_array((np.ones(places.size), (rows, places)), shape=(places.size, which.size))
