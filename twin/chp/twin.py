"""The plant's twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.chp.decision import plan_day
from twin.chp.learning import first_belief, learn_day
from twin.chp.model import ChpModel, ChpSamples, ChpShapeError, ChpSite, GridSignal, check_lengths
from twin.chp.plan import ChpOutcome, ChpPlan, Strategy
from twin.chp.plant import check_plant
from twin.chp.sampling import draw_days
from twin.edits import Edit


@dataclass(frozen=True, slots=True)
class ChpTwin:
    """Implements the protocol from :class:`ChpSite` to :class:`ChpOutcome`.

    Without a ``strategy`` the standard's rule chooses one day by day.
    """

    strategy: Strategy | None = None

    def construct(self, site: ChpSite) -> ChpModel:
        """Build the model.

        Raises ChpPlantError for a plant that cannot exist, ChpShapeError for a forecast or a
        state that does not fit it.
        """
        check_plant(site.plant)
        check_lengths(site.horizon, site.forecast)
        state, store = site.state, site.plant.store
        if not 0.0 <= state.stored_wh <= store.capacity_wh:
            raise ChpShapeError(
                f"{state.stored_wh / 1e6:g} MWh cannot be stored in {store.capacity_wh / 1e6:g} MWh"
            )
        if not np.isfinite([state.indoor_c, state.structure_c]).all():
            raise ChpShapeError("indoor and structure temperature must be numbers")
        return ChpModel(
            horizon=site.horizon,
            plant=site.plant,
            state=state,
            forecast=site.forecast,
            errors=site.errors,
            belief=first_belief(site.plant.buildings),
        )

    def sample(self, model: ChpModel, rng: np.random.Generator, n: int) -> ChpSamples:
        """Draw ``n`` days of weather, wind and hot water, arrays (scenario, slot)."""
        return draw_days(model, rng, n)

    def decide(
        self,
        model: ChpModel,
        samples: ChpSamples,
        signal: GridSignal,
        fixed: Sequence[Edit] = (),
    ) -> ChpPlan:
        """Plan the day over the scenarios (one counts as known), with ``fixed`` values honoured.

        Raises InfeasiblePlanError, which names conflicting edits or the limits that cannot be kept.
        """
        return plan_day(model, samples, signal, self.strategy, fixed)

    def close_loop(self, model: ChpModel, outcome: ChpOutcome) -> ChpModel:
        """Correct heat loss and gain, and take over how things stand; see the learning module."""
        return learn_day(model, outcome)
