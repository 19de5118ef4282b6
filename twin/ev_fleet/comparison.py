"""One table: what the strategies save, serve and load, on the same stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.day_match import DayMatch, match_days, matched_slot_prices
from twin.ev_fleet.calibration import pile_powers, session_fleet
from twin.ev_fleet.departure import DepartureForecaster, PlugIn, declared_survival
from twin.ev_fleet.foresight import perfect_foresight
from twin.ev_fleet.minimum_expense import DepartureOutlook, run_minimum_expense
from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import deliver, uncontrolled
from twin.ev_fleet.plan import FleetOutcome, energy_served_wh, outcome_cost
from twin.ev_fleet.published import PublishedFleet
from twin.ev_fleet.service_level import DEFAULT_TARGET, LEAST_LEVEL_PER_KWH, learnt_values
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.session_day import OUTLOOK_EDGES, forecast_outlook
from twin.ev_fleet.windows import TimeWindow, plan_windows
from twin.horizon import Horizon
from twin.prices import PriceSeries

_WH_PER_KWH = 1000.0
_TRUSTED_DECLARATION = 20.0


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """What one strategy came to.

    ``cost`` is paid for energy and wear. ``cost_of_missing`` charges needed energy that was not
    served at the mean price uncontrolled charging of that stay paid, so that not serving is no
    saving. ``saving`` is uncontrolled cost less both; ``saving_share`` relates it to uncontrolled
    cost, ``of_foresight`` to the saving of perfect foresight. ``energy_served`` is a share of
    the need. ``peak_w`` is the highest feeder load, ``mean_daily_peak_w`` the mean over the
    days on which uncontrolled charging has any.
    """

    name: str
    cost: float
    cost_of_missing: float
    saving: float
    saving_share: float
    of_foresight: float
    energy_served: float
    peak_w: float
    mean_daily_peak_w: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """``rows`` in the order uncontrolled, strategies, perfect foresight."""

    rows: tuple[StrategyRow, ...]
    stays: int
    need_wh: float
    matches: tuple[DayMatch, ...] = ()

    def row(self, name: str) -> StrategyRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no strategy {name!r}; there are {', '.join(r.name for r in self.rows)}")

    def text(self) -> str:
        """The table for a terminal."""
        lines = [
            f"{'strategy':<20} {'cost':>10} {'saving':>9} {'of foresight':>12} "
            f"{'served':>8} {'peak kW':>9} {'daily kW':>9}"
        ]
        lines += [
            f"{row.name:<20} {row.cost + row.cost_of_missing:>10.2f} "
            f"{row.saving_share:>9.2%} {row.of_foresight:>12.1%} {row.energy_served:>8.2%} "
            f"{row.peak_w / 1000:>9.1f} {row.mean_daily_peak_w / 1000:>9.1f}"
            for row in self.rows
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Total:
    cost: float
    cost_of_missing: float
    served_wh: float
    feeder_w: FloatArray


def tabulate(
    totals: Mapping[str, _Total], need_wh: float, stays: int, horizon: Horizon
) -> Comparison:
    """Rows from totals; the first is the baseline, the last perfect foresight."""
    names = list(totals)
    net = {name: total.cost + total.cost_of_missing for name, total in totals.items()}
    baseline = net[names[0]]
    best = baseline - net[names[-1]]
    per_day = max(round(86_400 / horizon.slot_seconds), 1)
    rows = []
    for name, total in totals.items():
        saving = baseline - net[name]
        peaks = [
            float(total.feeder_w[start : start + per_day].max())
            for start in range(0, total.feeder_w.size, per_day)
            if totals[names[0]].feeder_w[start : start + per_day].any()
        ]
        rows.append(
            StrategyRow(
                name=name,
                cost=total.cost,
                cost_of_missing=total.cost_of_missing,
                saving=saving,
                saving_share=saving / baseline if baseline else 0.0,
                of_foresight=saving / best if best > 1e-12 else 0.0,
                energy_served=total.served_wh / need_wh if need_wh else 1.0,
                peak_w=float(total.feeder_w.max()),
                mean_daily_peak_w=float(np.mean(peaks)) if peaks else 0.0,
            )
        )
    return Comparison(tuple(rows), stays, need_wh)


def total_of(
    outcome: FleetOutcome,
    baseline: FleetOutcome,
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    signal: PriceSignal,
) -> _Total:
    """Sums of one outcome, missing energy priced as :class:`StrategyRow` says."""
    served = energy_served_wh(outcome, stays)
    missing_kwh = (stays.need_wh - served) / vehicles.charge_efficiency / _WH_PER_KWH
    drawn_kwh = baseline.charge_wh.sum(axis=1) / _WH_PER_KWH
    paid = baseline.charge_wh @ signal.price_per_kwh / _WH_PER_KWH
    mean_price = np.where(drawn_kwh > 1e-9, paid / np.maximum(drawn_kwh, 1e-9), 0.0)
    return _Total(
        cost=float(outcome_cost(outcome, vehicles, signal).sum()),
        cost_of_missing=float((missing_kwh * mean_price).sum()),
        served_wh=float(served.sum()),
        feeder_w=outcome.feeder_w(horizon, signal.base_load_w),
    )


def compare_on_sessions(
    sessions: Sequence[ChargingSession],
    prices: PriceSeries,
    *,
    pile_power_w: Mapping[str, float] | None = None,
    service_target: float = DEFAULT_TARGET,
    since: date | None = None,
) -> Comparison:
    """Uncontrolled, planning to the declared departure, planning to the forecast, foresight.

    Need is the energy delivered as far as the pile could deliver it. Departures are forecast, and
    the value of missing energy learnt, from sessions that had ended at each plug-in. Prices are
    taken from the same date or, in other years, from the matching day. Piles are rated from the
    sessions unless ``pile_power_w`` names them. With ``since`` only sessions that begin on that
    local day or later are lived through; those before are learnt from.
    """
    if not sessions:
        raise ValueError("no sessions to compare strategies on")
    ordered = sorted(sessions, key=lambda session: (session.connected, session.session_id))
    power = pile_power_w or pile_powers(ordered)
    zone_name = ordered[0].time_zone
    zone = ZoneInfo(zone_name)
    first = ordered[0].connected.astimezone(zone).date()
    last = max(session.disconnected for session in ordered).astimezone(zone).date()
    horizon = Horizon.between(first, last + timedelta(days=2), zone_name)
    days = [first + timedelta(days=day) for day in range((last - first).days + 3)]
    matches = match_days(days, prices.local_days())
    price = matched_slot_prices(horizon, zone_name, prices, matches)

    fleet = session_fleet(ordered, horizon, power, 1.0)
    forecast = forecast_outlook(fleet, horizon, power)
    told = _declared_outlook(fleet.stays, horizon)
    learnt = learnt_values(fleet.vehicles, fleet.stays, horizon, price, forecast, service_target)
    vehicles = replace(fleet.vehicles, value_of_energy_per_kwh=learnt)
    trusting = replace(
        fleet.vehicles,
        value_of_energy_per_kwh=np.full(
            vehicles.count,
            _TRUSTED_DECLARATION * max(float(np.abs(price).mean()), LEAST_LEVEL_PER_KWH),
        ),
    )
    lived = np.flatnonzero(
        [since is None or s.connected.astimezone(zone).date() >= since for s in fleet.sessions]
    )
    if lived.size == 0:
        raise ValueError(f"no session begins on {since} or later")
    totals = _live_through(
        horizon,
        PriceSignal(price, np.zeros(horizon.slots)),
        fleet.stays,
        {"declared departure": (trusting, told), "forecast departure": (vehicles, forecast)},
        lived,
    )
    need = float(fleet.stays.need_wh[lived].sum())
    first_day = 0 if since is None else max((since - first).days, 0)
    return replace(tabulate(totals, need, lived.size, horizon), matches=matches[first_day:])


def compare_on_published(
    fleet: PublishedFleet, day: int = 0, off_peak_slots: int = 32
) -> Comparison:
    """The published fleet's day: both strategies between uncontrolled and foresight.

    Departures are forecast from the sessions of the four weeks before. Strategy 2 uses the cheapest
    eight hours (``off_peak_slots``) and the dearest four, its places chosen to flatten the feeder.
    """
    stays = fleet.day(day).stays(0)
    vehicles, horizon, signal = fleet.vehicles, fleet.horizon, fleet.signal
    baseline = uncontrolled(vehicles, stays, horizon)
    windows = plan_windows(
        vehicles,
        stays,
        horizon,
        signal,
        TimeWindow.cheapest(signal.price_per_kwh, off_peak_slots),
        TimeWindow.dearest(signal.price_per_kwh, off_peak_slots // 2),
    )
    outcomes = {
        "uncontrolled": baseline,
        "minimum expense": run_minimum_expense(
            vehicles, stays, horizon, signal, published_outlook(fleet, stays)
        ),
        "cost and comfort": deliver(vehicles, stays, horizon, windows),
        "perfect foresight": perfect_foresight(vehicles, stays, horizon, signal),
    }
    totals = {
        name: total_of(outcome, baseline, vehicles, stays, horizon, signal)
        for name, outcome in outcomes.items()
    }
    return tabulate(totals, float(stays.need_wh.sum()), stays.count, horizon)


def published_outlook(fleet: PublishedFleet, stays: Stays, days: int = 28) -> DepartureOutlook:
    """Departures forecast at plug-in from ``days`` days of the fleet's history."""
    vehicles, horizon = fleet.vehicles, fleet.horizon
    piles = {f"pile-{place}": float(power) for place, power in enumerate(vehicles.charge_power_w)}
    forecaster = DepartureForecaster.fit(fleet.history(days), piles)
    charging_s = 3600.0 * stays.need_wh / (vehicles.charge_power_w * vehicles.charge_efficiency)
    rows = []
    for place, arrival in enumerate(stays.arrival_s):
        plug_in = PlugIn(
            connected=horizon.start + timedelta(seconds=float(arrival)),
            time_zone="UTC",
            user_id=vehicles.owner_ids[place],
            pile_power_w=float(vehicles.charge_power_w[place]),
            charging_seconds=float(charging_s[place]),
            declared_stay_s=float(stays.declared_departure_s[place] - arrival),
        )
        edges = DepartureOutlook.edges_after_arrival(float(arrival), horizon, horizon.slots)
        rows.append(forecaster.survival(plug_in, edges))
    return DepartureOutlook(np.stack(rows))


