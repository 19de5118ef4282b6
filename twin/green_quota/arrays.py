"""A system as arrays over its producers, in units in which the highest price and the demand at
price 0 are both 1: tolerances then mean the same whatever units a system is given in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.green_quota.system import (
    BoolArray,
    FloatArray,
    Kind,
    QuotaSystem,
    Withholding,
    check_system,
)

_UNLIMITED = 2.0
"""More than anybody can sell at a price above 0; limits beyond that do not matter."""


@dataclass(frozen=True, slots=True)
class Market:
    """Producers as arrays (producer,), scaled; inverse demand is ``1 - Q``.

    ``marginal`` and ``slope`` make the marginal cost ``marginal + slope * q``; output lies in
    [``least``, ``most``]; ``buy_out`` is infinite without one. ``price_unit`` (currency a MWh) and
    ``energy_unit`` (MWh) lead back.
    """

    names: tuple[str, ...]
    marginal: FloatArray
    slope: FloatArray
    least: FloatArray
    most: FloatArray
    renewable: BoolArray
    sets_output: BoolArray
    sets_certificates: BoolArray
    buy_out: float
    price_unit: float
    energy_unit: float

    @property
    def price_taking(self) -> Market:
        """The same market with nobody holding anything back."""
        nobody = np.zeros(len(self.names), dtype=bool)
        return replace(self, sets_output=nobody, sets_certificates=nobody)

    @property
    def strategic(self) -> tuple[int, ...]:
        """Who holds something back, in the order of the producers."""
        return tuple(np.flatnonzero(self.sets_output | self.sets_certificates).tolist())

    def variable_cost(self, output: FloatArray) -> FloatArray:
        """What output costs beyond what is fixed, (producer,)."""
        cost: FloatArray = output * (self.marginal + 0.5 * self.slope * output)
        return cost


def market_of(system: QuotaSystem) -> Market:
    """The system as scaled arrays. Raises QuotaError for what cannot be."""
    check_system(system)
    price, energy = system.demand.highest_price, system.demand.highest_price / system.demand.slope
    producers = system.producers
    parts = [list(each.parts.values()) for each in producers]
    withheld = [each.withholds for each in producers]
    least = np.array([each.least_mwh for each in producers]) / energy
    most = [np.inf if each.available_mwh is None else each.available_mwh for each in producers]
    return Market(
        names=tuple(each.name for each in producers),
        marginal=np.array([sum(cost.per_mwh for cost in of) for of in parts]) / price,
        slope=np.array([sum(cost.slope for cost in of) for of in parts]) * energy / price,
        least=least,
        most=np.maximum(np.minimum(np.array(most) / energy, _UNLIMITED), least),
        renewable=np.array([each.kind is Kind.RENEWABLE for each in producers]),
        sets_output=np.array([w in (Withholding.ELECTRICITY, Withholding.BOTH) for w in withheld]),
        sets_certificates=np.array(
            [w in (Withholding.CERTIFICATES, Withholding.BOTH) for w in withheld]
        ),
        buy_out=np.inf if system.buy_out_price is None else system.buy_out_price / price,
        price_unit=price,
        energy_unit=energy,
    )
