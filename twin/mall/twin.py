"""The mall's twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.comfort import neutral_limits_c
from twin.edits import Edit
from twin.mall.building import check_mall
from twin.mall.decide import decide
from twin.mall.learning import learned
from twin.mall.model import (
    GridSignal,
    MallModel,
    MallSamples,
    MallShapeError,
    MallSite,
    check_lengths,
)
from twin.mall.plan import MallOutcome, MallPlan, Strategy
from twin.mall.sampling import draw_samples
from twin.mall.votes import shifted_band


@dataclass(frozen=True, slots=True)
class MallTwin:
    """Implements the protocol from :class:`MallSite` to :class:`MallOutcome`."""

    strategy: Strategy = Strategy.LOAD_SHIFTING

    def construct(self, site: MallSite) -> MallModel:
        """Build the model.

        Raises:
            MallError: for a mall that cannot exist.
            MallShapeError: where zones, state and series do not fit.
            ComfortBandError: where nobody could be comfortable.
            VoteError: for tallies that no ballot gives.
        """
        check_mall(site.mall)
        check_lengths(site.horizon, site.forecast)
        zones = len(site.mall.zones)
        series = {
            "air_c": site.state.air_c,
            "mass_c": site.state.mass_c,
            "set_point_c": site.set_point_c,
        }
        for name, values in series.items():
            if values.shape != (zones,) or not np.isfinite(values).all():
                raise MallShapeError(f"{name} must hold a temperature for each of {zones} zones")
        if not 0.0 <= site.state.stored_wh <= site.mall.store.capacity_wh:
            raise MallShapeError(
                f"the store holds {site.state.stored_wh:g} Wh, which is not between 0 and its "
                f"capacity of {site.mall.store.capacity_wh:g} Wh"
            )
        if not 0.0 < site.comfort_share <= 1.0:
            raise MallShapeError(f"comfort_share {site.comfort_share:g} is not in (0, 1]")
        band = shifted_band(neutral_limits_c(site.comfort), site.mall.zone_names, site.votes)
        return MallModel(
            horizon=site.horizon,
            mall=site.mall,
            state=site.state,
            forecast=site.forecast,
            set_point_c=site.set_point_c,
            comfort=site.comfort,
            band=band,
            errors=site.errors,
            comfort_share=site.comfort_share,
        )

    def sample(self, model: MallModel, rng: np.random.Generator, n: int) -> MallSamples:
        """Draw ``n`` days of weather and customers, arrays (scenario, slot)."""
        return draw_samples(model.forecast, model.errors, model.horizon, rng, n)

    def decide(
        self,
        model: MallModel,
        samples: MallSamples,
        signal: GridSignal,
        fixed: Sequence[Edit] = (),
    ) -> MallPlan:
        """Plan the day by the twin's strategy; see :func:`twin.mall.decide.decide`."""
        return decide(model, samples, signal, self.strategy, fixed)

    def close_loop(self, model: MallModel, outcome: MallOutcome) -> MallModel:
        """Correct heat balance and loads by what was metered; see :mod:`twin.mall.learning`."""
        return learned(model, outcome)