def _declared_outlook(stays: Stays, horizon: Horizon) -> DepartureOutlook:
    rows = [
        declared_survival(
            np.array([declared - arrival]),
            DepartureOutlook.edges_after_arrival(float(arrival), horizon, OUTLOOK_EDGES),
        )[0]
        for declared, arrival in zip(stays.declared_departure_s, stays.arrival_s, strict=True)
    ]
    return DepartureOutlook(np.stack(rows))


def _live_through(
    horizon: Horizon,
    signal: PriceSignal,
    stays: Stays,
    strategies: Mapping[str, tuple[Vehicles, DepartureOutlook]],
    lived: NDArray[np.intp],
) -> dict[str, _Total]:
    """Totals by strategy for the stays ``lived``, stretch by stretch between empty piles."""
    vehicles = next(iter(strategies.values()))[0]
    stretches = [
        _Stretch.cut(horizon, signal, stays, window, index)
        for window, index in occupied_stretches(stays, horizon, lived)
    ]
    baselines = [
        uncontrolled(vehicles.take(part.index), part.stays, part.horizon) for part in stretches
    ]
    peaks = [
        float(outcome.feeder_w(part.horizon, part.signal.base_load_w).max())
        for part, outcome in zip(stretches, baselines, strict=True)
    ]
    highest = max(peaks)
    names = ["uncontrolled", *strategies, "perfect foresight"]
    parts: dict[str, list[_Total]] = {name: [] for name in names}
    for place, (part, baseline) in enumerate(zip(stretches, baselines, strict=True)):
        here = vehicles.take(part.index)
        before = max(peaks[:place], default=0.0)
        outcomes = {"uncontrolled": baseline}
        for name, (valued, outlook) in strategies.items():
            outcomes[name] = run_minimum_expense(
                valued.take(part.index),
                part.stays,
                part.horizon,
                part.signal,
                DepartureOutlook(outlook.survival[part.index]),
                before,
            )
        outcomes["perfect foresight"] = perfect_foresight(
            here, part.stays, part.horizon, part.signal, highest
        )
        for name, outcome in outcomes.items():
            parts[name].append(
                total_of(outcome, baseline, here, part.stays, part.horizon, part.signal)
            )
    return {name: _sum(parts[name], stretches, signal) for name in names}


