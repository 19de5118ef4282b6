"""What a supervisor reads off an equilibrium: surplus, mark-ups, concentration, what is held back.

Sources: A. P. Lerner, "The Concept of Monopoly and the Measurement of Monopoly Power", 1934 (price
less marginal cost, over price); Herfindahl-Hirschman index on a scale to 10,000; output gap as in
P. Joskow and E. Kahn, "A Quantitative Analysis of Pricing Behavior in California's Wholesale
Electricity Market During Summer 2000", 2002 (what would pay at the prices that are, less what is
produced).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.green_quota.equilibrium import Equilibrium
from twin.green_quota.system import BoolArray, FloatArray

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class KindTotals:
    """Totals of one kind of producer: MWh, certificates, currency; ``lerner`` weighs by output."""

    output: float
    electricity_revenue: float
    certificate_revenue: float
    certificates_issued: float
    certificates_offered: float
    certificates_used: float
    profit: float
    withheld_output: float
    withheld_certificates: float
    lerner: float | None


@dataclass(frozen=True, slots=True)
class Indicators:
    """Money in currency of the period; ``hhi_*`` from 0 to 10,000, None where there is nothing.

    ``welfare`` counts buy-out payments as somebody's income; they are no cost of production.
    """

    thermal: KindTotals
    renewable: KindTotals
    consumer_surplus: float
    producer_surplus: float
    buy_out_payments: float
    welfare: float
    lerner: float | None
    hhi_generation: float | None
    hhi_certificates_issued: float | None
    hhi_certificates_offered: float | None
    withheld_output: float
    withheld_certificates: float


def indicators(found: Equilibrium) -> Indicators:
    """All of them for one equilibrium."""
    demand = found.system.demand
    worth = demand.highest_price - 0.5 * demand.slope * found.consumed
    consumers = (worth - found.retail_price) * found.consumed
    bought_out = found.certificate_price * found.bought_out
    profit = float(found.profit.sum())
    withheld_output, withheld_certificates = withheld(found)
    everybody = np.ones(found.output.size, dtype=bool)
    return Indicators(
        thermal=_totals(found, ~found.renewable),
        renewable=_totals(found, found.renewable),
        consumer_surplus=consumers,
        producer_surplus=profit,
        buy_out_payments=bought_out,
        welfare=consumers + profit + bought_out,
        lerner=_lerner(found, everybody),
        hhi_generation=herfindahl(found.output),
        hhi_certificates_issued=herfindahl(found.issued),
        hhi_certificates_offered=herfindahl(found.offered),
        withheld_output=float(withheld_output.sum()),
        withheld_certificates=float(withheld_certificates.sum()),
    )


def withheld(found: Equilibrium) -> tuple[FloatArray, FloatArray]:
    """Output that would pay at these prices and is not produced; certificates earned, not offered.

    Both (producer,), 0 for who holds back nothing.
    """
    rounding = _ROUNDING * found.system.demand.highest_price / found.system.demand.slope
    output = np.maximum(found.price_taking_output - found.output, 0.0)
    certificates = np.maximum(found.issued - found.offered, 0.0)
    return np.where(output > rounding, output, 0.0), np.where(
        certificates > rounding, certificates, 0.0
    )


def lerner_indices(found: Equilibrium) -> FloatArray:
    """(price - marginal cost) / price (producer,); NaN without output or at no positive price.

    The price is what another MWh of a price taker would earn, certificate included. At a limit of
    output the index counts scarcity as well: compare it with that of price takers.
    """
    price = found.wholesale_price + found.certificate_price * found.renewable
    usable = (found.output > 0.0) & (price > 0.0)
    safe = np.where(usable, price, 1.0)
    index: FloatArray = np.where(usable, (price - found.marginal_cost) / safe, np.nan)
    return index


def herfindahl(amounts: FloatArray) -> float | None:
    """The sum of squared shares times 10,000; None where there is nothing to share."""
    total = float(amounts.sum())
    return float((amounts / total) @ (amounts / total)) * 10_000.0 if total > 0.0 else None


def _lerner(found: Equilibrium, who: BoolArray) -> float | None:
    index = lerner_indices(found)
    known = who & ~np.isnan(index)
    weight = found.output[known]
    return float(index[known] @ weight / weight.sum()) if weight.sum() > 0.0 else None


def _totals(found: Equilibrium, who: BoolArray) -> KindTotals:
    output, certificates = withheld(found)
    return KindTotals(
        output=float(found.output[who].sum()),
        electricity_revenue=float(found.electricity_revenue[who].sum()),
        certificate_revenue=float(found.certificate_revenue[who].sum()),
        certificates_issued=float(found.issued[who].sum()),
        certificates_offered=float(found.offered[who].sum()),
        certificates_used=float(found.used[who].sum()),
        profit=float(found.profit[who].sum()),
        withheld_output=float(output[who].sum()),
        withheld_certificates=float(certificates[who].sum()),
        lerner=_lerner(found, who),
    )
