"""From past sessions to a fleet: pile powers, needs, and habits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twin.ev_fleet.model import Stays, Vehicles
from twin.ev_fleet.session import ChargingSession
from twin.horizon import Horizon

_RATING_QUANTILE = 0.98
_SHORTEST_SECONDS = 900.0
_LOWEST_RATING_W = 3_000.0
_FAST_W = 25_000.0
_WH_SECONDS = 3_600.0


def pile_powers(sessions: Iterable[ChargingSession]) -> dict[str, float]:
    """Power of every station in W, from the highest mean powers its sessions show.

    The 98 % quantile of the mean power of sessions of at least 15 minutes; stations below
    25 kW that were used little are lifted to the median of their kind on the site, for a pile that
    nobody has yet drawn from fully is still as strong as its neighbours.
    """
    power: dict[str, list[float]] = defaultdict(list)
    site: dict[str, str] = {}
    for session in sessions:
        site[session.station_id] = session.site_id
        seconds = max(session.stay_seconds, _SHORTEST_SECONDS)
        power[session.station_id].append(session.energy_wh * _WH_SECONDS / seconds)
    rated = {
        station: max(float(np.quantile(values, _RATING_QUANTILE)), _LOWEST_RATING_W)
        for station, values in power.items()
    }
    kind: dict[str, list[float]] = defaultdict(list)
    for station, watts in rated.items():
        if watts < _FAST_W:
            kind[site[station]].append(watts)
    usual = {name: float(np.median(values)) for name, values in kind.items()}
    return {
        station: max(watts, usual[site[station]]) if watts < _FAST_W else watts
        for station, watts in rated.items()
    }


@dataclass(frozen=True, slots=True)
class SessionFleet:
    """Sessions as a fleet: one row of ``vehicles`` and ``stays`` per session, in their order.

    Only charging is assumed: the sessions say nothing of battery size, so the battery is as big
    as the need. ``need_wh`` is what was delivered as far as the pile can deliver it in the stay.
    """

    sessions: tuple[ChargingSession, ...]
    vehicles: Vehicles
    stays: Stays


def session_fleet(
    sessions: Sequence[ChargingSession],
    horizon: Horizon,
    pile_power_w: Mapping[str, float],
    value_of_energy_per_kwh: float,
    charge_efficiency: float = 0.93,
) -> SessionFleet:
    """Place sessions on a horizon; those that lie wholly outside it are left out.

    A session that reaches over an edge of the horizon counts with the part inside it and with
    the share of its energy that full power from plug-in would have drawn there.
    """
    length = float(horizon.duration_seconds)
    kept, arrival, departure, declared, need, power = [], [], [], [], [], []
    for session in sessions:
        start = horizon.seconds_since_start(session.connected)
        end = horizon.seconds_since_start(session.disconnected)
        if end <= 0.0 or start >= length:
            continue
        watts = pile_power_w[session.station_id]
        before_wh = watts * max(-start, 0.0) / _WH_SECONDS
        grid_wh = max(session.energy_wh - before_wh, 0.0)
        inside = (max(start, 0.0), min(end, length))
        grid_wh = min(grid_wh, watts * (inside[1] - inside[0]) / _WH_SECONDS)
        said = session.declared_departure
        kept.append(session)
        arrival.append(inside[0])
        departure.append(inside[1])
        declared.append(np.nan if said is None else horizon.seconds_since_start(said))
        need.append(charge_efficiency * grid_wh)
        power.append(watts)
    count = len(kept)
    need_wh = np.array(need, dtype=float)
    vehicles = Vehicles(
        owner_ids=tuple(session.user_id or session.session_id for session in kept),
        battery_capacity_wh=need_wh.copy(),
        reserve_wh=np.zeros(count),
        charge_power_w=np.array(power, dtype=float),
        discharge_power_w=np.zeros(count),
        charge_efficiency=np.full(count, charge_efficiency),
        discharge_efficiency=np.ones(count),
        degradation_cost_per_kwh=np.zeros(count),
        value_of_energy_per_kwh=np.full(count, value_of_energy_per_kwh),
    )
    stays = Stays(
        arrival_s=np.array(arrival, dtype=float),
        departure_s=np.array(departure, dtype=float),
        declared_departure_s=np.array(declared, dtype=float),
        initial_energy_wh=np.zeros(count),
        need_wh=need_wh,
    )
    return SessionFleet(tuple(kept), vehicles, stays)
