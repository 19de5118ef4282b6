"""Columns and rows of the park's programme; what they mean stands in :mod:`twin.park.programme`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from twin.edits import Edit
from twin.milp import Columns, Programme, earlier
from twin.park.accounts import MISSING_PER_KWH
from twin.park.converter import ConverterKind
from twin.park.layout import Layout
from twin.park.site import FloatArray, Park

KILO = 1e3
"""HiGHS sees kW and kWh, so that its tolerances are small beside prices."""


@dataclass(frozen=True, slots=True)
class Blocks:
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


class Structure:
    """The programme of a park before it is given to a solver.

    ``programme`` holds it, ``blocks`` number its columns, ``balance`` (scenario, node, slot) its
    balance rows.
    """

    def __init__(
        self,
        park: Park,
        layout: Layout,
        scenarios: int,
        kinds: Collection[ConverterKind],
        with_stores: bool,
        fixed: Sequence[Edit],
    ) -> None:
        self._park = park
        self._layout = layout
        self._scenarios = scenarios
        self._slots = park.horizon.slots
        self._hours = park.horizon.slot_hours
        self.programme = Programme()
        self.blocks = self._columns(kinds, float(with_stores))
        self.balance = self._balances()
        self._stores()
        self._ramps()
        self._edits(fixed)

    def _columns(self, kinds: Collection[ConverterKind], moved: float) -> Blocks:
        park, at = self._park, self._layout
        allowed = np.array([part.kind in kinds for _, part in park.converters()], dtype=float)
        width = at.segment_width_w * allowed[at.segment_converter]
        stores = [part for _, part in park.stores()]
        bought = [part.import_max_w for part in park.connections]
        sold = [part.export_max_w for part in park.connections]
        links = [part.capacity_w for part in park.links]
        wear = np.array([part.cost_per_kwh for part in stores], dtype=float)
        charge = [part.charge_max_w * moved for part in stores]
        discharge = [part.discharge_max_w * moved for part in stores]
        return Blocks(
            segment=self._recourse(width, at.segment_cost_per_kwh),
            renewable=self._recourse(np.zeros(at.renewable_node.size)),
            served=self._recourse(np.zeros(at.groups), -at.group_value_per_kwh),
            bought=self._recourse(bought),
            sold=self._recourse(sold),
            link=self._recourse(links),
            rejected=self._recourse(
                np.full(at.rejecting.size, np.inf),
                np.full(at.rejecting.size, park.rejection_per_kwh),
            ),
            charge=self._scheduled(charge, wear),
            discharge=self._scheduled(discharge),
            stored=self._scheduled([part.capacity_wh for part in stores]),
            missing=self.programme.columns(len(stores), cost=MISSING_PER_KWH),
        )

    def _recourse(
        self, upper_w: Sequence[float] | FloatArray, cost_per_kwh: FloatArray | float = 0.0
    ) -> Columns:
        """A column for every scenario, element and slot; costs have the weight of a scenario."""
        upper = np.asarray(upper_w, dtype=float)
        return self._block((self._scenarios, upper.size, self._slots), upper, cost_per_kwh)

    def _scheduled(
        self, upper_w: Sequence[float] | FloatArray, cost_per_kwh: FloatArray | float = 0.0
    ) -> Columns:
        """A column for every element and slot, the same in all scenarios."""
        upper = np.asarray(upper_w, dtype=float)
        return self._block((upper.size, self._slots), upper, cost_per_kwh)

    def _block(
        self, shape: tuple[int, ...], upper_w: FloatArray, cost_per_kwh: FloatArray | float
    ) -> Columns:
        weight = self._hours / (self._scenarios if len(shape) == 3 else 1)
        cost = np.broadcast_to(np.asarray(cost_per_kwh, dtype=float), upper_w.shape)
        columns = self.programme.columns(
            int(np.prod(shape)),
            upper=np.broadcast_to(upper_w[:, None] / KILO, shape).ravel(),
            cost=np.broadcast_to(cost[:, None] * weight, shape).ravel(),
        )
        return columns.reshape(shape)

    def _balances(self) -> Columns:
        at, block, add = self._layout, self.blocks, self.programme
        shape = (self._scenarios, len(at.nodes), self._slots)
        rows = add.open_rows(int(np.prod(shape)), 0.0, 0.0).reshape(shape)
        add.put(
            rows[:, at.flow_node], block.segment[:, at.flow_segment], at.flow_rate[None, :, None]
        )
        add.put(rows[:, at.renewable_node], block.renewable, 1.0)
        add.put(rows[:, at.group_node], block.served, -1.0)
        add.put(rows[:, at.connection_node], block.bought, 1.0)
        add.put(rows[:, at.connection_node], block.sold, -1.0)
        add.put(rows[:, at.link_source], block.link, -1.0)
        add.put(rows[:, at.link_target], block.link, at.link_efficiency[None, :, None])
        add.put(rows[:, at.rejecting], block.rejected, -1.0)
        stores = (self._scenarios, *block.charge.shape)
        add.put(rows[:, at.store_node], np.broadcast_to(block.charge, stores), -1.0)
        add.put(rows[:, at.store_node], np.broadcast_to(block.discharge, stores), 1.0)
        return rows

    def _stores(self) -> None:
        add, hours, block = self.programme, self._hours, self.blocks
        for place, (_, store) in enumerate(self._park.stores()):
            keeps = (1.0 - store.loss_per_hour) ** hours
            initial = store.initial_wh / KILO
            first = np.zeros(self._slots)
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
        for place, (_, converter) in enumerate(self._park.converters()):
            ramp = converter.ramp_w_per_h * self._hours / KILO
            if ramp >= converter.capacity_w / KILO or self._slots < 2:
                continue
            throughput = self.blocks.segment[:, self._segments(place)]
            shape = (self._scenarios, self._slots - 1)
            rows = self.programme.open_rows(int(np.prod(shape)), -ramp, ramp).reshape(shape)
            spread = np.broadcast_to(rows[:, None, :], throughput[:, :, 1:].shape)
            self.programme.put(spread, throughput[:, :, 1:], 1.0)
            self.programme.put(spread, throughput[:, :, :-1], -1.0)

    def _edits(self, fixed: Sequence[Edit]) -> None:
        places = line_places(self._park) if fixed else {}
        add, block = self.programme, self.blocks
        for edit in fixed:
            kind, place = places[edit.line]
            value = edit.value_w / KILO
            if kind == "store":
                row = add.open_rows(1, value, value)
                add.put(row, block.charge[place, edit.slot : edit.slot + 1], 1.0)
                add.put(row, block.discharge[place, edit.slot : edit.slot + 1], -1.0)
                continue
            columns = block.segment[:, self._segments(place), edit.slot]
            rows = add.open_rows(self._scenarios, value, value)
            add.put(np.broadcast_to(rows[:, None], columns.shape), columns, 1.0)

    def _segments(self, converter: int) -> slice:
        """The segments of a converter; they stand together."""
        found = np.flatnonzero(self._layout.segment_converter == converter)
        return slice(int(found[0]), int(found[-1]) + 1)


def line_places(park: Park) -> dict[str, tuple[str, int]]:
    """Lines a person may fix, ``site/element``, with what they are and their place in arrays."""
    lines = {
        f"{site.name}/{part.name}": ("converter", place)
        for place, (site, part) in enumerate(park.converters())
    }
    lines |= {
        f"{site.name}/{part.name}": ("store", place)
        for place, (site, part) in enumerate(park.stores())
    }
    return lines
