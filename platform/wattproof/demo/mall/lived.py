"""What is known once the days are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.reference.baseline import BaselineRule
from twin.mall.building import FloatArray
from twin.mall.plan import MallOutcome, MallPlan
from wattproof.audit import Report
from wattproof.credits.service import Series
from wattproof.demo.deviations import ten_of_ten_wh
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.mall.crediting import OpenWindow
from wattproof.demo.mall.participants import Joined
from wattproof.demo.mall.scene import Scene
from wattproof.demo.metering import whole_wh
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters.models import ClosureRow


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from.

    Attributes:
        planned: the twin's plan with the dispatcher's edits; ``outcome`` what came of it.
        metered_wh: what every meter showed on the day, Wh a slot by name.
        caps_wh: what each mall promised at most; ``issued_wh`` what it was credited.
        sold: the round in which credits were sold; ``bought`` that in which they bought energy.
        series: as it stands at the end. ``expired_wh`` is what nobody used in time.
        corrected: the inputs of the mall's next plan.
    """

    scene: Scene
    stage: Stage
    joined: Joined
    reviewed: Reviewed
    planned: MallPlan
    outcome: MallOutcome
    metered_wh: Mapping[str, FloatArray]
    traded: TradedRound
    closures: Mapping[str, ClosureRow]
    window: OpenWindow
    rule: BaselineRule
    caps_wh: Mapping[str, int]
    issued_wh: Mapping[str, int]
    sold: TradedRound
    bought: TradedRound
    bought_closures: Mapping[str, ClosureRow]
    series: Series
    redeemed_wh: int
    spent_wh: int
    expired_wh: int
    corrected: Mapping[str, Any]
    replay: Report

    def values_wh(self, name: str) -> tuple[int, ...]:
        """A meter's reading of the day, whole Wh a slot."""
        return whole_wh(self.metered_wh[name])

    def used_wh(self, name: str) -> list[int]:
        """Reductions that credits are issued for, recomputed, Wh a slot of the day."""
        day = self.values_wh(name)
        past = self.scene.past.whole_wh(name)
        baseline = ten_of_ten_wh(past, day, self.window.place, self.rule)
        used = [0] * len(day)
        left = self.caps_wh[name]
        for slot, usual in enumerate(baseline, start=self.window.first_slot):
            used[slot] = min(max(0, usual - day[slot]), left)
            left -= used[slot]
        return used
