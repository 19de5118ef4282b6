"""Distributions of arrivals, stays and energy, fitted to past sessions.

Two views of the same sessions: a site's demand (how many come when, how long they stay, what they
need), from which days and siting studies are drawn, and a driver's habits, from which a fleet that
is known by name is sampled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from twin.ev_fleet.habits import Habits
from twin.ev_fleet.model import FloatArray
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.siting import CandidateSite
from twin.horizon import Horizon

_DAY = 86_400.0
_HOUR = 3_600.0
_PRIOR_DAYS = 3.0
_LEAST_SCATTER_S = 300.0
_NEED_SHAPE = 4.0


class TooFewSessionsError(ValueError):
    """There is nothing to fit a distribution to."""


@dataclass(frozen=True, slots=True)
class SessionDemand:
    """Demand of a site. Kind of day 0 is a working day, 1 a Saturday or Sunday.

    ``arrivals_per_hour`` (kind, hour of the local clock) are Poisson rates. Stay (s) and energy
    (Wh at the grid) are log-normal given the hour: ``log_stay_mean`` and ``log_energy_mean`` are
    shaped (hour,), ``log_stay_sd`` and ``log_energy_sd`` scalars, ``correlation`` that of the two
    logarithms.
    """

    arrivals_per_hour: FloatArray
    log_stay_mean: FloatArray
    log_stay_sd: float
    log_energy_mean: FloatArray
    log_energy_sd: float
    correlation: float

    @classmethod
    def fit(cls, sessions: Sequence[ChargingSession]) -> SessionDemand:
        """Fit to sessions of one site, on the clock of its time zone.

        Days without any session between the first and the last count as empty days. Means by hour
        lean on the mean of all hours where an hour has few sessions. Raises TooFewSessionsError
        below two sessions with energy.
        """
        used = [session for session in sessions if session.energy_wh > 0.0]
        if len(used) < 2:
            raise TooFewSessionsError(f"{len(used)} sessions with energy: at least two are needed")
        zone = ZoneInfo(used[0].time_zone)
        local = [session.connected.astimezone(zone) for session in used]
        days = [moment.date() for moment in local]
        first, last = min(days), max(days)
        span = [first + timedelta(days=day) for day in range((last - first).days + 1)]
        kinds = np.bincount([int(day.weekday() >= 5) for day in span], minlength=2)
        hour = np.array([moment.hour for moment in local])
        kind = np.array([int(day.weekday() >= 5) for day in days])
        counts = np.zeros((2, 24))
        np.add.at(counts, (kind, hour), 1.0)
        log_stay = np.log(np.array([max(session.stay_seconds, 60.0) for session in used]))
        log_energy = np.log(np.array([session.energy_wh for session in used]))
        stay_mean, stay_rest = _by_hour(log_stay, hour)
        energy_mean, energy_rest = _by_hour(log_energy, hour)
        stay_sd, energy_sd = float(stay_rest.std()), float(energy_rest.std())
        together = float((stay_rest * energy_rest).mean() - stay_rest.mean() * energy_rest.mean())
        both = stay_sd * energy_sd
        return cls(
            arrivals_per_hour=counts / np.maximum(kinds, 1)[:, None],
            log_stay_mean=stay_mean,
            log_stay_sd=stay_sd,
            log_energy_mean=energy_mean,
            log_energy_sd=energy_sd,
            correlation=float(np.clip(together / both, -0.99, 0.99)) if both > 0.0 else 0.0,
        )

    def draw_day(
        self, rng: np.random.Generator, weekend: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """One day: arrivals (s after local midnight, ascending), stays (s), energies (Wh)."""
        per_hour = rng.poisson(self.arrivals_per_hour[int(weekend)])
        hour = np.repeat(np.arange(24), per_hour)
        arrival = (hour + rng.random(hour.size)) * _HOUR
        one, other = rng.standard_normal((2, hour.size))
        other = self.correlation * one + np.sqrt(1.0 - self.correlation**2) * other
        stay = np.exp(self.log_stay_mean[hour] + self.log_stay_sd * one)
        energy = np.exp(self.log_energy_mean[hour] + self.log_energy_sd * other)
        order = np.argsort(arrival, kind="stable")
        return arrival[order], stay[order], energy[order]

    def candidate_site(
        self,
        name: str,
        *,
        scale: float = 1.0,
        patience_s: float = 600.0,
        ground_cost_per_day: float = 0.0,
        grid_capacity_w: float = float("inf"),
    ) -> CandidateSite:
        """A place with this demand (times ``scale``) on its working days, for siting studies."""
        rate = self.arrivals_per_hour[0]
        weight = rate / rate.sum() if rate.sum() else np.full(24, 1.0 / 24.0)
        energy = np.exp(self.log_energy_mean + 0.5 * self.log_energy_sd**2)
        return CandidateSite(
            name=name,
            arrivals_per_hour=scale * rate,
            stay_median_s=float(np.exp(weight @ self.log_stay_mean)),
            stay_log_sd=self.log_stay_sd,
            need_mean_wh=float(weight @ energy),
            patience_s=patience_s,
            ground_cost_per_day=ground_cost_per_day,
            grid_capacity_w=grid_capacity_w,
        )


def _by_hour(values: FloatArray, hour: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Mean by hour, leaning on the mean of all as if three sessions had shown it; the rests."""
    total = np.bincount(hour, values, 24) + _PRIOR_DAYS * float(values.mean())
    mean = total / (np.bincount(hour, minlength=24) + _PRIOR_DAYS)
    return mean, values - mean[hour]


