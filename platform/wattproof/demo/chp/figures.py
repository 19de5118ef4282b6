"""The heat-and-power day in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from market.dispatch import COST, PEAK
from twin.chp.model import FloatArray
from twin.chp.plan import ChpOutcome
from wattproof.demo.checks import (
    MICRO,
    settlement_gas,
)
from wattproof.demo.chp.lived import Results
from wattproof.demo.chp.scene import Scene

_WH_PER_MWH = 1e6
_W_PER_MW = 1e6
_SLOT_S = 900


@dataclass(frozen=True, slots=True)
class ChpFigures:
    """Energy in MWh, power in MW, money in settlement tokens, shares from 0 to 1.

    ``residual`` is what plant and wind leave of the load for others; ``uncontrolled`` what it would
    have been had the plant followed its heat. ``bound`` no operation of this plant can undercut.
    ``edit_cost`` is what the dispatcher's edits cost. ``performed`` and ``targeted`` are of all
    events together.
    """

    orders: int
    filled_orders: int
    traded_mwh: float
    lowest_price: float
    highest_price: float
    peak_residual_mw: float
    uncontrolled_peak_residual_mw: float
    planned_peak_mw: float
    bound_peak_mw: float
    wind_taken: float
    uncontrolled_wind_taken: float
    plan_gap: float
    satisfaction: float
    edits: int
    edit_cost: float
    edit_peak_mw: float
    targeted_mwh: float
    performed_mwh: float
    incentive: float
    penalty: float
    imbalance: float
    gas_per_order: float
    dust_micro: int

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        before_mw = self.uncontrolled_peak_residual_mw
        shaved = 1.0 - self.peak_residual_mw / before_mw if before_mw else 0.0
        return [
            ("Orders", f"{self.orders:,} signed, {self.filled_orders:,} filled"),
            ("Energy traded", f"{self.traded_mwh:,.0f} MWh"),
            ("Price range", f"{self.lowest_price:.4f} to {self.highest_price:.4f} a kWh"),
            (
                "Residual peak",
                f"{self.peak_residual_mw:,.1f} MW instead of {before_mw:,.1f} MW heat-led "
                f"({shaved:.1%} shaved)",
            ),
            (
                "Plan",
                f"peak {self.planned_peak_mw:,.1f} MW, lower bound {self.bound_peak_mw:,.1f} MW; "
                f"proven gap {self.plan_gap:.4%}",
            ),
            (
                "Wind taken",
                f"{self.wind_taken:.1%} instead of {self.uncontrolled_wind_taken:.1%}",
            ),
            ("Rooms", f"{self.satisfaction:.1%} satisfied"),
            (
                "Dispatcher",
                f"{self.edits} slots fixed by hand: cost {self.edit_cost:+,.2f}, "
                f"peak {self.edit_peak_mw:+,.2f} MW",
            ),
            (
                "Demand response",
                f"{self.performed_mwh:,.1f} of {self.targeted_mwh:,.1f} MWh; "
                f"{self.incentive:,.2f} incentive, {self.penalty:,.2f} penalty",
            ),
            ("Imbalance", f"{self.imbalance:,.2f} of all accounts together"),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order, {self.dust_micro} dust"),
        ]


def residual_w(scene: Scene, outcome: ChpOutcome) -> FloatArray:
    """What plant and wind leave of the real load for other stations, shape (slot,), W."""
    residual: FloatArray = scene.real_load_w - outcome.power_w - outcome.wind_taken_w
    return residual


def figures_of(results: Results) -> ChpFigures:
    """Count the day."""
    scene, settlement = results.scene, results.traded.settlement
    lowest, highest = results.traded.price_range
    blown = max(float(results.outcome.wind_w.sum()), 1.0)
    changes = {each.name: each.change for each in results.reviewed.changed.indicators}
    parts = results.parts.values()
    gas = settlement_gas(results.stage, results.traded)
    return ChpFigures(
        orders=settlement.book.count,
        filled_orders=results.traded.filled_orders,
        traded_mwh=results.traded.traded_wh / _WH_PER_MWH,
        lowest_price=lowest,
        highest_price=highest,
        peak_residual_mw=float(residual_w(scene, results.outcome).max()) / _W_PER_MW,
        uncontrolled_peak_residual_mw=float(residual_w(scene, results.heat_led).max()) / _W_PER_MW,
        planned_peak_mw=results.plan.proof.peak_w / _W_PER_MW,
        bound_peak_mw=results.plan.proof.peak_bound_w / _W_PER_MW,
        wind_taken=float(results.outcome.wind_taken_w.sum()) / blown,
        uncontrolled_wind_taken=float(results.heat_led.wind_taken_w.sum()) / blown,
        plan_gap=results.plan.proof.gap,
        satisfaction=float(results.plan.satisfaction.mean()),
        edits=len(results.reviewed.edits),
        edit_cost=changes[COST] / MICRO,
        edit_peak_mw=changes[PEAK] / _W_PER_MW,
        targeted_mwh=sum(
            target_wh(results, event, watts) for (event, _), watts in results.targets_w.items()
        )
        / _WH_PER_MWH,
        performed_mwh=sum(part.performance_wh for part in parts) / _WH_PER_MWH,
        incentive=sum(part.incentive_micro for part in parts) / MICRO,
        penalty=sum(part.penalty_micro for part in parts) / MICRO,
        imbalance=sum(row.charge_micro or 0 for row in results.closures.values()) / MICRO,
        gas_per_order=gas / max(settlement.book.count, 1),
        dust_micro=settlement.dust_micro,
    )


def target_wh(results: Results, event: int, watts: int) -> int:
    """What an event asked of an account that was to move ``watts``, Wh."""
    return results.events[event].slots * (watts * _SLOT_S // 3_600)
