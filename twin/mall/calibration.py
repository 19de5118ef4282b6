"""The network's parameters from meters and sensors: grey-box estimation by multiple shooting.

Every day is simulated freely from a start of its own; the starts enter linearly and are solved for
exactly (variable projection, Golub and Pereyra 1973), the physical parameters by nonlinear least
squares (Madsen and Holst 1995, Energy and Buildings 22, estimate the same networks). Parameters
are factors on the nominal mall, bounded and held to it by a prior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from twin.mall.building import FloatArray, Mall, Zone
from twin.mall.drive import drive_of
from twin.mall.metered import MeteredHistory
from twin.mall.model import MallSamples, MallShapeError, MallState
from twin.mall.observer import SENSOR_NOISE_K, follow
from twin.mall.thermal import Network, thermal_network

FACTOR_MOST = 5.0
"""No parameter leaves its nominal value by more than this factor, either way."""

PRIOR_SPREAD = 0.15
"""Drawings and handbooks are about so far off, as a logarithm."""
LEAST_DAYS = 3

_ZONE_PARAMETERS = (
    "air_wh_per_k",
    "mass_wh_per_k",
    "coupling_w_per_k",
    "air_loss_w_per_k",
    "mass_loss_w_per_k",
    "ventilation_w_per_k",
    "aperture_m2",
    "gain_scale",
)
_OUTLIER = 3.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrated ``mall``; ``residual_k`` is the root mean square of sensor less model over the
    days that were used, each simulated freely; ``days`` their number."""

    mall: Mall
    residual_k: float
    days: int


def calibrate(nominal: Mall, history: MeteredHistory) -> Calibration:
    """Fit a mall to metered days.

    Raises MallShapeError for fewer than three whole days, for a day without any reading, and
    for sensors that are not one a zone.
    """
    slots_a_day = 86_400 // history.horizon.slot_seconds
    days = history.horizon.slots // slots_a_day
    if days < LEAST_DAYS:
        raise MallShapeError(f"{days} whole days are too few to calibrate by: give {LEAST_DAYS}")
    if history.air_c.shape[1] != len(nominal.zones):
        raise MallShapeError(
            f"{history.air_c.shape[1]} sensors for {len(nominal.zones)} zones: give one for each"
        )
    used = history.part(0, days * slots_a_day)
    readings = used.air_c.reshape(days, slots_a_day, -1)
    silent = ~np.isfinite(readings).any(axis=(1, 2))
    if silent.any():
        raise MallShapeError(
            f"day {int(np.argmax(silent))} has no temperature at all: leave it out"
        )
    nominal_cooling = used.cooling_w(nominal)
    places = len(nominal.zones) * len(_ZONE_PARAMETERS) + 2

    def residuals(factors: FloatArray) -> FloatArray:
        mall, cooling_scale = _scaled(nominal, factors)
        network = thermal_network(mall, history.horizon.slot_hours)
        forced, free = _courses(mall, network, used, nominal_cooling * cooling_scale, days)
        off = [_free_run_residual(*course) for course in zip(forced, free, readings, strict=True)]
        together: FloatArray = np.concatenate([*off, factors / PRIOR_SPREAD])
        return together

    found = least_squares(
        residuals,
        np.zeros(places),
        bounds=(-np.log(FACTOR_MOST), np.log(FACTOR_MOST)),
        loss="soft_l1",
        f_scale=_OUTLIER,
        max_nfev=60,
        xtol=1e-6,
        ftol=1e-6,
    )
    factors = np.asarray(found.x, dtype=float)
    mall, cooling_scale = _scaled(nominal, factors)
    cop = nominal.chillers.reference_cop * cooling_scale
    mall = replace(mall, chillers=replace(mall.chillers, reference_cop=cop))
    off = residuals(factors)[:-places] * SENSOR_NOISE_K
    return Calibration(mall, float(np.sqrt(np.mean(off * off))), days)


def state_at_end(mall: Mall, history: MeteredHistory) -> MallState:
    """Where the mall stands at the end of a metered stretch of some days."""
    cooling = history.cooling_w(mall)
    hours = history.horizon.slot_hours
    return follow(mall, history.day, cooling, history.air_c, hours).state


def free_run_c(mall: Mall, start: MallState, ahead: MeteredHistory) -> FloatArray:
    """Air of every zone over a stretch, (slot, zone), from its start, weather, customers and what
    its chillers drew; its temperatures are not looked at."""
    network = thermal_network(mall, ahead.horizon.slot_hours)
    forced, free = _courses(mall, network, ahead, ahead.cooling_w(mall), 1)
    course = forced[0] + free[0] @ np.concatenate([start.air_c, start.mass_c])
    air: FloatArray = course[:, : len(mall.zones)]
    return air


