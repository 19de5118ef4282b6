"""One day of real sessions as a fleet: what can be known before it, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from twin.day_match import DayMatch, DayMatchError, match_days, matched_slot_prices
from twin.ev_fleet.calibration import SessionFleet, pile_powers, session_fleet
from twin.ev_fleet.departure import DepartureForecaster, PlugIn
from twin.ev_fleet.habits import Habits
from twin.ev_fleet.minimum_expense import DepartureOutlook, plan_ahead, run_minimum_expense
from twin.ev_fleet.model import FloatArray, PriceSignal
from twin.ev_fleet.plan import FleetOutcome, FleetPlan
from twin.ev_fleet.service_level import DEFAULT_TARGET, learnt_values
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.twin import FleetModel, fleet_plan
from twin.horizon import Horizon
from twin.prices import PriceSeries

OUTLOOK_EDGES = 97
_LEARNING_DAYS = 120
_USUAL_SCATTER_S = 1_800.0


class EmptyDayError(LookupError):
    """No vehicle was plugged in on the day asked for."""


@dataclass(frozen=True, slots=True)
class SessionDay:
    """A day ready to be planned and lived.

    ``fleet`` holds the real stays; ``outlook`` the departures as forecast at plug-in from
    sessions that had ended; ``matches`` tell which price day stands for the day and the next.
    Values of missing energy in ``fleet.vehicles`` are learnt from the past.
    """

    day: date
    time_zone: str
    horizon: Horizon
    fleet: SessionFleet
    signal: PriceSignal
    outlook: DepartureOutlook
    matches: tuple[DayMatch, ...]

    def model(self) -> FleetModel:
        """A fleet model whose habits are this day's stays, to be corrected by the days to come."""
        stays = self.fleet.stays
        scatter = np.full(stays.count, _USUAL_SCATTER_S)
        declared = stays.declared_departure_s
        habits = Habits(
            arrival_s=stays.arrival_s,
            departure_s=np.where(np.isnan(declared), stays.departure_s, declared),
            need_wh=stays.need_wh,
            arrival_scatter_s=scatter,
            declaration_scatter_s=scatter,
            departure_scatter_s=scatter,
            days_seen=np.ones(stays.count),
        )
        return FleetModel(self.horizon, self.fleet.vehicles, habits)

    def plan(self) -> FleetPlan:
        """Strategy 1 before the day: arrivals and needs announced, departures forecast."""
        vehicles, stays = self.fleet.vehicles, self.fleet.stays
        energy = plan_ahead(vehicles, stays, self.horizon, self.signal, self.outlook)
        open_end = replace(
            stays,
            departure_s=np.maximum(stays.departure_s, float(self.horizon.duration_seconds)),
        )
        return fleet_plan(self.model(), open_end, self.signal, energy)

    def live(self) -> FleetOutcome:
        """Strategy 1 through the day as it happened, stays becoming known one by one."""
        return run_minimum_expense(
            self.fleet.vehicles, self.fleet.stays, self.horizon, self.signal, self.outlook
        )


def session_day(
    sessions: Sequence[ChargingSession],
    prices: PriceSeries,
    day: date,
    *,
    pile_power_w: Mapping[str, float] | None = None,
    service_target: float = DEFAULT_TARGET,
    slots: int = 96,
) -> SessionDay:
    """The day that begins at local midnight of ``day``, ``slots`` quarter-hours long.

    Departures and values of energy are learnt from sessions of the 120 days before. Raises
    EmptyDayError if nobody was plugged in, DayMatchError or PriceGapError without prices.
    """
    if not sessions:
        raise EmptyDayError("there are no sessions")
    zone_name = sessions[0].time_zone
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone_name)).astimezone(UTC)
    horizon = Horizon(midnight, 900, slots)
    power = pile_power_w or pile_powers(sessions)
    begin = midnight - timedelta(days=_LEARNING_DAYS)
    ordered = sorted(sessions, key=lambda session: (session.connected, session.session_id))
    known = [s for s in ordered if begin <= s.connected < horizon.end]
    today = [s for s in known if s.disconnected > midnight]
    if not today:
        raise EmptyDayError(f"no vehicle was plugged in on {day} ({zone_name})")

    matches = _matches_around(day, prices)
    long = Horizon(begin, 900, (_LEARNING_DAYS + 2) * 96)
    price = matched_slot_prices(long, zone_name, prices, matches)
    before = session_fleet(known, long, power, 1.0)
    outlook = forecast_outlook(before, long, power)
    values = learnt_values(before.vehicles, before.stays, long, price, outlook, service_target)
    value_of = dict(zip((s.session_id for s in before.sessions), values, strict=True))

    fleet = session_fleet(today, horizon, power, 1.0)
    valued = np.array([value_of[session.session_id] for session in fleet.sessions])
    return SessionDay(
        day=day,
        time_zone=zone_name,
        horizon=horizon,
        fleet=replace(fleet, vehicles=replace(fleet.vehicles, value_of_energy_per_kwh=valued)),
        signal=PriceSignal(
            matched_slot_prices(horizon, zone_name, prices, matches), np.zeros(slots)
        ),
        outlook=_outlook(fleet, fleet.sessions, known, horizon, power),
        matches=tuple(m for m in matches if day <= m.session_day <= day + timedelta(days=1)),
    )


def _matches_around(day: date, prices: PriceSeries) -> tuple[DayMatch, ...]:
    """Matches of the day, of the days learnt from and of the next two.

    The day itself must have one; where another day's season has no prices, its own stand in.
    """
    available = prices.local_days()
    (own,) = match_days([day], available)
    matches: list[DayMatch] = []
    for offset in range(-_LEARNING_DAYS - 1, 3):
        other = day + timedelta(days=offset)
        try:
            matches += match_days([other], available)
        except DayMatchError:
            reason = f"no prices in that season, so the day of {day} stands in"
            matches.append(DayMatch(other, own.price_day, reason))
    return tuple(matches)


def forecast_outlook(
    fleet: SessionFleet, horizon: Horizon, pile_power_w: Mapping[str, float]
) -> DepartureOutlook:
    """Every session's departure forecast from those that had ended when it began."""
    return _outlook(fleet, fleet.sessions, fleet.sessions, horizon, pile_power_w)


def _outlook(
    fleet: SessionFleet,
    asked: Sequence[ChargingSession],
    past: Sequence[ChargingSession],
    horizon: Horizon,
    pile_power_w: Mapping[str, float],
) -> DepartureOutlook:
    """Forecasts on the edges after arrival on the horizon, given the stay had lasted until then."""
    forecaster = DepartureForecaster.fit(past, pile_power_w)
    rows: list[FloatArray] = []
    for session, arrival in zip(asked, fleet.stays.arrival_s, strict=True):
        already = float(arrival) - horizon.seconds_since_start(session.connected)
        edges = DepartureOutlook.edges_after_arrival(float(arrival), horizon, OUTLOOK_EDGES)
        plug_in = PlugIn.of(session, pile_power_w[session.station_id])
        curve = forecaster.survival(plug_in, np.r_[already, edges + already])
        rows.append(np.minimum(curve[1:] / max(float(curve[0]), 1e-9), 1.0))
    return DepartureOutlook(np.stack(rows))
