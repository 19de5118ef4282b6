"""When will this vehicle leave? A forecast from past sessions alone.

The forecast is a mixture of kernel estimates. Past sessions are weighted by how much they resemble
the present one (same driver, hour of arrival, kind of day, pile power, time the charge takes,
declared stay). Each then speaks in four ways: its stay may recur, its stay as a multiple of its
charging time, its departure's hour on the clock, or its error against the declared departure;
each way in a narrow and in a wide version. How far each of these experts is trusted is learnt by
expectation maximisation from what it said, before the fact, about sessions that have ended since,
the most similar ones counting most. Conditioning on still being plugged in is left to the
user of the survival curve: S(t) / S(now).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from twin.ev_fleet.model import FloatArray
from twin.ev_fleet.session import ChargingSession

_DAY = 86_400.0
_HOUR = 3_600.0
_CELL = 900.0
_NEIGHBOURS = 150
_SAME_DRIVER = 20.0
_OTHER_KIND_OF_DAY = 0.4
_ONE_SIDE_UNKNOWN = 0.4
_HOUR_WIDTH = 1.5
_LOG_WIDTHS = (0.6, 0.5, 0.4)
"""Kernel widths of log charging time, log declared stay and log pile power."""
_MEMORY_DAYS = 180.0
_STAY_WIDTHS = (0.1, 0.35)
_CLOCK_WIDTHS_S = (480.0, 1_800.0)
_DECLARED_WIDTHS_S = (300.0, 1_500.0)
_PRIOR_LOG_STAY = float(np.log(4 * _HOUR))
_PRIOR_WIDTH = 1.2
_EXPERTS = 9
_LOGISTIC = float(np.pi / np.sqrt(3.0))
_PRIOR_COUNT = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5])
_GENERAL_COUNT = 6.0
_LOCAL_ROUNDS = 5
_NEGLIGIBLE_SHARE = 0.01
_ALL = np.ones(_EXPERTS, dtype=bool)
_REFIT_EVERY = 40


@dataclass(frozen=True, slots=True)
class PlugIn:
    """What is known the moment a vehicle is plugged in.

    ``charging_seconds`` is the time the needed energy takes at full power; NaN where unknown.
    ``declared_stay_s`` is NaN where the driver declared nothing.
    """

    connected: datetime
    time_zone: str
    user_id: str | None
    pile_power_w: float
    charging_seconds: float
    declared_stay_s: float

    @classmethod
    def of(cls, session: ChargingSession, pile_power_w: float) -> PlugIn:
        """The part of a past session that was known at its beginning, its need included."""
        declared = session.declared_stay_seconds
        seconds = session.energy_wh * _HOUR / pile_power_w
        return cls(
            connected=session.connected,
            time_zone=session.time_zone,
            user_id=session.user_id,
            pile_power_w=pile_power_w,
            charging_seconds=seconds,
            declared_stay_s=float("nan") if declared is None else declared,
        )


@dataclass(frozen=True, slots=True)
class _Features:
    """Columns of plug-ins, shape (session,)."""

    connected: FloatArray
    clock_s: FloatArray
    weekend: NDArray[np.bool_]
    driver: NDArray[np.int64]
    log_power: FloatArray
    log_charging: FloatArray
    declared_s: FloatArray


@dataclass(frozen=True, slots=True)
class DepartureForecaster:
    """Survival curves of stays. Build with :meth:`fit`; an instance never changes its answers."""

    _past: _Features
    _stay_s: FloatArray
    _ended: FloatArray
    _drivers: Mapping[str, int]
    _masses: FloatArray
    _general: dict[int, FloatArray] = field(default_factory=dict, repr=False)

    @classmethod
    def fit(
        cls, sessions: Iterable[ChargingSession], pile_power_w: Mapping[str, float]
    ) -> DepartureForecaster:
        """Learn from past sessions; ``pile_power_w`` gives each station's power.

        Every session is first forecast from those that had ended when it began, which is what
        the experts' shares are learnt from.
        """
        known = sorted(sessions, key=lambda session: (session.connected, session.session_id))
        plug_ins = [PlugIn.of(session, pile_power_w[session.station_id]) for session in known]
        names = sorted({p.user_id for p in plug_ins if p.user_id is not None})
        drivers = {name: number for number, name in enumerate(names)}
        features = _features(plug_ins, drivers)
        stays = np.array([session.stay_seconds for session in known])
        ended = np.array([session.disconnected.timestamp() for session in known])
        masses = np.zeros((len(known), _EXPERTS))
        forecaster = cls(features, stays, ended, drivers, masses)
        for place, plug_in in enumerate(plug_ins):
            edges = np.array([stays[place] - _CELL / 2, stays[place] + _CELL / 2])
            neighbours = forecaster._neighbours(plug_in, plug_in.connected.timestamp())
            curves = forecaster._curves(plug_in, np.maximum(edges, 0.0), neighbours)
            masses[place] = curves[:, 0] - curves[:, 1]
        return forecaster

    def survival(
        self, plug_in: PlugIn, edges_s: FloatArray, known_before: datetime | None = None
    ) -> FloatArray:
        """Probability of still being plugged in ``edges_s`` seconds after plug-in, same shape.

        Only sessions that ended before ``known_before`` (default: the plug-in) are used.
        """
        before = (known_before or plug_in.connected).timestamp()
        neighbours = self._neighbours(plug_in, before)
        shares = self._shares(neighbours, before)
        shares = np.where(shares < _NEGLIGIBLE_SHARE, 0.0, shares)
        curves = self._curves(plug_in, np.maximum(edges_s, 0.0), neighbours, shares > 0.0)
        survival: FloatArray = shares / shares.sum() @ curves
        return np.minimum.accumulate(np.clip(survival, 0.0, 1.0))

    def _neighbours(self, plug_in: PlugIn, before: float) -> _Neighbours:
        now = _features([plug_in], self._drivers)
        return _Neighbours(now, *_resemblance(self._past, now, self._ended < before, before))

    def _curves(
        self,
        plug_in: PlugIn,
        edges_s: FloatArray,
        neighbours: _Neighbours,
        asked: NDArray[np.bool_] = _ALL,
    ) -> FloatArray:
        """Survival at the edges by each expert, shape (expert, edge); the broad guess for
        experts that are not ``asked``.
        """
        log_edges = np.log(np.maximum(edges_s, 1.0))
        prior = _above((_PRIOR_LOG_STAY - log_edges) / _PRIOR_WIDTH)
        curves = np.tile(prior, (_EXPERTS, 1))
        now, weight, chosen = neighbours.now, neighbours.weight, neighbours.chosen
        if chosen.size == 0:
            return curves
        stay = self._stay_s[chosen]
        log_stay = np.log(np.maximum(stay, 60.0))
        leaves_at = (self._past.clock_s[chosen] + stay - now.clock_s[0]) % _DAY
        leaves_at += _DAY * np.floor(stay / _DAY)
        log_scaled = log_stay + now.log_charging[0] - self._past.log_charging[chosen]
        for first, said in ((0, log_stay), (6, log_scaled)):
            for place, width in enumerate(_STAY_WIDTHS, start=first):
                if asked[place]:
                    curves[place] = _above((said - log_edges[:, None]) / width) @ weight
        for place, width in enumerate(_CLOCK_WIDTHS_S, start=2):
            if asked[place]:
                curves[place] = _positive(leaves_at, edges_s, width) @ weight
        declared = plug_in.declared_stay_s
        error = stay - self._past.declared_s[chosen]
        told = ~np.isnan(error)
        if not np.isnan(declared) and told.any():
            shifted = np.maximum(declared + error[told], 60.0)
            share = weight[told] / weight[told].sum()
            for place, width in enumerate(_DECLARED_WIDTHS_S, start=4):
                if asked[place]:
                    curves[place] = _positive(shifted, edges_s, width) @ share
        return curves

    def _shares(self, neighbours: _Neighbours, before: float) -> FloatArray:
        """How far each expert is trusted here, shape (expert,), sum 1.

        Maximises the neighbours' weighted likelihood, leaning on the shares of all sessions.
        """
        ended = self._ended < before
        stage = int(ended.sum()) // _REFIT_EVERY
        if stage not in self._general:
            in_order = np.sort(self._ended)[: stage * _REFIT_EVERY]
            cut = in_order[-1] if in_order.size else -np.inf
            self._general[stage] = _general_shares(self._masses[self._ended <= cut])
        general = self._general[stage]
        if neighbours.chosen.size == 0:
            return general
        masses = self._masses[neighbours.chosen]
        effective = 1.0 / float((neighbours.weight**2).sum())
        shares = general
        for _ in range(_LOCAL_ROUNDS):
            blame = shares * masses + 1e-12
            blame /= blame.sum(axis=1, keepdims=True)
            counted = _GENERAL_COUNT * general + effective * (neighbours.weight @ blame)
            shares = counted / (_GENERAL_COUNT + effective)
        return shares


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The most similar past sessions: their weights (sum 1) and places."""

    now: _Features
    weight: FloatArray
    chosen: NDArray[np.intp]


