"""What prices to expect: the equilibrium of the whole system, as the twin finds it.

Whoever bids needs to know what a certificate will be worth before any was traded. The twin counts
in MWh, this market in kWh and Wh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from market.green_quota.costs import ThermalCosts, WindCosts
from market.green_quota.electricity_bids import CertificateOutlook
from twin.green_quota.equilibrium import Equilibrium
from twin.green_quota.system import Cost, Demand, Kind, Producer, QuotaSystem, Withholding

KWH_PER_MWH = 1e3
_WH_PER_MWH = 1e6


@dataclass(frozen=True, slots=True)
class Supply:
    """A producer of a slot: ``available_wh`` is what it can give at most.

    ``withholds`` says whether it is thought to hold certificates back where that pays.
    """

    costs: ThermalCosts | WindCosts
    available_wh: float
    withholds: bool = False


@dataclass(frozen=True, slots=True)
class Consumption:
    """Consumers of a slot: they pay ``worth_per_kwh`` for the first kWh, certificates included, and
    take ``load_wh`` where it costs ``usual_per_kwh``, more or less in a straight line."""

    worth_per_kwh: float
    usual_per_kwh: float
    load_wh: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.usual_per_kwh < self.worth_per_kwh or not self.load_wh > 0.0:
            raise ValueError("0 <= usual_per_kwh < worth_per_kwh and load_wh > 0 must hold")

    @property
    def demand(self) -> Demand:
        """As the twin takes it."""
        fall = (self.worth_per_kwh - self.usual_per_kwh) * KWH_PER_MWH
        return Demand(self.worth_per_kwh * KWH_PER_MWH, fall / (self.load_wh / _WH_PER_MWH))


def quota_system(
    name: str,
    supplies: Mapping[str, Supply],
    consumption: Consumption,
    owed_share: float,
    penalty_per_kwh: float,
) -> QuotaSystem:
    """One slot of both platforms as the twin's system; the penalty is its buy-out price.

    Args:
        owed_share: certificates owed for each kWh consumed.
    """
    return QuotaSystem(
        name=name,
        producers=tuple(_producer(owner, supply) for owner, supply in supplies.items()),
        demand=consumption.demand,
        ratio=owed_share,
        buy_out_price=penalty_per_kwh * KWH_PER_MWH,
    )


def outlook_of(equilibrium: Equilibrium, penalty_per_kwh: float) -> CertificateOutlook:
    """What bidders expect who hold the equilibrium's price for the right one."""
    return CertificateOutlook(equilibrium.certificate_price / KWH_PER_MWH, penalty_per_kwh)


def _producer(name: str, supply: Supply) -> Producer:
    costs = supply.costs
    withholds = Withholding.CERTIFICATES if supply.withholds else Withholding.NOTHING
    available_mwh = supply.available_wh / _WH_PER_MWH
    maintenance = Cost(per_mwh=costs.maintenance_per_kwh * KWH_PER_MWH)
    depreciation = Cost(costs.depreciation_per_slot, costs.depreciation_per_kwh * KWH_PER_MWH)
    if isinstance(costs, ThermalCosts):
        if supply.withholds:
            raise ValueError(f"{name} is thermal: it has no certificates to hold back")
        return Producer(
            name=name,
            kind=Kind.THERMAL,
            fuel=_rising(costs.fuel_per_kwh, costs.fuel_slope_per_kwh2),
            maintenance=maintenance,
            depreciation=depreciation,
            available_mwh=available_mwh,
        )
    return Producer(
        name=name,
        kind=Kind.RENEWABLE,
        backup=_rising(costs.backup_per_kwh, costs.backup_slope_per_kwh2),
        maintenance=maintenance,
        depreciation=depreciation,
        available_mwh=available_mwh,
        withholds=withholds,
    )


def _rising(per_kwh: float, slope_per_kwh2: float) -> Cost:
    return Cost(0.0, per_kwh * KWH_PER_MWH, slope_per_kwh2 * KWH_PER_MWH * KWH_PER_MWH)
