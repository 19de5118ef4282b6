"""The mall's plan at the dispatch centre: what a person may fix, and what it then amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from market.dispatch import (
    COMFORT,
    COST,
    PEAK,
    DispatchPlan,
    Edit,
    Indicator,
    InputsError,
    Measurement,
    check_place,
    infeasible,
    metered_deviation_wh,
)
from market.inputs import read, to_json
from market.quantise import money_micro
from twin import edits as twin_edits
from twin.mall.model import GridSignal, MallModel, MallSite
from twin.mall.plan import LINES, MallOutcome, MallPlan, Strategy, energy_cost
from twin.mall.twin import MallTwin

_RESPONSE = "peak_response"
_SHARE = 10_000


@dataclass(frozen=True, slots=True)
class MallInputs:
    """What a plan is made from.

    Attributes:
        scenarios: how many days are sampled, with ``seed``.
        days_closed: how many metered days the twin has learnt from.
    """

    site: MallSite
    signal: GridSignal
    strategy: Strategy = Strategy.LOAD_SHIFTING
    scenarios: int = 32
    seed: int = 1
    days_closed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.scenarios <= 1_000:
            raise ValueError(f"scenarios must lie in 1 .. 1,000, not {self.scenarios}")
        if self.seed < 0 or self.days_closed < 0:
            raise ValueError("seed and days_closed must not be negative")
        horizon = self.site.horizon
        if int(horizon.start.timestamp()) % horizon.slot_seconds:
            raise ValueError("site.horizon.start must be the start of a slot")

    def model(self) -> MallModel:
        """The twin's model, with what metered days have taught."""
        return replace(MallTwin().construct(self.site), days_closed=self.days_closed)


def planned_day(inputs: MallInputs, edits: Sequence[Edit] = ()) -> MallPlan:
    """The twin's own plan with the edits fixed.

    Raises:
        EditError: an edit of no line or slot of the plan.
        InfeasibleError: the edits cannot stand together, or there is no plan at all.
    """
    fixed = [_to_twin(inputs, edit) for edit in edits]
    twin = MallTwin(inputs.strategy)
    model = inputs.model()
    samples = twin.sample(model, np.random.default_rng(inputs.seed), inputs.scenarios)
    try:
        return twin.decide(model, samples, inputs.signal, fixed=fixed)
    except twin_edits.InfeasiblePlanError as error:
        raise infeasible(error, error.conflicts, fixed, edits) from error


def dispatch_plan(plan: MallPlan, signal: GridSignal) -> DispatchPlan:
    """The twin's plan as what is approved and signed."""
    horizon = plan.horizon
    return DispatchPlan(
        first_slot=int(horizon.start.timestamp()) // horizon.slot_seconds,
        slot_seconds=horizon.slot_seconds,
        lines={
            line: tuple(round(power) for power in getattr(plan, f"{line}_w").tolist())
            for line in LINES
        },
        indicators={
            COST: Indicator(
                money_micro(energy_cost(plan.electricity_w, signal, horizon)), "micro", "lower"
            ),
            PEAK: Indicator(round(float(plan.electricity_w[signal.peak].max())), "W", "lower"),
            COMFORT: Indicator(
                round(_SHARE * float(plan.satisfaction.mean())), "of 10,000", "higher"
            ),
            _RESPONSE: Indicator(round(plan.peak_response_wh), "Wh", "higher"),
        },
    )


class MallPlanner:
    """Plans a mall's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> MallInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        inputs = read(MallInputs, raw)
        try:
            inputs.model()
        except ValueError as error:
            raise InputsError(f"inputs.site: {error}") from error
        return inputs

    def solve(self, inputs: MallInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed; edited values are kept to the W."""
        return dispatch_plan(planned_day(inputs, edits), inputs.signal).keeping(edits)

    def measure(
        self,
        inputs: MallInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Correct the twin by the day; ``observed`` is the mall's own log (`MallOutcome`)."""
        deviation = metered_deviation_wh(plan, metered)
        if not observed:
            return Measurement(to_json(inputs), deviation)
        outcome = read(MallOutcome, observed, "observed")
        try:
            model = MallTwin().close_loop(inputs.model(), outcome)
        except ValueError as error:
            raise InputsError(f"observed: {error}") from error
        site = replace(inputs.site, mall=model.mall, state=model.state)
        corrected = replace(inputs, site=site, days_closed=model.days_closed)
        return Measurement(to_json(corrected), deviation)


def _to_twin(inputs: MallInputs, edit: Edit) -> twin_edits.Edit:
    check_place(edit, LINES, inputs.site.horizon.slots)
    return twin_edits.Edit(edit.line, edit.slot, float(edit.value_w))


PLANNER = MallPlanner()
