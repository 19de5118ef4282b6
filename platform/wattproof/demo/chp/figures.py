"""The heat-and-power day in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
