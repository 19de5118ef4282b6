"""What a market comes to: prices, outputs and certificates, back in the system's own units."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.green_quota.arrays import Market, market_of
from twin.green_quota.clearing import Clearing, NoSupplyError, PriceTakers
from twin.green_quota.conditions import residual
from twin.green_quota.system import BoolArray, FloatArray, QuotaError, QuotaSystem, check_ratio


class Mode(StrEnum):
    """How producers are taken to behave."""

    COMPETITIVE = "competitive"
    MARKET_POWER = "market-power"


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """Prices in currency a MWh (or a certificate), amounts in MWh (or certificates) of the period.

    Arrays are (producer,). ``issued`` is the renewable output, ``offered`` what of it is sold or
    for sale, ``used`` what the quota takes of it; ``price_taking_output`` what each would produce
    at these very prices if it took them as given. ``bought_out`` are certificates paid for at the
    buy-out price. ``profit`` is after fixed costs, ``margin`` before. ``residual``: see
    :mod:`twin.green_quota.conditions`. ``deviation_gain`` is the most a producer could gain by
    deviating alone, relative to its profit scale (see :mod:`twin.green_quota.market_power`).
    """

    system: QuotaSystem
    mode: Mode
    ratio: float
    wholesale_price: float
    certificate_price: float
    retail_price: float
    consumed: float
    bought_out: float
    output: FloatArray
    issued: FloatArray
    offered: FloatArray
    used: FloatArray
    price_taking_output: FloatArray
    marginal_cost: FloatArray
    electricity_revenue: FloatArray
    certificate_revenue: FloatArray
    margin: FloatArray
    profit: FloatArray
    residual: float
    deviation_gain: float

    @property
    def renewable(self) -> BoolArray:
        """Who is renewable, (producer,)."""
        return np.array([each.kind == "renewable" for each in self.system.producers])


def competitive_equilibrium(system: QuotaSystem, ratio: float | None = None) -> Equilibrium:
    """The equilibrium of price takers, at the system's quota or at ``ratio``.

    Quantities are unique but where producers cost the same; where prices are not, the lowest
    certificate price is given. Raises QuotaError for a system that cannot be or cannot meet its
    quota.
    """
    market = market_of(system).price_taking
    alpha = system.ratio if ratio is None else ratio
    check_ratio(alpha)
    return competitive_outcome(system, market, everybody(market), alpha)


def everybody(market: Market) -> PriceTakers:
    """All producers as price takers."""
    return PriceTakers(
        market.marginal,
        market.slope,
        market.least,
        market.most,
        market.renewable,
        market.buy_out,
    )


def competitive_outcome(
    system: QuotaSystem, market: Market, takers: PriceTakers, ratio: float
) -> Equilibrium:
    """The same from curves made before, for many quotas."""
    try:
        cleared = takers.clear(ratio)
    except NoSupplyError:
        raise unmet(system, market, ratio) from None
    output = np.empty(len(market.names))
    output[~market.renewable], output[market.renewable] = cleared.brown, cleared.green
    offered = np.where(market.renewable, output, 0.0)
    return outcome(system, market, ratio, cleared, output, offered)


def unmet(system: QuotaSystem, market: Market, ratio: float) -> QuotaError:
    """Why a quota cannot be met, and what would do."""
    energy = market.energy_unit
    most = float(market.most[market.renewable].sum()) * energy
    least = float(market.least[~market.renewable].sum()) * energy
    return QuotaError(
        f"{system.name}: a quota of {ratio:g} cannot be met: renewables produce at most {most:g} "
        f"MWh while thermal producers produce at least {least:g} MWh; lower the quota or the "
        "least outputs, or set buy_out_price"
    )


def outcome(
    system: QuotaSystem,
    market: Market,
    ratio: float,
    cleared: Clearing,
    output: FloatArray,
    offered: FloatArray,
    *,
    mode: Mode = Mode.COMPETITIVE,
    deviation_gain: float = 0.0,
) -> Equilibrium:
    """What prices and decisions (producer,), all scaled, come to in the system's units."""
    price, energy = market.price_unit, market.energy_unit
    issued = np.where(market.renewable, output, 0.0)
    offered_in_all = float(offered.sum())
    needed = ratio * cleared.consumed - cleared.bought_out
    share = min(needed / offered_in_all, 1.0) if offered_in_all > 0.0 else 0.0
    paid = cleared.wholesale + cleared.certificate * market.renewable
    electricity = cleared.wholesale * output
    certificates = cleared.certificate * offered
    margin = electricity + certificates - market.variable_cost(output)
    fixed = np.array([sum(cost.fixed for cost in each.parts.values()) for each in system.producers])
    money = price * energy
    return Equilibrium(
        system=system,
        mode=mode,
        ratio=ratio,
        wholesale_price=cleared.wholesale * price,
        certificate_price=cleared.certificate * price,
        retail_price=cleared.retail * price,
        consumed=cleared.consumed * energy,
        bought_out=cleared.bought_out * energy,
        output=output * energy,
        issued=issued * energy,
        offered=offered * energy,
        used=offered * share * energy,
        price_taking_output=price_taking_output(market, paid, output) * energy,
        marginal_cost=(market.marginal + market.slope * output) * price,
        electricity_revenue=electricity * money,
        certificate_revenue=certificates * money,
        margin=margin * money,
        profit=margin * money - fixed,
        residual=residual(
            market,
            ratio,
            cleared.wholesale,
            cleared.certificate,
            cleared.consumed,
            output,
            offered,
            ~market.sets_output,
        ),
        deviation_gain=deviation_gain,
    )


def price_taking_output(
    market: Market, paid: NDArray[np.floating[Any]], output: FloatArray
) -> FloatArray:
    """What each would produce at price ``paid`` (producer,); its ``output`` where that is open."""
    gain = paid - market.marginal
    rising = market.slope > 0.0
    wanted = np.where(
        rising,
        gain / np.where(rising, market.slope, 1.0),
        np.where(gain > 0.0, np.inf, np.where(gain < 0.0, -np.inf, output)),
    )
    supplied: FloatArray = np.clip(wanted, market.least, market.most)
    return supplied
