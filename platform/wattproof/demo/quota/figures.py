"""The year in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from market.green_quota.costs import ThermalCosts, WindCosts
from wattproof.demo.checks import MICRO, settlement_gas
from wattproof.demo.quota.lived import Results
from wattproof.demo.quota.tables import YearTable

_KWH = 1e3
_MWH = 1e6


@dataclass(frozen=True, slots=True)
class QuotaFigures:
    """Energy in MWh, money in settlement tokens, prices in tokens per kWh.

    ``expected_price`` and ``competitive_price`` are the twin's, of certificates of the first
    vintage, with and without somebody who holds them back. ``withheld_mwh`` is what was not offered
    of the vintage when it was traded; ``dearer`` how much more all buyers paid for certificates
    than they would have had nobody held any back.
    ``profits`` are by producer, over the year: what electricity, certificates and imbalance
    brought, less costs and penalties.
    """

    vintages: int
    orders: int
    filled_orders: int
    power_mwh: float
    lowest_power_price: float
    highest_power_price: float
    wind_mwh: float
    issued_mwh: float
    batches: int
    sold_mwh: float
    lowest_price: float
    highest_price: float
    expected_price: float
    competitive_price: float
    withheld_mwh: float
    dearer: float
    stored_mwh: float
    released_mwh: float
    owed_mwh: float
    surrendered_mwh: float
    banked_mwh: float
    shortfall_mwh: float
    penalties: float
    imbalance: float
    profits: dict[str, float]
    gas_per_order: float
    dust_micro: int

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("Orders", f"{self.orders:,} signed, {self.filled_orders:,} filled"),
            (
                "Electricity",
                f"{self.power_mwh:,.0f} MWh at {self.lowest_power_price:.4f} to "
                f"{self.highest_power_price:.4f} a kWh, {self.wind_mwh:,.0f} MWh of it wind",
            ),
            (
                "Green certificates",
                f"{self.issued_mwh:,.0f} MWh issued in {self.batches:,} batches; "
                f"{self.sold_mwh:,.0f} sold at {self.lowest_price:.4f} to {self.highest_price:.4f}",
            ),
            (
                "The twin expected",
                f"{self.expected_price:.4f} for the first ones, {self.competitive_price:.4f} with "
                "nobody holding any back",
            ),
            (
                "Held back",
                f"{self.withheld_mwh:,.0f} MWh when they were traded; buyers paid "
                f"{self.dearer:,.0f} more for it",
            ),
            ("Store", f"{self.stored_mwh:,.1f} MWh in, {self.released_mwh:,.1f} MWh out"),
            (
                "Surrendered",
                f"{self.surrendered_mwh:,.0f} of {self.owed_mwh:,.0f} MWh owed, "
                f"{self.banked_mwh:,.1f} of it banked; {self.shortfall_mwh:,.1f} MWh short",
            ),
            ("Penalties", f"{self.penalties:,.2f} from bonds"),
            ("Profits", ", ".join(f"{name} {won:,.0f}" for name, won in self.profits.items())),
            ("Imbalance", f"{self.imbalance:,.2f} of all accounts together"),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order, {self.dust_micro} dust"),
        ]


def figures_of(results: Results) -> QuotaFigures:
    """Count the year."""
    table = YearTable.of(results)
    rounds = [*(month.traded for month in results.power), *(m.traded for m in results.sold)]
    books = sum(each.settlement.book.count for each in rounds)
    power = [month.traded.price_range for month in results.power]
    prices = [row.price for row in table.rows]
    compliance = results.compliance
    closures = [row for month in results.power for row in month.closures.values()]
    batches = sum(
        wh < 0
        for month in results.power
        for park in results.scene.wind
        for wh in month.metered_wh[park.name]
    )
    return QuotaFigures(
        vintages=len(table.rows),
        orders=books,
        filled_orders=sum(each.filled_orders for each in rounds),
        power_mwh=sum(row.power_mwh for row in table.rows),
        lowest_power_price=min(low for low, _ in power),
        highest_power_price=max(high for _, high in power),
        wind_mwh=sum(row.wind_mwh for row in table.rows),
        issued_mwh=sum(row.issued_mwh for row in table.rows),
        batches=batches,
        sold_mwh=sum(row.sold_mwh for row in table.rows),
        lowest_price=min(prices),
        highest_price=max(prices),
        expected_price=results.expected.price_per_kwh,
        competitive_price=results.expected.competitive_price_per_kwh,
        withheld_mwh=sum(row.withheld_mwh for row in table.rows),
        dearer=sum((row.price - row.whole_price) * row.sold_mwh for row in table.rows) * _KWH,
        stored_mwh=sum(month.given_wh for month in results.stored) / _MWH,
        released_mwh=sum(month.issued_wh for month in results.stored) / _MWH,
        owed_mwh=sum(each.owed_wh for each in compliance) / _MWH,
        surrendered_mwh=sum(each.surrendered_wh for each in compliance) / _MWH,
        banked_mwh=sum(each.banked_wh for each in compliance) / _MWH,
        shortfall_mwh=sum(each.shortfall_wh for each in compliance) / _MWH,
        penalties=sum(each.paid_micro for each in compliance) / MICRO,
        imbalance=sum(row.charge_micro or 0 for row in closures) / MICRO,
        profits={
            **{park.name: _profit(results, park.name, park.costs) for park in results.scene.wind},
            **{each.name: _profit(results, each.name, each.costs) for each in results.scene.plants},
        },
        gas_per_order=sum(settlement_gas(results.stage, each) for each in rounds) / max(books, 1),
        dust_micro=sum(each.settlement.dust_micro for each in rounds),
    )


def _profit(results: Results, name: str, costs: WindCosts | ThermalCosts) -> float:
    """What a producer's year brought, tokens."""
    address = results.joined.cast[name].address
    won = 0.0
    for month in results.power:
        won -= month.traded.payments_micro.get(address, 0) / MICRO
        closure = month.closures.get(address)
        won -= ((closure.charge_micro or 0) if closure else 0) / MICRO
        won -= sum(costs.curve.of_output(max(-wh, 0) / _KWH) for wh in month.metered_wh[name])
    won -= sum(month.traded.payments_micro.get(address, 0) for month in results.sold) / MICRO
    return won - sum(e.paid_micro for e in results.compliance if e.name == name) / MICRO