def _above(deviations: FloatArray) -> FloatArray:
    """P(a logistic kernel of unit standard deviation lies above minus this many deviations).

    Single precision: this is where the forecaster's time goes.
    """
    above: FloatArray = expit((deviations * _LOGISTIC).astype(np.float32))
    return above


def _positive(leaves_s: FloatArray, edges_s: FloatArray, width_s: float) -> FloatArray:
    """P(stay >= edge) for kernels cut at zero, shape (edge, session)."""
    reach = _above(leaves_s / width_s)
    curve: FloatArray = np.minimum(_above((leaves_s - edges_s[:, None]) / width_s) / reach, 1.0)
    return curve


def _features(plug_ins: list[PlugIn], drivers: Mapping[str, int]) -> _Features:
    zones = {name: ZoneInfo(name) for name in {p.time_zone for p in plug_ins}}
    local = [p.connected.astimezone(zones[p.time_zone]) for p in plug_ins]
    return _Features(
        connected=np.array([p.connected.timestamp() for p in plug_ins]),
        clock_s=np.array([m.hour * 3600.0 + m.minute * 60.0 + m.second for m in local]),
        weekend=np.array([m.weekday() >= 5 for m in local], dtype=bool),
        driver=np.array(
            [drivers.get(p.user_id, -1) if p.user_id else -1 for p in plug_ins], dtype=np.int64
        ),
        log_power=np.log(np.array([max(p.pile_power_w, 1.0) for p in plug_ins])),
        log_charging=np.log(np.array([max(p.charging_seconds, 300.0) for p in plug_ins])),
        declared_s=np.array([p.declared_stay_s for p in plug_ins]),
    )


