"""The fleet's plan over the dispatch centre's desk, and back to it with what the piles saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from market.dispatch import DispatchPlan, Edit
from market.ev_battery.dispatch import FleetInputs, ObservedDay, approved_fleet
from market.ev_battery.rules import RULES
from market.inputs import to_json
from twin.ev_fleet.plan import FleetOutcome, FleetPlan
from wattproof.demo import dispatching
from wattproof.demo.cast import Cast
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.ev.scene import DISPATCHER, PILE_OPERATOR, SCENARIOS, Scene
from wattproof.demo.stage import Stage
from wattproof.demo.trading import OpenRound
from wattproof.dispatch.planning import Proposal

_HELD_SLOTS = 2
_REASON = "An electrician is at this pile: nothing may be fed back meanwhile"


def review(
    stage: Stage, scene: Scene, cast: Cast, opened: OpenRound, seed: int
) -> tuple[Reviewed, FleetPlan]:
    """The plan as the operator of the piles acknowledged it, and as bids are made of it."""
    start = datetime.fromtimestamp(opened.first_slot * RULES.slot_seconds, UTC)
    inputs = FleetInputs(
        horizon=replace(scene.horizon, start=start),
        vehicles=scene.vehicles,
        habits=scene.model.habits,
        signal=scene.signal,
        scenarios=SCENARIOS,
        seed=seed,
    )
    proposal = Proposal(
        market=opened.market,
        period=opened.first_slot // RULES.period_slots,
        participant=cast[PILE_OPERATOR].address,
        inputs=to_json(inputs),
        round=opened.number,
        meters={name: (cast[name].address, 0) for name in scene.owner_ids},
    )
    reviewed = dispatching.review(
        stage, proposal, cast[PILE_OPERATOR], cast[DISPATCHER], _edits, _REASON
    )
    approved = approved_fleet(inputs, reviewed.approved.plan)
    return reviewed, replace(approved, horizon=scene.horizon)


def learn(stage: Stage, scene: Scene, cast: Cast, reviewed: Reviewed, outcome: FleetOutcome) -> int:
    """Compare the plan with the meters, correct the twin; how many days it has learnt from."""
    came = np.ones(scene.stays.count, dtype=np.bool_)
    seen = ObservedDay(scene.stays, came, outcome.final_energy_wh)
    corrected = dispatching.measure(stage, reviewed, cast[PILE_OPERATOR], to_json(seen))
    return int(corrected["days_closed"])


def _edits(plan: DispatchPlan) -> tuple[Edit, ...]:
    """Nothing fed back by the vehicle that would give most, from that slot on."""
    line = min(plan.lines, key=lambda name: min(plan.lines[name]))
    values = plan.lines[line]
    first = min(values.index(min(values)), plan.slots - _HELD_SLOTS)
    held = range(first, first + _HELD_SLOTS)
    return tuple(Edit(line, slot, max(values[slot], 0)) for slot in held)