def habits_from_sessions(
    sessions: Sequence[ChargingSession],
    owner_ids: Sequence[str],
    horizon: Horizon,
    charge_efficiency: FloatArray,
) -> Habits:
    """Habits of the drivers in ``owner_ids`` on the clock of ``horizon``, arrays (vehicle,).

    Each driver's means and scatters lean on those of all sessions as if three days of them had been
    seen, so a stranger gets everybody's habits. Times of day are averaged around the horizon's
    start: an arrival counts as the first after it. Raises TooFewSessionsError without sessions.
    """
    if not sessions:
        raise TooFewSessionsError("no sessions to learn habits from")
    own: Mapping[str, list[FloatArray]] = defaultdict(list)
    rows = []
    for session in sessions:
        row = _clock_row(session, horizon)
        rows.append(row)
        if session.user_id is not None:
            own[session.user_id].append(row)
    everybody = np.stack(rows)
    mean = _means(everybody)
    scatter = _variances(everybody, mean)
    usual = np.tile(mean, (len(owner_ids), 1))
    spread = np.tile(scatter, (len(owner_ids), 1))
    seen = np.zeros(len(owner_ids))
    for place, owner in enumerate(owner_ids):
        if owner not in own:
            continue
        theirs = np.stack(own[owner])
        seen[place] = theirs.shape[0]
        trust = seen[place] / (seen[place] + _PRIOR_DAYS)
        usual[place] = trust * _means(theirs) + (1.0 - trust) * mean
        spread[place] = trust * _variances(theirs, usual[place]) + (1.0 - trust) * scatter
    deviation = np.maximum(np.sqrt(spread), _LEAST_SCATTER_S)
    return Habits(
        arrival_s=usual[:, 0],
        departure_s=np.maximum(usual[:, 0] + usual[:, 1], usual[:, 0] + _HOUR),
        need_wh=usual[:, 2] * charge_efficiency,
        arrival_scatter_s=deviation[:, 0],
        declaration_scatter_s=deviation[:, 1],
        departure_scatter_s=deviation[:, 3],
        days_seen=seen,
    )


def _clock_row(session: ChargingSession, horizon: Horizon) -> FloatArray:
    """Arrival after the horizon's start of day, stay, energy, error of the declared departure.

    Local clocks are compared, so that a change of the clock moves nobody's habits.
    """
    zone = ZoneInfo(session.time_zone)
    local, start = session.connected.astimezone(zone), horizon.start.astimezone(zone)
    seconds = (local.hour - start.hour) * _HOUR + (local.minute - start.minute) * 60.0
    seconds += local.second - start.second
    declared = session.declared_stay_seconds
    error = np.nan if declared is None else session.stay_seconds - declared
    return np.array([seconds % _DAY, session.stay_seconds, session.energy_wh, error])


def _means(rows: FloatArray) -> FloatArray:
    """Column means; the error of declarations is a scatter around none, so its mean is 0."""
    means: FloatArray = rows[:, :4].mean(axis=0)
    means[3] = 0.0
    return means


def _variances(rows: FloatArray, mean: FloatArray) -> FloatArray:
    """Column variances around ``mean``; where nobody declared, that of the stays stands in."""
    squared = (rows - mean) ** 2
    told = ~np.isnan(rows[:, 3])
    variances: FloatArray = squared.mean(axis=0)
    variances[3] = squared[told, 3].mean() if told.any() else variances[1]
    return variances
