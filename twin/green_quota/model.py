"""What is handed from one step of the twin to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.green_quota.equilibrium import Equilibrium, Mode
from twin.green_quota.learning import CostBelief
from twin.green_quota.system import BoolArray, FloatArray, QuotaError, QuotaSystem

_TOP_SHARE = 0.98


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How much wind, fuel prices and demand differ from period to period; all shares.

    ``mean_wind_share``: what ``available_mwh`` is of what a renewable producer could do in full
    wind; ``wind_spread``: standard deviation of that share; ``wind_correlation`` between them.
    ``fuel_spread`` and ``demand_spread``: standard deviations of the logarithm of the fuel price,
    and of the demand at any price.
    """

    mean_wind_share: float = 0.35
    wind_spread: float = 0.2
    wind_correlation: float = 0.6
    fuel_spread: float = 0.15
    demand_spread: float = 0.08


@dataclass(frozen=True, slots=True)
class QuotaSite:
    """The system as described, and how much of it changes."""

    system: QuotaSystem
    uncertainty: Uncertainty = Uncertainty()


@dataclass(frozen=True, slots=True)
class QuotaModel:
    """``described`` stays as it was given; ``system`` has the costs as settled rounds show them."""

    described: QuotaSystem
    system: QuotaSystem
    uncertainty: Uncertainty
    belief: CostBelief


@dataclass(frozen=True, slots=True)
class QuotaSamples:
    """Factors on the system: ``wind`` (scenario, producer) on what is available (1 for thermal),
    ``fuel`` (scenario,) on fuel costs, ``demand`` (scenario,) on the demand at any price."""

    wind: FloatArray
    fuel: FloatArray
    demand: FloatArray


@dataclass(frozen=True, slots=True)
class QuotaSignal:
    """The quota to decide for, None for the system's, and how producers behave."""

    ratio: float | None = None
    mode: Mode = Mode.COMPETITIVE


@dataclass(frozen=True, slots=True)
class QuotaPlan:
    """The equilibrium of every scenario, and what it comes to on average.

    ``equilibria`` has a None where a scenario has none (``missing_because`` says why); means are
    over the others. ``mean_output``, ``mean_offered`` and ``mean_profit`` are (producer,).
    """

    equilibria: tuple[Equilibrium | None, ...]
    missing_because: tuple[str, ...]
    mean_wholesale_price: float
    mean_certificate_price: float
    mean_retail_price: float
    mean_consumed: float
    mean_output: FloatArray
    mean_offered: FloatArray
    mean_profit: FloatArray


@dataclass(frozen=True, slots=True)
class QuotaOutcome:
    """Settled rounds: prices (round,) in currency a MWh, metered ``output`` (round, producer) MWh.

    ``fuel`` (round,) is the factor on fuel costs; ``limited`` (round, producer) marks output that
    a limit or curtailment held, which says nothing of costs; NaN in output: not known.
    """

    wholesale_price: FloatArray
    certificate_price: FloatArray
    output: FloatArray
    fuel: FloatArray
    limited: BoolArray


def check_uncertainty(given: Uncertainty) -> None:
    """Raises QuotaError for spreads that cannot be."""
    for name in ("wind_spread", "fuel_spread", "demand_spread", "wind_correlation"):
        value = getattr(given, name)
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise QuotaError(f"{name} is {value:g}: give a number from 0 to 1")
    mean = given.mean_wind_share
    if not (math.isfinite(mean) and 0.0 < mean <= _TOP_SHARE):
        raise QuotaError(f"mean_wind_share is {mean:g}: give one above 0 and up to {_TOP_SHARE}")
    widest = math.sqrt(mean * (1.0 - mean))
    if given.wind_spread >= widest:
        raise QuotaError(
            f"wind_spread is {given.wind_spread:g}; a share of mean {mean:g} spreads by less "
            f"than {widest:.3g}"
        )
