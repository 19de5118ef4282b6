"""The station's plan at the dispatch centre: what a person may fix, and what it then amounts to.

A person fixes the station's power. The state of charge follows from it and is no line of its own:
what must be ready when is said in the inputs (`StationSite.reserve_wh`, `end_least_wh`), and how
far the plan keeps it is the comfort indicator.
"""

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
from market.storage_station.bids import ELECTRICITY
from twin import edits as twin_edits
from twin.milp import SolverError
from twin.storage_station.learning import EfficiencyBelief
from twin.storage_station.model import StationModel, StationSignal, StationSite
from twin.storage_station.plan import LINES, StationAccount, StationOutcome, StationPlan, account
from twin.storage_station.station import FloatArray, StationError, StorageStation, check_station
from twin.storage_station.twin import StorageStationTwin

_CYCLES = "full_cycles"
_STORED = "stored_at_end"
_SHARE = 10_000
_THOUSAND = 1_000
_W_PER_KW = 1_000.0


@dataclass(frozen=True, slots=True)
class StationInputs:
    """What a plan is made from.

    Attributes:
        datasheet: the station as it was bought, where ``site.station`` has been corrected since;
            None before the first metered day. ``belief`` is what metered days have taught.
        scenarios: how many days are sampled, with ``seed``.
    """

    site: StationSite
    signal: StationSignal
    datasheet: StorageStation | None = None
    belief: EfficiencyBelief | None = None
    scenarios: int = 16
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.scenarios <= 1_000:
            raise ValueError(f"scenarios must lie in 1 .. 1,000, not {self.scenarios}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, as {self.seed} is")
        if (self.datasheet is None) != (self.belief is None):
            raise ValueError("datasheet and belief are given together, or neither")
        belief = self.belief
        if belief is not None and (belief.information.shape, belief.evidence.shape) != (
            (2, 2),
            (2,),
        ):
            raise ValueError("belief.information must be 2 by 2, belief.evidence have 2 values")
        if belief is not None and not np.linalg.det(belief.information) > 0.0:
            raise ValueError("belief.information must be positive definite: leave belief out")
        if self.signal.price_per_kwh.shape != (self.site.horizon.slots,):
            raise ValueError(
                f"signal has {self.signal.price_per_kwh.size} prices for "
                f"{self.site.horizon.slots} slots"
            )
        horizon = self.site.horizon
        if int(horizon.start.timestamp()) % horizon.slot_seconds:
            raise ValueError("site.horizon.start must be the start of a slot")

    def model(self) -> StationModel:
        """The twin's model, with what metered days have taught. Raises StationError."""
        model = StorageStationTwin().construct(self.site)
        if self.datasheet is None or self.belief is None:
            return model
        check_station(self.datasheet)
        return replace(model, datasheet=self.datasheet, belief=self.belief)


@dataclass(frozen=True, slots=True)
class ObservedStation:
    """What the battery's management system says: state of charge after each slot, shape (slot,),
    and before the first, shares of what it holds."""

    state_of_charge: FloatArray
    first_state_of_charge: float


def planned_day(inputs: StationInputs, edits: Sequence[Edit] = ()) -> StationPlan:
    """The twin's own plan with the edits fixed.

    Raises:
        EditError: an edit of no line or slot of the plan.
        InfeasibleError: the edits cannot stand together, or there is no plan at all.
    """
    fixed = [_to_twin(inputs, edit) for edit in edits]
    twin = StorageStationTwin()
    model = inputs.model()
    samples = twin.sample(model, np.random.default_rng(inputs.seed), inputs.scenarios)
    try:
        return twin.decide(model, samples, inputs.signal, fixed)
    except twin_edits.InfeasiblePlanError as error:
        raise infeasible(error, error.conflicts, fixed, edits) from error
    except StationError as error:
        raise infeasible(error, (), fixed, edits) from error
    except SolverError as error:
        raise InputsError(
            f"inputs: no plan was found ({error}): prices, costs or powers are too large, or "
            "differ by too many orders of magnitude"
        ) from error


