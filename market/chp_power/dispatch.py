"""The plant's plan at the dispatch centre: what a person may fix, and what it then amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from market.chp_power.bids import ELECTRICITY, HEAT
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
from twin.chp.model import ChpModel, ChpSite, GridSignal, LoadBelief
from twin.chp.plan import ChpOutcome, ChpPlan
from twin.chp.twin import ChpTwin

_CURTAILED = "wind_curtailed"
_SHARE = 10_000
_LINES = {ELECTRICITY: ("power", -1), HEAT: ("heat", 1)}
"""Lines of the plan, the twin's name for each, and the sign between them."""


@dataclass(frozen=True, slots=True)
class ChpInputs:
    """What a plan is made from.

    Attributes:
        belief: what metered days have taught; None before the first.
        scenarios: how many days are sampled, with ``seed``.
    """

    site: ChpSite
    signal: GridSignal
    belief: LoadBelief | None = None
    scenarios: int = 12
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.scenarios <= 1_000:
            raise ValueError(f"scenarios must lie in 1 .. 1,000, not {self.scenarios}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, as {self.seed} is")

    def model(self) -> ChpModel:
        """The twin's model, with what metered days have taught."""
        model = ChpTwin().construct(self.site)
        return model if self.belief is None else replace(model, belief=self.belief)


def planned_day(inputs: ChpInputs, edits: Sequence[Edit] = ()) -> ChpPlan:
    """The twin's own plan with the edits fixed.

    Raises:
        EditError: an edit of no line or slot of the plan.
        InfeasibleError: the edits cannot stand together, or there is no plan at all.
    """
    fixed = [_to_twin(inputs, edit) for edit in edits]
    twin = ChpTwin()
    model = inputs.model()
    rng = np.random.default_rng(inputs.seed)
    samples = twin.sample(model, rng, inputs.scenarios)
    try:
        return twin.decide(model, samples, inputs.signal, fixed=fixed)
    except twin_edits.InfeasiblePlanError as error:
        raise infeasible(error, error.conflicts, fixed, edits) from error


def dispatch_plan(plan: ChpPlan) -> DispatchPlan:
    """The twin's plan as what is approved and signed."""
    horizon = plan.horizon
    return DispatchPlan(
        first_slot=int(horizon.start.timestamp()) // horizon.slot_seconds,
        slot_seconds=horizon.slot_seconds,
        lines={
            ELECTRICITY: tuple(round(-power) for power in plan.power_w.tolist()),
            HEAT: tuple(round(heat) for heat in plan.heat_w.tolist()),
        },
        indicators={
            COST: Indicator(money_micro(plan.proof.cost), "micro", "lower"),
            PEAK: Indicator(round(plan.proof.peak_w), "W", "lower"),
            COMFORT: Indicator(
                round(_SHARE * float(plan.satisfaction.mean())), "of 10,000", "higher"
            ),
            _CURTAILED: Indicator(
                round(float(plan.wind_curtailed_w.sum()) * horizon.slot_hours), "Wh", "lower"
            ),
        },
    )


class ChpPlanner:
    """Plans a heat-and-power plant's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> ChpInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        inputs = read(ChpInputs, raw)
        start = int(inputs.site.horizon.start.timestamp())
        if start % inputs.site.horizon.slot_seconds:
            raise InputsError("inputs.site.horizon.start must be the start of a slot")
        try:
            inputs.model()
        except ValueError as error:
            raise InputsError(f"inputs.site: {error}") from error
        return inputs

    def solve(self, inputs: ChpInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed; edited values are kept to the W."""
        return dispatch_plan(planned_day(inputs, edits)).keeping(edits)

    def measure(
        self,
        inputs: ChpInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Correct the twin by the day; ``observed`` is the plant's own log (`ChpOutcome`)."""
        deviation = metered_deviation_wh(plan, metered)
        if not observed:
            return Measurement(to_json(inputs), deviation)
        outcome = read(ChpOutcome, observed, "observed")
        try:
            model = ChpTwin().close_loop(inputs.model(), outcome)
        except ValueError as error:
            raise InputsError(f"observed: {error}") from error
        site = replace(inputs.site, plant=model.plant, state=model.state)
        return Measurement(to_json(replace(inputs, site=site, belief=model.belief)), deviation)


def _to_twin(inputs: ChpInputs, edit: Edit) -> twin_edits.Edit:
    check_place(edit, _LINES, inputs.site.horizon.slots)
    name, sign = _LINES[edit.line]
    return twin_edits.Edit(name, edit.slot, float(sign * edit.value_w))


PLANNER = ChpPlanner()
