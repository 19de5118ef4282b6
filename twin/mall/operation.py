"""A plan carried out on a day as it really comes: thermostats correct, meters count."""

from __future__ import annotations

import numpy as np

from twin.mall.building import FloatArray, Mall
from twin.mall.drive import drive_of
from twin.mall.model import DayAhead, MallSamples, MallShapeError, MallState
from twin.mall.physics import (
    PRECOOLING_SLOTS,
    conditioned,
    electricity_w,
    following,
    initial_state,
    operative_c,
    run,
    thermostats,
)
from twin.mall.plan import MallOutcome, MallPlan, Strategy
from twin.mall.thermal import thermal_network


def operate(mall: Mall, state: MallState, plan: MallPlan, day: DayAhead) -> MallOutcome:
    """What meters and sensors say after the plan met the day.

    ``mall`` and ``state`` are the real ones. In opening hours, and before them when a plan may
    cool, thermostats correct the planned cooling for each K that the air strays. The store does
    what was planned.

    Raises MallShapeError for a plan without control, and for a day of another length.
    """
    slots = plan.horizon.slots
    if day.open.size != slots:
        raise MallShapeError(f"the day has {day.open.size} slots, the plan {slots}")
    network = thermal_network(mall, plan.horizon.slot_hours)
    drive = drive_of(mall, network, day, MallSamples.certain(day))
    if plan.strategy is Strategy.NO_CONTROL:
        raise MallShapeError("no control leaves nothing to carry out: use hold_set_point")
    acts = conditioned(day, PRECOOLING_SLOTS)
    cooler = following(plan.cooling_w, plan.air_c[:-1], plan.feedback_w_per_k, acts)
    course = run(
        mall, network, day, drive, initial_state(state, 1), cooler, from_store_w=-plan.store_w
    )
    draw, chillers = electricity_w(mall, drive, course.cooling_w, plan.store_w)
    return _outcome(course.cooling_w, course.state_c, draw[0], chillers[0], plan.stored_wh, day)


def hold_set_point(
    mall: Mall, state: MallState, set_point_c: FloatArray, day: DayAhead, slot_hours: float
) -> MallOutcome:
    """The day without control: thermostats hold a set point (zone,) in opening hours."""
    network = thermal_network(mall, slot_hours)
    drive = drive_of(mall, network, day, MallSamples.certain(day))
    course = run(
        mall, network, day, drive, initial_state(state, 1), thermostats(network, day, set_point_c)
    )
    draw, chillers = electricity_w(mall, drive, course.cooling_w)
    kept = (1.0 - mall.store.loss_per_hour) ** slot_hours
    stored = state.stored_wh * kept ** np.arange(1.0, day.open.size + 1.0)
    return _outcome(course.cooling_w, course.state_c, draw[0], chillers[0], stored, day)


def _outcome(
    cooling_w: FloatArray,
    state_c: FloatArray,
    draw_w: FloatArray,
    chiller_w: FloatArray,
    stored_wh: FloatArray,
    day: DayAhead,
) -> MallOutcome:
    zones = cooling_w.shape[2]
    end = state_c[1:, 0]
    return MallOutcome(
        electricity_w=draw_w,
        chiller_w=chiller_w,
        cooling_w=cooling_w[:, 0],
        air_c=end[:, :zones],
        operative_c=operative_c(end),
        stored_wh=stored_wh,
        outdoor_c=day.outdoor_c,
        humidity_percent=day.humidity_percent,
        sun_w_per_m2=day.sun_w_per_m2,
        customers=day.customers,
        open=day.open,
    )
