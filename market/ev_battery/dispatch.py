"""The fleet's plan at the dispatch centre: one line a vehicle, by its owner's id.

The optimiser's plan is the twin's own day-ahead decision (minimum expense); a person fixes what a
vehicle does in a slot, and the rest is decided again around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.dispatch import (
    COMFORT,
    COST,
    PEAK,
    DispatchPlan,
    Edit,
    EditError,
    Indicator,
    InputsError,
    Measurement,
    infeasible,
    metered_deviation_wh,
)
from market.inputs import read, to_json
from market.quantise import money_micro
from twin import edits as twin_edits
from twin.ev_fleet.adjusted import adjusted_energy_wh
from twin.ev_fleet.habits import Habits
from twin.ev_fleet.model import FleetSamples, FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import deliver
from twin.ev_fleet.plan import FleetOutcome, FleetPlan, outcome_cost, travel_satisfaction
from twin.ev_fleet.twin import (
    EvFleetTwin,
    FleetModel,
    FleetSite,
    MeteredDay,
    expected_stays,
    fleet_plan,
)
from twin.horizon import Horizon

_SHARE = 10_000


@dataclass(frozen=True, slots=True)
class FleetInputs:
    """What a fleet's plan is made from.

    Attributes:
        stays: today's stays where they are known; without them they are sampled from habits.
        scenarios: how many days are sampled, with ``seed``.
        days_closed: how many metered days the habits have learnt from.
    """

    horizon: Horizon
    vehicles: Vehicles
    habits: Habits
    signal: PriceSignal
    stays: Stays | None = None
    scenarios: int = 48
    seed: int = 1
    days_closed: int = 0

    def __post_init__(self) -> None:
        vehicles, slots = self.vehicles, self.horizon.slots
        if len(set(vehicles.owner_ids)) != vehicles.count or vehicles.count == 0:
            raise ValueError("vehicles.owner_ids must name each vehicle, and differ")
        if self.habits.arrival_s.shape != (vehicles.count,):
            raise ValueError(f"habits must have {vehicles.count} values a field, as vehicles do")
        if self.stays is not None and self.stays.count != vehicles.count:
            raise ValueError(f"stays must have {vehicles.count} values a field, as vehicles do")
        if self.signal.price_per_kwh.size != slots:
            raise ValueError(
                f"signal has {self.signal.price_per_kwh.size} prices for {slots} slots"
            )
        if not 1 <= self.scenarios <= 500:
            raise ValueError(f"scenarios must lie in 1 .. 500, not {self.scenarios}")
        if self.seed < 0 or self.days_closed < 0:
            raise ValueError("seed and days_closed must not be negative")
        if int(self.horizon.start.timestamp()) % self.horizon.slot_seconds:
            raise ValueError("horizon.start must be the start of a slot")

    def model(self) -> FleetModel:
        """The twin's model."""
        return FleetModel(self.horizon, self.vehicles, self.habits, self.days_closed)

    def samples(self) -> FleetSamples:
        """The scenarios planned for; the same every time."""
        if self.stays is not None:
            return FleetSamples.certain(self.stays)
        rng = np.random.default_rng(self.seed)
        return EvFleetTwin().sample(self.model(), rng, self.scenarios)


@dataclass(frozen=True, slots=True)
class ObservedDay:
    """What the piles saw beside the meters; arrays shaped (vehicle,), see `Stays`.

    Attributes:
        came: who plugged in at all.
        final_energy_wh: stored at departure.
    """

    stays: Stays
    came: NDArray[np.bool_]
    final_energy_wh: FloatArray


