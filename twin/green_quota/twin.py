"""The supervisor's twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.green_quota.decision import decide
from twin.green_quota.learning import believe, believed_system, first_belief
from twin.green_quota.model import (
    QuotaModel,
    QuotaOutcome,
    QuotaPlan,
    QuotaSamples,
    QuotaSignal,
    QuotaSite,
    check_uncertainty,
)
from twin.green_quota.sampling import draw_samples
from twin.green_quota.system import check_system


@dataclass(frozen=True, slots=True)
class GreenQuotaTwin:
    """Implements the protocol from :class:`QuotaSite` to :class:`QuotaOutcome`."""

    def construct(self, site: QuotaSite) -> QuotaModel:
        """Build the model. Raises QuotaError for what cannot be."""
        check_system(site.system)
        check_uncertainty(site.uncertainty)
        return QuotaModel(site.system, site.system, site.uncertainty, first_belief(site.system))

    def sample(self, model: QuotaModel, rng: np.random.Generator, n: int) -> QuotaSamples:
        """Draw ``n`` scenarios of wind, fuel prices and demand."""
        return draw_samples(model, rng, n)

    def decide(self, model: QuotaModel, samples: QuotaSamples, signal: QuotaSignal) -> QuotaPlan:
        """The equilibrium of every scenario; see :func:`twin.green_quota.decision.decide`."""
        return decide(model, samples, signal)

    def close_loop(self, model: QuotaModel, outcome: QuotaOutcome) -> QuotaModel:
        """Correct what producers' marginal costs are believed to be by settled rounds.

        Raises QuotaError for series that do not fit the system or cannot be.
        """
        belief = believe(
            model.belief,
            model.described,
            outcome.wholesale_price,
            outcome.certificate_price,
            outcome.output,
            outcome.fuel,
            outcome.limited,
        )
        return replace(model, system=believed_system(model.described, belief), belief=belief)
