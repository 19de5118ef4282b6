"""The station's schedule as a programme: linear where that is exact, with binaries where not.

Columns are energies in kWh. Two rules are not convex: never to charge and discharge in the same
slot, and to rest after so many slots of one direction. Their convex treatment: the first is left
out, and in any ``n + 1`` slots in a row at most what ``n`` slots of full power move may be moved
(n the longest run). The relaxed optimum is taken where it keeps both rules as it stands; otherwise
binaries enforce them and HiGHS proves the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.edits import Edit
from twin.milp import Columns, Programme, Solution, Term, earlier
from twin.storage_station.model import StationModel, StationSamples
from twin.storage_station.station import WH_PER_KWH, FloatArray, run_slots

RELATIVE_GAP = 1e-4
_SECONDS = 60.0
_W_PER_KW = 1000.0
_NOTHING_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """What a schedule is judged by, currency.

    ``price_per_kwh`` (slot,) of energy at the grid, ``peak_per_kw`` and ``valley_per_kw`` of the
    expected highest and lowest draw, ``end_per_kwh`` of what is stored at the end.
    """

    price_per_kwh: FloatArray
    peak_per_kw: float = 0.0
    valley_per_kw: float = 0.0
    end_per_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Energies (slot,), Wh, and the expected peak and valley of the draw, W.

    ``cost`` is what :class:`Weights` make of it, ``bound`` what no schedule can undercut.
    """

    charge_wh: FloatArray
    discharge_wh: FloatArray
    stored_wh: FloatArray
    lacking_wh: FloatArray
    peak_w: float
    valley_w: float
    cost: float
    bound: float


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of a second stage, W: the expected peak at most, the expected valley at least."""

    peak_w: float | None = None
    valley_w: float | None = None


def solve_schedule(
    model: StationModel,
    samples: StationSamples,
    weights: Weights,
    fixed: Sequence[Edit] = (),
    peak_before_w: float = 0.0,
    caps: Caps | None = None,
) -> Schedule:
    """The best schedule with the edits' net powers kept.

    Raises InfeasibleProgrammeError where there is none, SolverError where HiGHS gives up.
    """
    build = _Build(model, samples, weights, fixed, peak_before_w, caps or Caps())
    relaxed = build.programme(binaries=False).solve(RELATIVE_GAP, _SECONDS)
    if build.keeps_rules(relaxed.values):
        return build.schedule(relaxed)
    return build.schedule(build.programme(binaries=True).solve(RELATIVE_GAP, _SECONDS))


class _Build:
    """One programme's rows and columns, built relaxed or with binaries."""

    def __init__(
        self,
        model: StationModel,
        samples: StationSamples,
        weights: Weights,
        fixed: Sequence[Edit],
        peak_before_w: float,
        caps: Caps,
    ) -> None:
        self._model = model
        self._samples = samples
        self._weights = weights
        self._fixed = fixed
        self._peak_before_w = peak_before_w
        self._caps = caps
        self._slots = model.horizon.slots
        self._hours = model.horizon.slot_hours
        station = model.station
        self._runs = (
            run_slots(station.longest_charge_h, self._hours),
            run_slots(station.longest_discharge_h, self._hours),
        )
        self._most_kwh = (
            station.charge_power_w * self._hours / WH_PER_KWH,
            station.discharge_power_w * self._hours / WH_PER_KWH,
        )

    def programme(self, binaries: bool) -> Programme:
        station, site, weights = self._model.station, self._model.site, self._weights
        slots, gain, drain = self._slots, station.charge_efficiency, self._drain
        programme = Programme()
        wear = station.wear_per_kwh
        charge = programme.columns(
            slots, 0.0, self._most_kwh[0], weights.price_per_kwh + wear * gain
        )
        discharge = programme.columns(
            slots, 0.0, self._most_kwh[1], wear * drain - weights.price_per_kwh
        )
        least = np.full(slots, station.least_wh)
        least[-1] = max(least[-1], self._model.end_least_wh)
        worth = np.zeros(slots)
        worth[-1] = -weights.end_per_kwh
        stored = programme.columns(slots, least / WH_PER_KWH, station.most_wh / WH_PER_KWH, worth)
        kept = station.kept(self._hours)
        start = np.zeros(slots)
        start[0] = kept * site.state.stored_wh / WH_PER_KWH
        programme.rows(
            start,
            start,
            (stored, 1.0),
            (earlier(stored), -kept),
            (charge, -gain),
            (discharge, drain),
        )
        net: tuple[Term, ...] = ((charge, 1.0), (discharge, -1.0))
        self._ramp(programme, charge, discharge)
        self._edits(programme, charge, discharge)
        if site.reserve_wh is not None:
            lacking = programme.columns(slots, cost=site.reserve_per_kwh)
            programme.rows(site.reserve_wh / WH_PER_KWH, np.inf, (stored, 1.0), (lacking, 1.0))
        self._draw(programme, net)
        running = (charge, discharge)
        if binaries:
            running = self._binaries(programme, charge, discharge)
        self._runs_end(programme, running, binaries)
        return programme

    @property
    def _drain(self) -> float:
        return 1.0 / self._model.station.discharge_efficiency

    def _ramp(self, programme: Programme, charge: Columns, discharge: Columns) -> None:
        ramp = self._model.station.ramp_w_per_h
        if ramp is None:
            return
        before_w = self._model.site.state.power_w
        step = ramp * self._hours * self._hours / WH_PER_KWH
        middle = np.zeros(self._slots)
        room = np.full(self._slots, step)
        if before_w is None:
            room[0] = np.inf
        else:
            middle[0] = before_w * self._hours / WH_PER_KWH
        programme.rows(
            middle - room,
            middle + room,
            (charge, 1.0),
            (discharge, -1.0),
            (earlier(charge), -1.0),
            (earlier(discharge), 1.0),
        )

    def _edits(self, programme: Programme, charge: Columns, discharge: Columns) -> None:
        if not self._fixed:
            return
        places = np.array([edit.slot for edit in self._fixed])
        values = np.array([edit.value_w for edit in self._fixed]) * self._hours / WH_PER_KWH
        programme.rows(values, values, (charge[places], 1.0), (discharge[places], -1.0))

    def _draw(self, programme: Programme, net: tuple[Term, ...]) -> None:
        """Peak and valley of every scenario, kW, weighted by their mean."""
        load_kw = self._samples.load_w / _W_PER_KW
        share = 1.0 / self._samples.count
        weights, caps = self._weights, self._caps
        per_kw = self._hours
        if weights.peak_per_kw > 0.0 or caps.peak_w is not None:
            peaks = programme.columns(
                self._samples.count,
                self._peak_before_w / _W_PER_KW,
                cost=weights.peak_per_kw * share,
            )
            for peak, load in zip(peaks, load_kw, strict=True):
                programme.rows(
                    load * per_kw,
                    np.inf,
                    (np.full(self._slots, peak), per_kw),
                    *((columns, -sign) for columns, sign in net),
                )
            if caps.peak_w is not None:
                _mean_row(programme, peaks, -np.inf, caps.peak_w / _W_PER_KW)
        if weights.valley_per_kw > 0.0 or caps.valley_w is not None:
            valleys = programme.columns(
                self._samples.count, -np.inf, cost=-weights.valley_per_kw * share
            )
            for valley, load in zip(valleys, load_kw, strict=True):
                programme.rows(
                    -load * per_kw, np.inf, (np.full(self._slots, valley), -per_kw), *net
                )
            if caps.valley_w is not None:
                _mean_row(programme, valleys, caps.valley_w / _W_PER_KW, np.inf)

    def _binaries(
        self, programme: Programme, charge: Columns, discharge: Columns
    ) -> tuple[Columns, Columns]:
        charging = programme.columns(self._slots, 0.0, 1.0, integer=True)
        discharging = programme.columns(self._slots, 0.0, 1.0, integer=True)
        programme.rows(-np.inf, 0.0, (charge, 1.0), (charging, -self._most_kwh[0]))
        programme.rows(-np.inf, 0.0, (discharge, 1.0), (discharging, -self._most_kwh[1]))
        programme.rows(-np.inf, 1.0, (charging, 1.0), (discharging, 1.0))
        return charging, discharging

    def _runs_end(
        self, programme: Programme, running: tuple[Columns, Columns], binaries: bool
    ) -> None:
        for direction, columns in enumerate(running):
            longest = self._runs[direction]
            if longest is None:
                continue
            unit = 1.0 if binaries else self._most_kwh[direction]
            before = self._run_before(direction)
            if longest < self._slots:
                ends = columns[longest:]
                count = ends.size
                window = [(columns[k : k + count], 1.0) for k in range(longest + 1)]
                programme.rows(-np.inf, longest * unit, *window)
            room = max(longest - before, 0)
            if before and room < self._slots:
                # The run before the horizon and the first slots of it are one window.
                first = [(columns[k : k + 1], 1.0) for k in range(room + 1)]
                programme.rows(-np.inf, room * unit, *first)

    def _run_before(self, direction: int) -> int:
        """Slots for which the station already ran this way where the horizon begins."""
        state = self._model.site.state
        power_w = state.power_w or 0.0
        this_way = power_w > 0.0 if direction == 0 else power_w < 0.0
        return round(state.run_hours / self._hours) if this_way else 0

    def keeps_rules(self, values: FloatArray) -> bool:
        """Whether a relaxed optimum neither runs too long nor does both in one slot."""
        charge, discharge = values[: self._slots], values[self._slots : 2 * self._slots]
        if (np.minimum(charge, discharge) > _NOTHING_KWH).any():
            return False
        for direction, moved in enumerate((charge, discharge)):
            longest = self._runs[direction]
            if longest is None:
                continue
            run = self._run_before(direction)
            for active in moved > _NOTHING_KWH:
                run = run + 1 if active else 0
                if run > longest:
                    return False
        return True

    def schedule(self, solution: Solution) -> Schedule:
        slots = self._slots
        charge, discharge, stored = np.split(solution.values[: 3 * slots], 3)
        net = charge - discharge
        # What is left of the smaller one is the solver's tolerance.
        charge, discharge = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        reserve = self._model.site.reserve_wh
        stored_wh = stored * WH_PER_KWH
        lacking = np.zeros(slots) if reserve is None else np.maximum(reserve - stored_wh, 0.0)
        draw_w = self._samples.load_w + net * WH_PER_KWH / self._hours
        return Schedule(
            charge_wh=charge * WH_PER_KWH,
            discharge_wh=discharge * WH_PER_KWH,
            stored_wh=stored_wh,
            lacking_wh=lacking,
            peak_w=float(np.maximum(draw_w.max(axis=1), self._peak_before_w).mean()),
            valley_w=float(draw_w.min(axis=1).mean()),
            cost=solution.objective,
            bound=solution.bound,
        )


def _mean_row(programme: Programme, columns: Columns, lower: float, upper: float) -> None:
    share = 1.0 / columns.size
    programme.rows(lower, upper, *((columns[k : k + 1], share) for k in range(columns.size)))
