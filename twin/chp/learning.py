"""Heat loss and gain of the buildings, corrected by metered days.

An extended Kalman filter over days: the belief is a mean and covariance of (heat loss, gain); a
day's indoor temperatures, hour by hour, are compared with what the network gives for the metered
heat and weather. The structure is not metered: it starts where the twin believes it, which is why
the errors of indoor temperature are taken as large as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.chp.model import ChpModel, ChpShapeError, FloatArray, LoadBelief, PlantState
from twin.chp.plan import ChpOutcome
from twin.chp.plant import HeatedBuildings
from twin.chp.thermal import simulate

_INDOOR_ERROR_K = 0.4
_LOSS_UNSURE = 0.15
_GAIN_UNSURE = 0.4
_DRIFT = 0.005
_MOST_A_DAY = 0.10
_OUTLIER = 3.0
_STEP = 0.01


def first_belief(buildings: HeatedBuildings) -> LoadBelief:
    """Before any metered day: loss known within 15 %, gain within 40 % (standard deviations)."""
    unsure = np.array([_LOSS_UNSURE, _GAIN_UNSURE]) * _scale(buildings)
    return LoadBelief(np.diag(unsure**2))


def learn_day(model: ChpModel, outcome: ChpOutcome) -> ChpModel:
    """The model after a metered day: loss, gain, and how things stand at its end.

    Indoor temperatures further than three standard deviations from what was expected count as
    three; neither loss nor gain moves by more than a tenth of the loss (of the loss at 10 K) a day.
    Raises ChpShapeError where the day has not the horizon's slots or holds gaps.
    """
    slots = model.horizon.slots
    for name in ("indoor_c", "outdoor_c", "heat_w", "boiler_w", "store_w", "hot_water_w"):
        values = getattr(outcome, name)
        if values.shape != (slots,) or not np.isfinite(values).all():
            raise ChpShapeError(f"the metered {name} must be {slots} numbers without a gap")
    old = model.plant.buildings
    scale = _scale(old)
    expected = _hourly_indoor(model, old, outcome)
    slope = np.stack(
        [
            (_hourly_indoor(model, moved, outcome) - expected) / _STEP
            for moved in (_moved(old, _STEP, 0.0), _moved(old, 0.0, _STEP))
        ],
        axis=1,
    )
    metered = _by_hour(model, outcome.indoor_c)
    believed = model.belief.covariance / np.outer(scale, scale) + _DRIFT**2 * np.eye(2)
    spread = slope @ believed @ slope.T + _INDOOR_ERROR_K**2 * np.eye(metered.size)
    limit = _OUTLIER * np.sqrt(np.diag(spread))
    surprise = np.clip(metered - expected, -limit, limit)
    gain = np.linalg.solve(spread, slope @ believed).T
    change = np.clip(gain @ surprise, -_MOST_A_DAY, _MOST_A_DAY)
    learnt = _moved(old, float(change[0]), float(change[1]))
    covariance = (believed - gain @ slope @ believed) * np.outer(scale, scale)
    return replace(
        model,
        plant=replace(model.plant, buildings=learnt),
        state=_state_after(model, learnt, outcome),
        belief=LoadBelief(0.5 * (covariance + covariance.T), model.belief.days_seen + 1),
    )


def _scale(buildings: HeatedBuildings) -> FloatArray:
    """Units of the belief: the loss itself, and the loss at 10 K for the gain."""
    return np.array([buildings.loss_w_per_k, 10.0 * buildings.loss_w_per_k])


def _moved(buildings: HeatedBuildings, loss: float, gain: float) -> HeatedBuildings:
    """Loss and gain moved by shares of their units."""
    factor = 1.0 + loss
    added = gain * float(_scale(buildings)[1])
    return replace(
        buildings,
        indoor_loss_w_per_k=buildings.indoor_loss_w_per_k * factor,
        structure_loss_w_per_k=buildings.structure_loss_w_per_k * factor,
        gain_w=max(0.0, buildings.gain_w + added),
    )


def _hourly_indoor(model: ChpModel, buildings: HeatedBuildings, outcome: ChpOutcome) -> FloatArray:
    indoor, _ = _temperatures(model, buildings, outcome)
    return _by_hour(model, indoor)


def _temperatures(
    model: ChpModel, buildings: HeatedBuildings, outcome: ChpOutcome
) -> tuple[FloatArray, FloatArray]:
    heat = outcome.heat_w + outcome.boiler_w - outcome.store_w - outcome.hot_water_w
    state = model.state
    return simulate(
        buildings,
        model.horizon.slot_hours,
        state.indoor_c,
        state.structure_c,
        heat,
        outcome.outdoor_c,
    )


def _by_hour(model: ChpModel, values: FloatArray) -> FloatArray:
    """Means over hours (over slots where these are longer)."""
    width = max(1, round(1.0 / model.horizon.slot_hours))
    whole = values[: values.size // width * width]
    means: FloatArray = whole.reshape(-1, width).mean(axis=1)
    return means


def _state_after(model: ChpModel, buildings: HeatedBuildings, outcome: ChpOutcome) -> PlantState:
    _, structure = _temperatures(model, buildings, outcome)
    running = outcome.running
    changed = np.flatnonzero(np.diff(running))
    slots_so = running.size - 1 - int(changed[-1]) if changed.size else running.size
    hours_so = slots_so * model.horizon.slot_hours
    if not changed.size and bool(running[0]) == model.state.running:
        hours_so += model.state.hours_so
    return PlantState(
        stored_wh=float(outcome.stored_wh[-1]),
        indoor_c=float(outcome.indoor_c[-1]),
        structure_c=float(structure[-1]),
        running=bool(running[-1]),
        hours_so=hours_so,
        power_w=float(outcome.power_w[-1]),
        heat_w=float(outcome.heat_w[-1]),
    )
