"""Noise, by OpenDP: discrete Laplace on integers, from its own secure source of randomness.

Nothing here can be seeded. The loss of privacy is OpenDP's own bound for the mechanism it made,
not a formula of ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from wattproof.errors import InvalidError

_CONFIDENCE_MISSED: Final = 0.05
_LARGEST_SENSITIVITY: Final = 1 << 40
"""Wh; beyond it the noise of the smallest epsilon comes near the integers' end."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Adds noise so that neighbours cannot be told apart by more than epsilon.

    Attributes:
        scale: of the discrete Laplace distribution, Wh.
    """

    measurement: Any
    scale: float

    def __call__(self, sums_wh: Sequence[int]) -> list[int]:
        """Fresh noise each time: whoever calls twice and shows both spends twice."""
        noisy: list[int] = self.measurement(list(sums_wh))
        return noisy

    def loss(self, sensitivity_wh: int) -> float:
        """OpenDP's bound on epsilon for neighbours at this distance."""
        return float(self.measurement.map(sensitivity_wh))

    def error_wh(self, values: int) -> int:
        """What the noise of all of so many values stays within, with 95 %."""
        from opendp.accuracy import discrete_laplacian_scale_to_accuracy

        missed = _CONFIDENCE_MISSED / values
        error: float = discrete_laplacian_scale_to_accuracy(scale=self.scale, alpha=missed)
        return math.ceil(error)


def mechanism(sensitivity_wh: int, epsilon_milli: int) -> Mechanism:
    """The most accurate mechanism whose loss is within epsilon.

    Raises:
        InvalidError: the sensitivity is beyond what can be computed exactly.
    """
    if not 0 < sensitivity_wh <= _LARGEST_SENSITIVITY:
        raise InvalidError("the devices' capacities are too large; ask with a smaller clamp_w")
    epsilon = Fraction(epsilon_milli, 1_000)
    scale = sensitivity_wh / (epsilon_milli / 1_000)
    while Fraction(_made(scale).map(sensitivity_wh)) > epsilon:
        scale = math.nextafter(scale, math.inf)
    return Mechanism(_made(scale), scale)


def _made(scale: float) -> Any:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    integers = dp.vector_domain(dp.atom_domain(T="i64"))
    return dp.m.make_laplace(integers, dp.l1_distance(T="i64"), scale=scale)
