"""The park's day in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from market.bid import Bid
from market.dispatch import COST
from market.park_energy.rules import CARRIERS, ZONES
from market.payment import leg_energy_wh
from twin.park.site import FloatArray
from wattproof.demo.checks import MICRO, settlement_gas
from wattproof.demo.park.lived import Results

_WH_PER_MWH = 1e6
_WH_PER_KWH = 1e3
_KG_PER_T = 1e3
_NANO = 1e9
_SHOWN_MACHINES = 8


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices of a carrier in a zone over the slots in which it was traded, a kWh; and how much."""

    least: float
    mean: float
    most: float
    traded_mwh: float


@dataclass(frozen=True, slots=True)
class ParkFigures:
    """Energy in MWh, carbon in t, money in settlement tokens, shares from 0 to 1.

    ``prices`` by carrier and zone; ``use`` of a machine is what it ran of its capacity;
    ``congestion_revenue`` what the links earned; ``utilisation`` useful energy over primary energy;
    ``satisfaction`` what was served of what was wanted, by its worth; ``welfare`` what all orders
    gained together, ``gap`` how far from the best that may be, both as the chain has them.
    """

    orders: int
    multi_leg_orders: int
    filled_orders: int
    prices: Mapping[str, PriceRange]
    use: Mapping[str, float]
    imported_mwh: Mapping[str, float]
    congestion_revenue: float
    utilisation: float
    carbon_t: float
    satisfaction: float
    welfare: float
    gap: float
    edits: int
    edit_cost: float
    imbalance: float
    failure_imbalance: Mapping[str, float]
    gas_per_order: float
    dust_micro: int

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        most_used = sorted(self.use.items(), key=lambda each: -each[1])[:_SHOWN_MACHINES]
        return [
            (
                "Orders",
                f"{self.orders:,} signed, {self.multi_leg_orders:,} of several legs, "
                f"{self.filled_orders:,} filled",
            ),
            *(
                (
                    name,
                    f"{each.least:.4f} to {each.most:.4f} a kWh, mean {each.mean:.4f}; "
                    f"{each.traded_mwh:,.1f} MWh",
                )
                for name, each in self.prices.items()
            ),
            ("Machines used most", ", ".join(f"{name} {use:.0%}" for name, use in most_used)),
            (
                "Bought outside",
                ", ".join(f"{mwh:,.1f} MWh {name}" for name, mwh in self.imported_mwh.items()),
            ),
            ("Links", f"{self.congestion_revenue:,.2f} of congestion revenue"),
            (
                "Park",
                f"utilisation {self.utilisation:.1%}, {self.carbon_t:,.1f} t CO2, "
                f"{self.satisfaction:.2%} satisfied",
            ),
            ("Clearing", f"welfare {self.welfare:,.2f}, proven gap {self.gap:,.6f}"),
            (
                "Dispatcher",
                f"{self.edits} slots fixed by hand: cost {self.edit_cost:+,.2f}",
            ),
            (
                "Imbalance",
                f"{self.imbalance:,.2f} of all accounts together; of the machine that failed "
                + ", ".join(
                    f"{mwh:+,.2f} MWh {name}" for name, mwh in self.failure_imbalance.items()
                ),
            ),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order, {self.dust_micro} dust"),
        ]


def figures_of(results: Results) -> ParkFigures:
    """Count the day."""
    settlement = results.traded.settlement
    with results.stage.platform.transaction() as session:
        row = results.traded.row(session)
    changes = [
        indicator.change
        for each in results.reviewed.values()
        for indicator in each.changed.indicators
        if indicator.name == COST
    ]
    outside = outside_wh(results)
    gas = settlement_gas(results.stage, results.traded)
    return ParkFigures(
        orders=settlement.book.count,
        multi_leg_orders=sum(1 for each in settlement.book.orders if each.order.multi_leg),
        filled_orders=results.traded.filled_orders,
        prices=price_ranges(results),
        use=machine_use(results),
        imported_mwh=_by_carrier(outside),
        congestion_revenue=sum(flow.revenue_micro for flow in results.flows()) / MICRO,
        utilisation=_utilisation(results, outside),
        carbon_t=sum(
            float(outside[part.name].sum()) / _WH_PER_KWH * part.carbon_kg_per_kwh
            for part in results.scene.park.connections
        )
        / _KG_PER_T,
        satisfaction=_satisfaction(results),
        welfare=(row.welfare_micro or 0) / MICRO,
        gap=(row.gap_micro or 0) / MICRO,
        edits=sum(len(each.edits) for each in results.reviewed.values()),
        edit_cost=sum(changes) / MICRO,
        imbalance=sum(closure.charge_micro or 0 for closure in results.closures.values()) / MICRO,
        failure_imbalance=_failure(results),
        gas_per_order=gas / max(settlement.book.count, 1),
        dust_micro=settlement.dust_micro,
    )


