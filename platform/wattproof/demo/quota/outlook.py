"""What everybody expects before anything was traded: the twin's equilibrium of a usual day."""

from __future__ import annotations

from dataclasses import dataclass

from market.green_quota.electricity_bids import CertificateOutlook
from market.green_quota.forecast import (
    KWH_PER_MWH,
    Consumption,
    Supply,
    outlook_of,
    quota_system,
)
from twin.green_quota.equilibrium import Equilibrium, competitive_equilibrium
from twin.green_quota.market_power import NoEquilibriumError, market_power_equilibrium
from wattproof.demo.quota.scene import Scene
from wattproof.quotas.service import Basis

_USUAL_PER_KWH = 0.06


@dataclass(frozen=True, slots=True)
class Expected:
    """The twin's equilibria of the first vintage's mean day.

    Attributes:
        competitive: with nobody holding anything back.
        likely: with whoever is large enough doing so; the same where there is no such equilibrium.
    """

    competitive: Equilibrium
    likely: Equilibrium
    penalty_per_kwh: float

    @property
    def outlook(self) -> CertificateOutlook:
        """What bids are made from."""
        return outlook_of(self.likely, self.penalty_per_kwh)

    @property
    def price_per_kwh(self) -> float:
        """Expected price of certificates, tokens per kWh."""
        return self.likely.certificate_price / KWH_PER_MWH

    @property
    def competitive_price_per_kwh(self) -> float:
        """The same with nobody holding anything back."""
        return self.competitive.certificate_price / KWH_PER_MWH


def expected(scene: Scene) -> Expected:
    """Both equilibria of the first vintage's mean day, as it is forecast."""
    quota = scene.quota_of(0)
    load_wh = sum(float(each.forecast_wh[0].mean()) for each in scene.retailers)
    wind_wh = {park.name: float(park.forecast_wh[0].mean()) for park in scene.wind}
    thermal_wh = load_wh - sum(wind_wh.values())
    owed_wh = 0.0
    for each in quota.obliged:
        if each.basis is Basis.CONSUMPTION:
            energy = next(r for r in scene.retailers if r.name == each.name).forecast_wh[0].mean()
        else:
            plant = next(p for p in scene.plants if p.name == each.name)
            energy = min(plant.available_wh, thermal_wh)
        owed_wh += float(energy) * quota.share(each.name)
    supplies = {
        **{
            park.name: Supply(park.costs, wind_wh[park.name], withholds=park.withholds > 0)
            for park in scene.wind
        },
        **{plant.name: Supply(plant.costs, plant.available_wh) for plant in scene.plants},
    }
    system = quota_system(
        scene.title,
        supplies,
        Consumption(scene.worth_per_kwh, _USUAL_PER_KWH, load_wh),
        owed_wh / load_wh,
        quota.penalty_per_kwh,
    )
    competitive = competitive_equilibrium(system)
    if not any(supply.withholds for supply in supplies.values()):
        return Expected(competitive, competitive, quota.penalty_per_kwh)
    try:
        return Expected(competitive, market_power_equilibrium(system), quota.penalty_per_kwh)
    except NoEquilibriumError:
        return Expected(competitive, competitive, quota.penalty_per_kwh)
