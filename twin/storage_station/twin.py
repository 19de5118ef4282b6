"""The station's twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.edits import Edit
from twin.storage_station.decision import decide
from twin.storage_station.learning import believe, believed_station, first_belief
from twin.storage_station.model import (
    StationModel,
    StationSamples,
    StationSignal,
    StationSite,
    check_site,
)
from twin.storage_station.plan import StationOutcome, StationPlan
from twin.storage_station.sampling import draw_samples
from twin.storage_station.station import StationState, check_state, check_station, run_slots


@dataclass(frozen=True, slots=True)
class StorageStationTwin:
    """Implements the protocol from :class:`StationSite` to :class:`StationOutcome`."""

    def construct(self, site: StationSite) -> StationModel:
        """Build the model. Raises StationError for what cannot be."""
        check_station(site.station)
        check_state(site.station, site.state)
        check_site(site)
        for longest_h in (site.station.longest_charge_h, site.station.longest_discharge_h):
            run_slots(longest_h, site.horizon.slot_hours)
        return StationModel(site, site.station, first_belief(site.station))

    def sample(self, model: StationModel, rng: np.random.Generator, n: int) -> StationSamples:
        """Draw ``n`` scenarios of load and prices, arrays (scenario, slot)."""
        return draw_samples(model, rng, n)

    def decide(
        self,
        model: StationModel,
        samples: StationSamples,
        signal: StationSignal,
        fixed: Sequence[Edit] = (),
    ) -> StationPlan:
        """Plan by the signal's mode; see :func:`twin.storage_station.decision.decide`."""
        return decide(model, samples, signal, fixed)

    def close_loop(self, model: StationModel, outcome: StationOutcome) -> StationModel:
        """Correct efficiencies and capacity, and take over how the station stands.

        Raises StationError for series that do not fit the horizon or cannot be.
        """
        hours = model.horizon.slot_hours
        belief = believe(
            model.belief,
            model.datasheet,
            outcome.charge_w * hours,
            outcome.discharge_w * hours,
            outcome.state_of_charge,
            outcome.first_state_of_charge,
            hours,
        )
        station = believed_station(model.datasheet, belief)
        state = _state_after(model, outcome, station.capacity_wh)
        least, most = station.least_wh, station.most_wh
        state = replace(state, stored_wh=min(max(state.stored_wh, least), most))
        end = model.site.end_least_wh
        site = replace(
            model.site,
            station=station,
            state=state,
            end_least_wh=None if end is None else min(max(end, least), most),
        )
        return StationModel(site, model.datasheet, belief)


def _state_after(model: StationModel, outcome: StationOutcome, capacity_wh: float) -> StationState:
    known = np.flatnonzero(~np.isnan(outcome.state_of_charge))
    if not known.size:
        return model.site.state
    share = float(outcome.state_of_charge[known[-1]])
    power = outcome.charge_w - outcome.discharge_w
    last = float(power[-1])
    if np.isnan(last):
        return StationState(share * capacity_wh)
    same = np.sign(power) == np.sign(last)
    run = power.size if same.all() else int(np.argmin(same[::-1]))
    return StationState(
        share * capacity_wh,
        float(np.clip(last, -model.station.discharge_power_w, model.station.charge_power_w)),
        run * model.horizon.slot_hours if last else 0.0,
    )
