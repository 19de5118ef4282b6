"""What is known once the day is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.reference.programmes import Direction
from twin.chp.model import FloatArray
from twin.chp.plan import ChpOutcome, ChpPlan
from wattproof.audit import Report
from wattproof.demo.cast import Cast
from wattproof.demo.chp.response import CalledEvent
from wattproof.demo.chp.scene import Scene
from wattproof.demo.deviations import ten_of_ten_wh
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.metering import whole_wh
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.flexibility.service import Part
from wattproof.meters.models import ClosureRow

_SLOT_S = 900


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from.

    Attributes:
        plan: the twin's plan with the dispatcher's edits; ``heat_led`` what the plant does without.
        metered_wh: what every meter showed, Wh a slot by name.
        targets_w: by event and name; ``parts`` likewise what came of them.
        corrected: the inputs of the plant's next plan.
    """

    scene: Scene
    stage: Stage
    cast: Cast
    traded: TradedRound
    reviewed: Reviewed
    plan: ChpPlan
    outcome: ChpOutcome
    heat_led: ChpOutcome
    metered_wh: Mapping[str, FloatArray]
    peak: CalledEvent
    trough: CalledEvent
    targets_w: Mapping[tuple[int, str], int]
    parts: Mapping[tuple[int, str], Part]
    closures: Mapping[str, ClosureRow]
    corrected: Mapping[str, Any]
    replay: Report

    @property
    def events(self) -> Mapping[int, CalledEvent]:
        """By number."""
        return {called.event: called for called in (self.peak, self.trough)}

    def values_wh(self, name: str) -> tuple[int, ...]:
        """A meter's reading of the day, whole Wh a slot."""
        return whole_wh(self.metered_wh[name])

    def performed_wh(self, event: int, name: str) -> list[int]:
        """What an account did in each slot of an event, recomputed from readings."""
        called = self.events[event]
        day = self.values_wh(name)
        past = self.scene.past.whole_wh(name)
        increases = called.terms.direction is Direction.INCREASE
        rule = called.terms.rule
        baseline = ten_of_ten_wh(past, day, called.window, rule, increases=increases)
        target = self.targets_w[event, name] * _SLOT_S // 3_600
        sign = -1 if increases else 1
        return [
            max(0, min(sign * (usual - metered), target))
            for usual, metered in zip(baseline, day[called.window], strict=True)
        ]

    def used_wh(self, name: str) -> list[int]:
        """What of an account's deviations demand response used, Wh a slot of the day, signed."""
        used = [0] * len(self.values_wh(name))
        for event, each in self.targets_w:
            if each != name:
                continue
            called = self.events[event]
            sign = 1 if called.terms.direction is Direction.REDUCE else -1
            for slot, wh in enumerate(self.performed_wh(event, name), start=called.first_slot):
                used[slot] = sign * wh
        return used
