"""Who produces at which cost, what consumers pay, and what the quota's rules are.

Energy is in MWh of one period, money in a currency; one certificate stands for one MWh here (the
chain counts in Wh). Costs are short-run costs: what is fixed is paid whatever is produced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


LARGEST = 1e12
"""Numbers beyond are typing errors, or lose the digits that matter."""
LEAST_RATIO = 1e-9
"""The smallest quota above 0; on the chain a quota is counted in millionths."""


class QuotaError(ValueError):
    """A system that cannot be, or that has no equilibrium; says what is wrong and what would do."""


class Kind(StrEnum):
    """What a producer is to the quota: only renewable output earns certificates."""

    THERMAL = "thermal"
    RENEWABLE = "renewable"


class Withholding(StrEnum):
    """What a producer holds back where that pays; the others take prices as they find them.

    ``ELECTRICITY``: it sets its output and sells every certificate it earns. ``CERTIFICATES``: it
    sets how many certificates it sells and offers its electricity at cost. ``BOTH``: it sets both.
    """

    NOTHING = "nothing"
    ELECTRICITY = "electricity"
    CERTIFICATES = "certificates"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Cost:
    """``fixed + per_mwh * q + slope / 2 * q**2`` for an output of q MWh; nothing is negative."""

    fixed: float = 0.0
    per_mwh: float = 0.0
    slope: float = 0.0


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer, its costs by what causes them, and its limits, MWh a period.

    ``fuel`` is a thermal producer's, ``backup`` (what balances an output that cannot be relied
    on) a renewable one's. ``least_mwh`` is produced whatever the price is. A renewable producer
    may produce less than ``available_mwh``: the rest is curtailed. None: no limit.
    """

    name: str
    kind: Kind
    fuel: Cost = Cost()
    maintenance: Cost = Cost()
    depreciation: Cost = Cost()
    backup: Cost = Cost()
    least_mwh: float = 0.0
    available_mwh: float | None = None
    withholds: Withholding = Withholding.NOTHING

    @property
    def parts(self) -> dict[str, Cost]:
        """The costs by name, in the order in which they are reported."""
        return {
            "fuel": self.fuel,
            "maintenance": self.maintenance,
            "depreciation": self.depreciation,
            "backup": self.backup,
        }


@dataclass(frozen=True, slots=True)
class Demand:
    """Consumers pay ``highest_price - slope * Q`` a MWh for Q MWh, certificates included."""

    highest_price: float
    slope: float


@dataclass(frozen=True, slots=True)
class QuotaSystem:
    """Producers and consumers of one period.

    ``ratio``: certificates needed a MWh consumed. ``buy_out_price``: what a missing certificate
    costs, which caps the price of certificates; None: the quota is met whatever it costs.
    """

    name: str
    producers: tuple[Producer, ...]
    demand: Demand
    ratio: float
    buy_out_price: float | None = None


def check_system(system: QuotaSystem) -> None:
    """Raises QuotaError for what cannot be, by name."""
    if not system.producers:
        raise QuotaError(f"{system.name}: a system needs at least one producer")
    check_ratio(system.ratio)
    _check_number("demand: highest_price", system.demand.highest_price, above_zero=True)
    _check_number("demand: slope", system.demand.slope, above_zero=True)
    if system.buy_out_price is not None:
        _check_number("buy_out_price", system.buy_out_price, above_zero=True)
    names = [producer.name for producer in system.producers]
    for name in names:
        if not name.strip():
            raise QuotaError(f"{system.name}: a producer has no name")
        if names.count(name) > 1:
            raise QuotaError(f"producer {name!r} is there {names.count(name)} times")
    for producer in system.producers:
        _check_producer(producer)
    unlimited = [each.name for each in system.producers if each.available_mwh is None]
    if unlimited and any(each.least_mwh > 0.0 for each in system.producers):
        raise QuotaError(
            f"{unlimited[0]} has no upper limit while another producer has a least output: "
            "give every producer available_mwh, or none a least_mwh"
        )


def check_ratio(ratio: float) -> None:
    """Raises QuotaError for a quota that is no share."""
    if not (isinstance(ratio, int | float) and 0.0 <= ratio <= 1.0):
        raise QuotaError(f"a quota is a share from 0 to 1, not {ratio}")
    if 0.0 < ratio < LEAST_RATIO:
        raise QuotaError(f"a quota of {ratio:g} is none: give 0, or {LEAST_RATIO:g} at least")


def _check_producer(producer: Producer) -> None:
    name = producer.name
    for part, cost in producer.parts.items():
        for field in ("fixed", "per_mwh", "slope"):
            _check_number(f"{name}: {part} {field}", getattr(cost, field))
    _check_number(f"{name}: least_mwh", producer.least_mwh)
    if producer.available_mwh is not None:
        _check_number(f"{name}: available_mwh", producer.available_mwh)
        if producer.available_mwh < producer.least_mwh:
            raise QuotaError(
                f"{name}: least_mwh {producer.least_mwh:g} is more than "
                f"available_mwh {producer.available_mwh:g}"
            )
    if producer.kind is Kind.RENEWABLE and producer.fuel != Cost():
        raise QuotaError(f"{name} is renewable and has fuel costs: give them as backup")
    if producer.kind is Kind.THERMAL:
        if producer.backup != Cost():
            raise QuotaError(f"{name} is thermal and has backup costs: give them as fuel")
        if producer.withholds in (Withholding.CERTIFICATES, Withholding.BOTH):
            raise QuotaError(
                f"{name} is thermal and earns no certificates: it can only withhold electricity"
            )


def _check_number(what: str, value: float, *, above_zero: bool = False) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise QuotaError(f"{what} is {value!r}: give a finite number")
    if value > LARGEST:
        raise QuotaError(f"{what} is {value:g}: numbers go to {LARGEST:g}; use a larger unit")
    if value < 0.0 or (above_zero and value < 1.0 / LARGEST):
        raise QuotaError(
            f"{what} is {value:g}: give a number {'above' if above_zero else 'from'} 0"
        )
