"""The malls' days in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from market.dispatch import COST
from twin.mall.assessment import assess
from twin.mall.plan import MallOutcome, energy_cost
from twin.mall.votes import band_shift_k
from wattproof.demo.checks import (
    MICRO,
    settlement_gas,
)
from wattproof.demo.mall.lived import Results
from wattproof.demo.mall.scene import Scene

_KWH = 1_000.0
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class MallFigures:
    """Energy in kWh, power in kW, money in settlement tokens, shares from 0 to 1.

    ``peak_kwh`` is what the mall drew in the grid's peak, ``uncontrolled_peak_kwh`` what it would
    have drawn with thermostats at the set point. ``votes_shift_k`` is how far customers' votes
    moved the comfort band. ``edit_cost`` is what the dispatcher's edits cost, ``edit_response_kwh``
    what they took from the response.
    """

    orders: int
    filled_orders: int
    traded_kwh: float
    lowest_price: float
    highest_price: float
    peak_kwh: float
    uncontrolled_peak_kwh: float
    energy_cost: float
    uncontrolled_cost: float
    comfort_share: float
    mean_dissatisfied: float
    votes: int
    votes_shift_k: float
    edits: int
    edit_cost: float
    edit_response_kwh: float
    promised_kwh: float
    issued_kwh: float
    credit_price: float
    sold_kwh: float
    redeemed_kwh: float
    spent_kwh: float
    expired_kwh: float
    imbalance: float
    gas_per_order: float
    dust_micro: int

    @property
    def peak_reduction(self) -> float:
        """Share of the uncontrolled peak energy that was not drawn."""
        before = self.uncontrolled_peak_kwh
        return 1.0 - self.peak_kwh / before if before else 0.0

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return {**asdict(self), "peak_reduction": self.peak_reduction}

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("Orders", f"{self.orders:,} signed, {self.filled_orders:,} filled"),
            ("Energy traded", f"{self.traded_kwh:,.0f} kWh"),
            ("Price range", f"{self.lowest_price:.4f} to {self.highest_price:.4f} a kWh"),
            (
                "In the grid's peak",
                f"{self.peak_kwh:,.0f} kWh instead of {self.uncontrolled_peak_kwh:,.0f} kWh "
                f"({self.peak_reduction:.1%} less)",
            ),
            (
                "Energy cost",
                f"{self.energy_cost:,.2f} instead of {self.uncontrolled_cost:,.2f} at day-ahead "
                "prices",
            ),
            (
                "Comfort",
                f"{self.comfort_share:.1%} of opening hours within the band, "
                f"{self.mean_dissatisfied:.1%} dissatisfied (PPD)",
            ),
            ("Votes", f"{self.votes} from phones moved the band by {self.votes_shift_k:+.2f} K"),
            (
                "Dispatcher",
                f"{self.edits} slots fixed by hand: cost {self.edit_cost:+,.2f}, "
                f"response {self.edit_response_kwh:+,.1f} kWh",
            ),
            (
                "Credits",
                f"{self.issued_kwh:,.1f} kWh issued of {self.promised_kwh:,.1f} promised; "
                f"{self.sold_kwh:,.1f} sold at {self.credit_price:.4f}",
            ),
            (
                "What became of them",
                f"{self.redeemed_kwh:,.1f} kWh redeemed, {self.spent_kwh:,.1f} spent on energy, "
                f"{self.expired_kwh:,.1f} expired",
            ),
            ("Imbalance", f"{self.imbalance:,.2f} of all accounts together"),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order, {self.dust_micro} dust"),
        ]


def figures_of(results: Results) -> MallFigures:
    """Count the days."""
    scene, settlement = results.scene, results.traded.settlement
    inputs = scene.mall.inputs
    horizon, signal = inputs.site.horizon, inputs.signal
    lowest, highest = results.traded.price_range
    before, after = scene.mall.uncontrolled, results.outcome
    judged = assess(inputs.model(), signal, after, horizon)
    votes = inputs.site.votes or {}
    changes = {each.name: each.change for each in results.reviewed.changed.indicators}
    shifts = [band_shift_k(votes.get(name, {})) for name in inputs.site.mall.zone_names]
    closures = (*results.closures.values(), *results.bought_closures.values())
    gas = settlement_gas(results.stage, results.traded)
    return MallFigures(
        orders=settlement.book.count,
        filled_orders=results.traded.filled_orders,
        traded_kwh=results.traded.traded_wh / _KWH,
        lowest_price=lowest,
        highest_price=highest,
        peak_kwh=peak_kwh(scene, after),
        uncontrolled_peak_kwh=peak_kwh(scene, before),
        energy_cost=energy_cost(after.electricity_w, signal, horizon),
        uncontrolled_cost=energy_cost(before.electricity_w, signal, horizon),
        comfort_share=judged.in_band,
        mean_dissatisfied=judged.dissatisfied,
        votes=round(sum(sum(tally.values()) for tally in votes.values())),
        votes_shift_k=float(np.mean(shifts)),
        edits=len(results.reviewed.edits),
        edit_cost=changes[COST] / MICRO,
        edit_response_kwh=changes["peak_response"] / _KWH,
        promised_kwh=sum(results.caps_wh.values()) / _KWH,
        issued_kwh=sum(results.issued_wh.values()) / _KWH,
        credit_price=results.sold.settlement.clearing.prices[0] / _NANO,
        sold_kwh=sold_wh(results) / _KWH,
        redeemed_kwh=results.redeemed_wh / _KWH,
        spent_kwh=results.spent_wh / _KWH,
        expired_kwh=results.expired_wh / _KWH,
        imbalance=sum(row.charge_micro or 0 for row in closures) / MICRO,
        gas_per_order=gas / max(settlement.book.count, 1),
        dust_micro=settlement.dust_micro,
    )


def peak_kwh(scene: Scene, outcome: MallOutcome) -> float:
    """What the mall drew in the grid's peak."""
    return float(outcome.electricity_w[scene.peak].sum()) * scene.slot_hours / _KWH


def sold_wh(results: Results) -> int:
    """Credits that changed hands."""
    settled = results.sold.settlement
    return sum(
        fill
        for each, fill in zip(settled.book.orders, settled.clearing.fills, strict=True)
        if each.order.legs[0].coefficient > 0
    )
