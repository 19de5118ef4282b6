"""The programmes of the grid company: whom it pays for what, and when it calls an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.dispatch import DispatchPlan
from market.quantise import money_micro, price_nano_per_kwh
from market.reference.baseline import BaselineRule
from market.reference.programmes import Direction, ProgrammeTerms
from twin.chp.model import FloatArray
from twin.chp.periods import Period, find_periods
from wattproof.demo.calendar import Calendar
from wattproof.demo.cast import Cast
from wattproof.demo.chp import response
from wattproof.demo.chp.response import CalledEvent
from wattproof.demo.chp.scene import FOUNDRY, FOUNDRY_CAPACITY_W, GRID_COMPANY, PLANT, Scene
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError

EVENT_SLOTS = 8
_ESCROW_MICRO = money_micro(100_000.0)
_INCENTIVE = price_nano_per_kwh(0.06)
_PENALTY = price_nano_per_kwh(0.09)
_HOUR_S = 3_600
_TEN_OF_TEN = BaselineRule(
    kind=0, day_mask=0b111_1111, adjust_lead=0, adjust_slots=0, adjust_cap_bp=0
)
_CAUTION = 0.9
_PLANT_CAPACITY_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Programmes:
    """Numbers of the two programmes: less consumption at the peak, more in the trough."""

    peak: int
    trough: int


def create(stage: Stage, cast: Cast, market: int) -> Programmes:
    """Create and fund both programmes."""
    owner = cast[GRID_COMPANY]
    numbers = [
        response.create_programme(stage, owner, _terms(market, direction), _ESCROW_MICRO)
        for direction in (Direction.REDUCE, Direction.INCREASE)
    ]
    return Programmes(*numbers)


def enrol(stage: Stage, cast: Cast, scene: Scene, programmes: Programmes, since: int) -> None:
    """The plant enrols in both, the foundry for the peak."""
    most_w = round(_PLANT_CAPACITY_SHARE * scene.inputs.site.plant.unit.condensing_max_w)
    for number in (programmes.peak, programmes.trough):
        response.enrol(stage, cast[PLANT], number, most_w, since)
    response.enrol(stage, cast[FOUNDRY], programmes.peak, FOUNDRY_CAPACITY_W, since)


def call(
    stage: Stage, cast: Cast, scene: Scene, programmes: Programmes, calendar: Calendar
) -> tuple[CalledEvent, CalledEvent]:
    """Call an event where the grid's load is highest, and one where it is lowest."""
    load_w = scene.inputs.signal.load_w
    return (
        _call(stage, cast, programmes.peak, calendar, window(load_w, scene, Period.PEAK)),
        _call(stage, cast, programmes.trough, calendar, window(load_w, scene, Period.TROUGH)),
    )


def window(load_w: FloatArray, scene: Scene, wanted: Period) -> int:
    """First slot of the ``EVENT_SLOTS`` in which the load is highest or lowest.

    Raises:
        WattproofError: the load has no such stretch of that length.
    """
    inside = find_periods(load_w, scene.slot_hours) == wanted
    ones = np.ones(EVENT_SLOTS)
    whole = np.convolve(inside, ones, mode="valid") >= EVENT_SLOTS
    if not whole.any():
        raise WattproofError(
            f"the grid's load has no {wanted.name.lower()} of {EVENT_SLOTS} slots: there is "
            "nothing to call an event for"
        )
    mean_w = np.convolve(load_w, ones, mode="valid")
    if wanted is Period.PEAK:
        return int(np.argmax(np.where(whole, mean_w, -np.inf)))
    return int(np.argmin(np.where(whole, mean_w, np.inf)))


def plant_target_w(scene: Scene, plan: DispatchPlan, called: CalledEvent) -> int:
    """What the grid company asks of the plant: what its plan moves against its past, with caution.

    0 where the plan moves nothing the event's way: the plant is then left alone.
    """
    place = called.window
    usual_w = -np.mean([day.power_w[place] for day in scene.history], axis=0)
    planned_w = np.array(plan.lines["electricity"][place], dtype=float)
    moved_w = usual_w - planned_w
    if called.terms.direction is Direction.INCREASE:
        moved_w = -moved_w
    target_w = int(_CAUTION * float(moved_w.min()))
    most_w = round(_PLANT_CAPACITY_SHARE * scene.inputs.site.plant.unit.condensing_max_w)
    return max(0, min(target_w, most_w))


def _call(
    stage: Stage, cast: Cast, programme: int, calendar: Calendar, first_slot: int
) -> CalledEvent:
    return response.call_event(
        stage,
        cast[GRID_COMPANY],
        programme,
        period=calendar.day,
        first_slot=first_slot,
        slots=EVENT_SLOTS,
    )


def _terms(market: int, direction: Direction) -> ProgrammeTerms:
    return ProgrammeTerms(
        market=market,
        carrier=0,
        direction=direction,
        tolerance_bp=1_000,
        max_event_slots=EVENT_SLOTS,
        notice=4 * _HOUR_S,
        refusal_lead=2 * _HOUR_S,
        dispute_window=24 * _HOUR_S,
        incentive=_INCENTIVE,
        penalty=_PENALTY,
        role=bytes(32),
        rule=_TEN_OF_TEN,
    )