def price_ranges(results: Results) -> dict[str, PriceRange]:
    """By carrier and zone, of those that were traded; the mean weighs energy."""
    prices, traded = results.prices_per_kwh(), results.bought_wh()
    found: dict[str, PriceRange] = {}
    for carrier, name in enumerate(CARRIERS):
        for zone, where in enumerate(ZONES):
            here, energy = prices[carrier, zone], traded[carrier, zone]
            known = np.isfinite(here) & (energy > 0.0)
            if not known.any():
                continue
            found[f"{name.replace('_', ' ').capitalize()} {where}"] = PriceRange(
                float(here[known].min()),
                float(np.average(here[known], weights=energy[known])),
                float(here[known].max()),
                float(energy.sum()) / _WH_PER_MWH,
            )
    return found


def machine_use(results: Results) -> dict[str, float]:
    """Of every converter, what it was cleared to drive of what it could."""
    park = results.scene.park
    hours = park.horizon.slots * park.horizon.slot_hours
    traded = results.traded_wh()
    return {
        f"{site.name} {part.name}": float(
            traded.get((site.name, part.name), _nothing(results))[part.drive].sum()
        )
        / (part.capacity_w * hours)
        for site, part in park.converters()
    }


def outside_wh(results: Results) -> dict[str, FloatArray]:
    """What was bought over each of the park's connections, less what was sold, Wh a slot."""
    traded = results.traded_wh()
    return {
        part.name: -traded.get((part.name, part.name), _nothing(results))[part.carrier]
        for part in results.scene.park.connections
    }


def _nothing(results: Results) -> FloatArray:
    return np.zeros((len(CARRIERS), results.scene.park.horizon.slots))


def _by_carrier(outside: Mapping[str, FloatArray]) -> dict[str, float]:
    """MWh by connection, of those that were used."""
    sums = {name: float(wh.sum()) / _WH_PER_MWH for name, wh in outside.items()}
    return {name: mwh for name, mwh in sums.items() if mwh != 0.0}


def _utilisation(results: Results, outside: Mapping[str, FloatArray]) -> float:
    """As the twin's accounts have it: served and sold, over bought as primary energy and
    renewables."""
    park, traded = results.scene.park, results.traded_wh()
    served = sum(
        float(traded[site.name, part.name][part.carrier].sum())
        for site, part in park.processes()
        if (site.name, part.name) in traded
    )
    renewable = sum(
        -float(traded[site.name, part.name][0].sum())
        for site, part in park.renewables()
        if (site.name, part.name) in traded
    )
    sold = sum(float(np.maximum(-wh, 0.0).sum()) for wh in outside.values())
    primary = sum(
        part.primary_per_kwh * float(np.maximum(outside[part.name], 0.0).sum())
        for part in park.connections
    )
    return (served + sold) / max(primary + renewable, 1.0)


def _satisfaction(results: Results) -> float:
    """What processes were filled of what they bid for, by its worth."""
    processes = {(site.name, part.name) for site, part in results.scene.park.processes()}
    wanted = served = 0
    for each in results.filled():
        bid = each.offer.bid
        if isinstance(bid, Bid) and (bid.owner_id, each.offer.part) in processes:
            wanted += bid.limit * bid.max_units
            served += bid.limit * each.units
    return served / max(wanted, 1)


def _failure(results: Results) -> dict[str, float]:
    """What the failed machine moved less than it had traded, MWh by carrier, import positive."""
    failure = results.scene.failure
    missing: dict[str, float] = {}
    for each in results.filled():
        if (each.offer.bid.owner_id, each.offer.part) != (failure.site, failure.part):
            continue
        for leg in each.offer.bid.legs:
            if leg.slot in failure.slots:
                name = CARRIERS[leg.carrier]
                moved = leg_energy_wh(leg.coefficient, each.units)
                short = -(1.0 - failure.share) * moved / _WH_PER_MWH
                missing[name] = missing.get(name, 0.0) + short
    return missing
