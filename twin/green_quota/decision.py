"""Equilibria over scenarios, and what they come to on average."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twin.green_quota.equilibrium import Equilibrium, Mode, competitive_equilibrium
from twin.green_quota.market_power import market_power_equilibrium
from twin.green_quota.model import QuotaModel, QuotaPlan, QuotaSamples, QuotaSignal
from twin.green_quota.sampling import scenario_system
from twin.green_quota.system import FloatArray, QuotaError, check_ratio


def decide(model: QuotaModel, samples: QuotaSamples, signal: QuotaSignal) -> QuotaPlan:
    """The equilibrium of every scenario at the signal's quota.

    Raises QuotaError for samples that do not fit, and where no scenario has an equilibrium.
    """
    count = len(model.system.producers)
    scenarios = samples.fuel.size
    if samples.wind.shape != (scenarios, count) or samples.demand.shape != (scenarios,):
        raise QuotaError(
            f"samples shaped {samples.wind.shape}, {samples.fuel.shape} and "
            f"{samples.demand.shape} do not fit {count} producers"
        )
    ratio = model.system.ratio if signal.ratio is None else signal.ratio
    check_ratio(ratio)
    solve = (
        market_power_equilibrium if signal.mode is Mode.MARKET_POWER else competitive_equilibrium
    )
    found: list[Equilibrium | None] = []
    why: list[str] = []
    for scenario in range(scenarios):
        system = scenario_system(model.system, samples, scenario)
        try:
            found.append(solve(system, ratio))
            why.append("")
        except QuotaError as error:
            found.append(None)
            why.append(str(error))
    known = [each for each in found if each is not None]
    if not known:
        raise QuotaError(why[0])

    def mean(of: Callable[[Equilibrium], float]) -> float:
        return float(np.mean([of(each) for each in known]))

    def mean_of_each(of: Callable[[Equilibrium], FloatArray]) -> FloatArray:
        means: FloatArray = np.mean([of(each) for each in known], axis=0)
        return means

    return QuotaPlan(
        equilibria=tuple(found),
        missing_because=tuple(why),
        mean_wholesale_price=mean(lambda each: each.wholesale_price),
        mean_certificate_price=mean(lambda each: each.certificate_price),
        mean_retail_price=mean(lambda each: each.retail_price),
        mean_consumed=mean(lambda each: each.consumed),
        mean_output=mean_of_each(lambda each: each.output),
        mean_offered=mean_of_each(lambda each: each.offered),
        mean_profit=mean_of_each(lambda each: each.profit),
    )