@dataclass(frozen=True, slots=True)
class _Stretch:
    """``window`` is when somebody is plugged in. The horizon reaches a day beyond, so that where
    it ends tells no strategy when the last vehicle will leave.
    """

    window: slice
    index: NDArray[np.intp]
    horizon: Horizon
    signal: PriceSignal
    stays: Stays

    @classmethod
    def cut(
        cls,
        horizon: Horizon,
        signal: PriceSignal,
        stays: Stays,
        window: slice,
        index: NDArray[np.intp],
    ) -> _Stretch:
        shift = float(window.start * horizon.slot_seconds)
        stop = min(window.stop + OUTLOOK_EDGES, horizon.slots)
        seen = slice(window.start, stop)
        return cls(
            window,
            index,
            Horizon(horizon.slot_start(window.start), horizon.slot_seconds, stop - window.start),
            PriceSignal(
                signal.price_per_kwh[seen], signal.base_load_w[seen], signal.feeder_limit_w
            ),
            Stays(
                stays.arrival_s[index] - shift,
                stays.departure_s[index] - shift,
                stays.declared_departure_s[index] - shift,
                stays.initial_energy_wh[index],
                stays.need_wh[index],
            ),
        )


def occupied_stretches(
    stays: Stays, horizon: Horizon, among: NDArray[np.intp]
) -> list[tuple[slice, NDArray[np.intp]]]:
    """Runs of slots between which no vehicle of ``among`` is plugged in, and who is there."""
    first = np.floor(stays.arrival_s / horizon.slot_seconds).astype(int)
    after = np.ceil(stays.departure_s / horizon.slot_seconds).astype(int)
    order = among[np.argsort(first[among], kind="stable")]
    runs: list[tuple[slice, NDArray[np.intp]]] = []
    start = 0
    while start < order.size:
        stop, reach = start, int(after[order[start]])
        while stop < order.size and (stop == start or int(first[order[stop]]) < reach):
            reach = max(reach, int(after[order[stop]]))
            stop += 1
        members = order[start:stop]
        begin = int(first[members[0]])
        runs.append((slice(begin, min(max(reach, begin + 1), horizon.slots)), members))
        start = stop
    return runs


def _sum(parts: list[_Total], stretches: list[_Stretch], signal: PriceSignal) -> _Total:
    feeder = signal.base_load_w.astype(float).copy()
    for part, stretch in zip(parts, stretches, strict=True):
        length = stretch.window.stop - stretch.window.start
        feeder[stretch.window] = part.feeder_w[:length]
    return _Total(
        cost=sum(part.cost for part in parts),
        cost_of_missing=sum(part.cost_of_missing for part in parts),
        served_wh=sum(part.served_wh for part in parts),
        feeder_w=feeder,
    )