def dispatch_plan(plan: StationPlan, signal: StationSignal) -> DispatchPlan:
    """The twin's plan as what is approved and signed; its cost is `day_cost`'s."""
    horizon = plan.horizon
    return DispatchPlan(
        first_slot=int(horizon.start.timestamp()) // horizon.slot_seconds,
        slot_seconds=horizon.slot_seconds,
        lines={ELECTRICITY: tuple(round(power) for power in plan.power_w.tolist())},
        indicators={
            COST: Indicator(
                money_micro(day_cost(plan.account, plan.draw_w, signal)), "micro", "lower"
            ),
            PEAK: Indicator(round(float(plan.draw_w.max())), "W", "lower"),
            COMFORT: Indicator(
                round(_SHARE * float(plan.satisfaction.mean())), "of 10,000", "higher"
            ),
            _CYCLES: Indicator(round(_THOUSAND * plan.full_cycles), "thousandths", "lower"),
            _STORED: Indicator(round(float(plan.stored_wh[-1])), "Wh", "higher"),
        },
    )


def day_cost(account: StationAccount, draw_w: FloatArray, signal: StationSignal) -> float:
    """What a day costs, currency: less its profit, and the price of the peak beyond the one that
    was reached before, less the worth of the valley, where they have one."""
    peak_kw = max(float(draw_w.max()) - signal.peak_before_w, 0.0) / _W_PER_KW
    valley_kw = float(draw_w.min()) / _W_PER_KW
    billed = signal.peak_per_kw * peak_kw - signal.valley_per_kw * valley_kw
    return billed - account.profit


class StationPlanner:
    """Plans a storage station's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> StationInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        inputs = read(StationInputs, raw)
        try:
            inputs.model()
        except ValueError as error:
            raise InputsError(f"inputs.site: {error}") from error
        return inputs

    def solve(self, inputs: StationInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed; edited values are kept to the W."""
        return dispatch_plan(planned_day(inputs, edits), inputs.signal).keeping(edits)

    def measure(
        self,
        inputs: StationInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Correct efficiencies and capacity; ``observed`` is an `ObservedStation`.

        The meter's own line says what flowed; slots that it misses teach nothing.
        """
        deviation = metered_deviation_wh(plan, metered)
        if not observed or ELECTRICITY not in metered:
            return Measurement(to_json(inputs), deviation)
        seen = read(ObservedStation, observed, "observed")
        net_wh = np.array([np.nan if wh is None else wh for wh in metered[ELECTRICITY]], float)
        hours = inputs.site.horizon.slot_hours
        charge_wh, discharge_wh = np.maximum(net_wh, 0.0), np.maximum(-net_wh, 0.0)
        outcome = StationOutcome(
            charge_wh / hours,
            discharge_wh / hours,
            seen.state_of_charge,
            seen.first_state_of_charge,
        )
        try:
            model = StorageStationTwin().close_loop(inputs.model(), outcome)
        except ValueError as error:
            raise InputsError(f"observed: {error}") from error
        corrected = replace(inputs, site=model.site, datasheet=model.datasheet, belief=model.belief)
        return Measurement(
            to_json(corrected), deviation, _metered_indicators(inputs, charge_wh, discharge_wh)
        )


def _metered_indicators(
    inputs: StationInputs, charge_wh: FloatArray, discharge_wh: FloatArray
) -> dict[str, Indicator]:
    """What the day came to at the signal's prices; nothing where the meter missed a slot."""
    if not np.isfinite(charge_wh).all():
        return {}
    horizon = inputs.site.horizon
    came_to = account(
        inputs.site.station,
        charge_wh,
        discharge_wh,
        inputs.signal.price_per_kwh,
        horizon.duration_seconds / 3_600.0,
    )
    draw_w = inputs.model().load_w + (charge_wh - discharge_wh) / horizon.slot_hours
    return {
        COST: Indicator(money_micro(day_cost(came_to, draw_w, inputs.signal)), "micro", "lower"),
        PEAK: Indicator(round(float(draw_w.max())), "W", "lower"),
    }


def _to_twin(inputs: StationInputs, edit: Edit) -> twin_edits.Edit:
    check_place(edit, LINES, inputs.site.horizon.slots)
    return twin_edits.Edit(edit.line, edit.slot, float(edit.value_w))


PLANNER = StationPlanner()
