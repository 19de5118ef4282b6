"""The four steps every twin takes.

Source: ITU-T FGMV-09 and FGMV-27 (power metaverse): build the twin of a physical asset, generate
scenario samples in batch, decide by optimisation, close the loop with what was measured.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np

SiteT = TypeVar("SiteT", contravariant=True)
ModelT = TypeVar("ModelT")
SamplesT = TypeVar("SamplesT")
SignalT = TypeVar("SignalT", contravariant=True)
PlanT = TypeVar("PlanT", covariant=True)
OutcomeT = TypeVar("OutcomeT", contravariant=True)


class Twin(Protocol[SiteT, ModelT, SamplesT, SignalT, PlanT, OutcomeT]):
    """A physical asset that can be built, sampled, planned and corrected.

    Everything handed from one step to the next is a frozen dataclass. Arrays over time are
    shaped (scenario, slot), or (scenario, asset) and (asset, slot) where there are many assets.
    """

    def construct(self, site: SiteT) -> ModelT:
        """Build the model from the description of a site and its history."""
        ...

    def sample(self, model: ModelT, rng: np.random.Generator, n: int) -> SamplesT:
        """Draw ``n`` scenarios; the same generator state gives the same numbers."""
        ...

    def decide(self, model: ModelT, samples: SamplesT, signal: SignalT) -> PlanT:
        """Choose a plan for the signal (prices, limits) in view of the scenarios."""
        ...

    def close_loop(self, model: ModelT, outcome: OutcomeT) -> ModelT:
        """Return the model corrected by what was metered. The given model is not changed."""
        ...