def forecast_errors_k(
    mall: Mall, history: MeteredHistory, true_c: FloatArray, first_day: int, days_before: int = 3
) -> FloatArray:
    """Root mean square error of free-run forecasts over 24 h, one for each day from ``first_day``
    on, against the true air (slot, zone), K. Each begins where the ``days_before`` leave the mall.
    """
    slots = 86_400 // history.horizon.slot_seconds
    errors = []
    for day in range(first_day, history.horizon.slots // slots):
        now, then = day * slots, (day + 1) * slots
        start = state_at_end(mall, history.part(now - days_before * slots, now))
        off = free_run_c(mall, start, history.part(now, then)) - true_c[now:then]
        errors.append(float(np.sqrt(np.mean(off * off))))
    return np.array(errors)


def _scaled(nominal: Mall, factors: FloatArray) -> tuple[Mall, float]:
    """The mall with each zone's parameters multiplied, passages too; and the cooling's factor."""
    scale = np.exp(factors)
    count = len(_ZONE_PARAMETERS)
    zones = tuple(
        _scaled_zone(zone, scale[count * place : count * (place + 1)])
        for place, zone in enumerate(nominal.zones)
    )
    passages = tuple(
        replace(passage, conductance_w_per_k=passage.conductance_w_per_k * float(scale[-2]))
        for passage in nominal.passages
    )
    return replace(nominal, zones=zones, passages=passages), float(scale[-1])


def _scaled_zone(zone: Zone, scale: FloatArray) -> Zone:
    aperture = tuple(float(area * scale[6]) for area in zone.aperture_m2)
    return replace(
        zone,
        air_wh_per_k=zone.air_wh_per_k * float(scale[0]),
        mass_wh_per_k=zone.mass_wh_per_k * float(scale[1]),
        coupling_w_per_k=zone.coupling_w_per_k * float(scale[2]),
        air_loss_w_per_k=zone.air_loss_w_per_k * float(scale[3]),
        mass_loss_w_per_k=zone.mass_loss_w_per_k * float(scale[4]),
        ventilation_w_per_k=zone.ventilation_w_per_k * float(scale[5]),
        aperture_m2=(aperture[0], aperture[1], aperture[2], aperture[3], aperture[4]),
        gain_scale=zone.gain_scale * float(scale[7]),
    )


def _free_run_residual(forced: FloatArray, free: FloatArray, air_c: FloatArray) -> FloatArray:
    """Sensor less model over a day from its best start, in multiples of the sensors' noise."""
    start = _best_start(forced, free, air_c)
    off = air_c - (forced + free @ start)[:, : air_c.shape[1]]
    residual: FloatArray = np.nan_to_num(off).ravel() / SENSOR_NOISE_K
    return residual


def _courses(
    mall: Mall, network: Network, history: MeteredHistory, cooling_w: FloatArray, parts: int
) -> tuple[FloatArray, FloatArray]:
    """Of each of equal parts of a history: the course from a start of zero (part, slot, 2 zone),
    and what each start adds, (part, slot, 2 zone, 2 zone)."""
    drive = drive_of(mall, network, history.day, MallSamples.certain(history.day))
    nodes = drive.offset_c.shape[2]
    slots = history.horizon.slots // parts
    is_open = history.day.open.reshape(parts, slots).astype(int)
    moves = np.stack([network.closed.transition, network.open.transition])
    cools = np.stack([network.closed.air, network.open.air])
    pushed = drive.offset_c[:, 0].reshape(parts, slots, nodes)
    taken = cooling_w.reshape(parts, slots, -1)
    forced = np.zeros((parts, slots, nodes))
    free = np.zeros((parts, slots, nodes, nodes))
    state = np.zeros((parts, nodes, 1))
    unit = np.broadcast_to(np.eye(nodes), (parts, nodes, nodes))
    for slot in range(slots):
        flags = is_open[:, slot]
        state = moves[flags] @ state - cools[flags] @ taken[:, slot, :, None]
        state[..., 0] += pushed[:, slot]
        unit = moves[flags] @ unit
        forced[:, slot], free[:, slot] = state[..., 0], unit
    return forced, free


def _best_start(forced: FloatArray, free: FloatArray, air_c: FloatArray) -> FloatArray:
    """The start that fits the readings best; what they do not tell stays near their mean."""
    zones = air_c.shape[1]
    known = np.isfinite(air_c).ravel()
    mean = float(np.nanmean(air_c))
    wanted = (air_c - forced[:, :zones]).ravel()[known]
    effect = free[:, :zones, :].reshape(-1, free.shape[2])[known]
    weak = 1e-2 * np.eye(free.shape[2])
    left = np.vstack([effect, weak])
    right = np.concatenate([wanted - effect @ np.full(free.shape[2], mean), np.zeros(len(weak))])
    strayed, *_ = np.linalg.lstsq(left, right, rcond=None)
    start: FloatArray = mean + strayed
    return start