def _resemblance(
    past: _Features, now: _Features, known: NDArray[np.bool_], before: float
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Weights (sum 1) of the most similar known sessions, and their places."""
    places = np.flatnonzero(known)
    if places.size == 0:
        return np.zeros(0), places
    apart = np.abs(past.clock_s[places] - now.clock_s[0])
    apart = np.minimum(apart, _DAY - apart) / (_HOUR * _HOUR_WIDTH)
    exponent = 0.5 * apart**2
    charging, declared, power = _LOG_WIDTHS
    exponent += _distance(past.log_charging[places], float(now.log_charging[0]), charging)
    exponent += _distance(
        np.log(np.maximum(past.declared_s[places], 300.0)),
        float(np.log(np.maximum(now.declared_s[0], 300.0))),
        declared,
    )
    exponent += _distance(past.log_power[places], float(now.log_power[0]), power)
    exponent += (before - past.connected[places]) / (_DAY * _MEMORY_DAYS)
    exponent -= np.log1p(
        _SAME_DRIVER * ((past.driver[places] == now.driver[0]) & (now.driver[0] >= 0))
    )
    exponent -= np.log(np.where(past.weekend[places] == now.weekend[0], 1.0, _OTHER_KIND_OF_DAY))
    if places.size > _NEIGHBOURS:
        nearest = np.argpartition(exponent, _NEIGHBOURS)[:_NEIGHBOURS]
        places, exponent = places[nearest], exponent[nearest]
    weight = np.exp(exponent.min() - exponent)
    return weight / weight.sum(), places


def _distance(past: FloatArray, now: float, width: float) -> FloatArray:
    """Half the squared distance in widths; a fixed penalty where one side is unknown."""
    one_unknown = np.isnan(past) != np.isnan(now)
    squared = 0.5 * ((past - now) / width) ** 2
    distance: FloatArray = np.where(
        one_unknown, -np.log(_ONE_SIDE_UNKNOWN), np.nan_to_num(squared, nan=0.0)
    )
    return distance


def _general_shares(masses: FloatArray) -> FloatArray:
    """The experts' shares that make what they said of all past sessions most likely."""
    shares: FloatArray = _PRIOR_COUNT / _PRIOR_COUNT.sum()
    for _ in range(60 if masses.shape[0] else 0):
        blame = shares * masses + 1e-12
        blame /= blame.sum(axis=1, keepdims=True)
        count = _PRIOR_COUNT + blame.sum(axis=0)
        shares = count / count.sum()
    return shares


def declared_survival(
    declared_stay_s: FloatArray, edges_s: FloatArray, overrun_s: float = 900.0
) -> FloatArray:
    """Survival if declarations were true: 1 until the declared departure, then a quick decay.

    Shape (session, edge); a session without a declaration (NaN) counts as leaving at any time
    with a mean stay of ``overrun_s``.
    """
    declared = np.nan_to_num(declared_stay_s, nan=0.0)[:, None]
    late = np.maximum(edges_s[None, :] - declared, 0.0)
    curve: FloatArray = np.exp(-late / overrun_s)
    return curve