class FleetPlanner:
    """Plans a fleet's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> FleetInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        inputs = read(FleetInputs, raw)
        try:
            EvFleetTwin().construct(FleetSite(inputs.horizon, inputs.vehicles, inputs.habits))
        except ValueError as error:
            raise InputsError(f"inputs: {error}") from error
        return inputs

    def solve(self, inputs: FleetInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The cheapest plan with the edits fixed; edited values are kept to the W."""
        samples = inputs.samples()
        fixed = [_to_twin(inputs, edit) for edit in edits]
        try:
            energy_wh = adjusted_energy_wh(inputs.model(), samples, inputs.signal, fixed)
        except twin_edits.InfeasiblePlanError as error:
            raise infeasible(error, error.conflicts, fixed, edits) from error
        power_w = np.rint(energy_wh / inputs.horizon.slot_hours).astype(int)
        lines = dict(zip(inputs.vehicles.owner_ids, power_w.tolist(), strict=True))
        stays = expected_stays(samples)
        outcome = deliver(inputs.vehicles, stays, inputs.horizon, energy_wh)
        horizon = inputs.horizon
        return DispatchPlan(
            first_slot=int(horizon.start.timestamp()) // horizon.slot_seconds,
            slot_seconds=horizon.slot_seconds,
            lines={name: tuple(values) for name, values in lines.items()},
            indicators=_indicators(inputs, stays, outcome),
        ).keeping(edits)

    def measure(
        self,
        inputs: FleetInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Correct habits and efficiencies by the day; ``observed`` is an `ObservedDay`.

        A vehicle whose meter misses a slot teaches nothing. Without ``observed`` the deviations
        are reported and the twin stays as it is.
        """
        deviation = metered_deviation_wh(plan, metered)
        if not observed:
            return Measurement(to_json(inputs), deviation)
        seen = read(ObservedDay, observed, "observed")
        count = inputs.vehicles.count
        if {seen.stays.count, seen.came.size, seen.final_energy_wh.size} != {count}:
            raise InputsError(f"observed must have {count} values a field, one a vehicle")
        owners = inputs.vehicles.owner_ids
        complete = np.array([owner in metered and None not in metered[owner] for owner in owners])
        energy_wh = np.array(
            [
                [wh or 0 for wh in metered[owner]] if whole else [0] * plan.slots
                for owner, whole in zip(owners, complete, strict=True)
            ],
            dtype=float,
        )
        outcome = FleetOutcome(
            np.maximum(energy_wh, 0.0), np.maximum(-energy_wh, 0.0), seen.final_energy_wh
        )
        model = EvFleetTwin().close_loop(
            inputs.model(), MeteredDay(seen.stays, outcome, seen.came & complete)
        )
        corrected = replace(
            inputs,
            vehicles=model.vehicles,
            habits=model.habits,
            stays=None,
            days_closed=model.days_closed,
        )
        return Measurement(to_json(corrected), deviation, _indicators(inputs, seen.stays, outcome))


def approved_fleet(inputs: FleetInputs, plan: DispatchPlan) -> FleetPlan:
    """An approved plan as `fleet_bids` takes it: energies as approved, values as the twin's."""
    power_w = np.array([plan.lines[owner] for owner in inputs.vehicles.owner_ids], dtype=float)
    return fleet_plan(
        inputs.model(),
        expected_stays(inputs.samples()),
        inputs.signal,
        power_w * inputs.horizon.slot_hours,
    )


def _indicators(inputs: FleetInputs, stays: Stays, outcome: FleetOutcome) -> dict[str, Indicator]:
    cost = float(outcome_cost(outcome, inputs.vehicles, inputs.signal).sum())
    peak_w = float(outcome.feeder_w(inputs.horizon, inputs.signal.base_load_w).max())
    comfort = float(travel_satisfaction(outcome, stays).mean())
    return {
        COST: Indicator(money_micro(cost), "micro", "lower"),
        PEAK: Indicator(round(peak_w), "W", "lower"),
        COMFORT: Indicator(round(_SHARE * comfort), "of 10,000", "higher"),
    }


def _to_twin(inputs: FleetInputs, edit: Edit) -> twin_edits.Edit:
    if edit.line not in inputs.vehicles.owner_ids:
        raise EditError(f"the plan has no line {edit.line!r}; its lines are vehicles' owner ids")
    if not 0 <= edit.slot < inputs.horizon.slots:
        raise EditError(
            f"{edit.line} has slots 0 to {inputs.horizon.slots - 1}, there is no slot {edit.slot}"
        )
    return twin_edits.Edit(edit.line, edit.slot, float(edit.value_w))


PLANNER = FleetPlanner()
