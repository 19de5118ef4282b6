"""The malls' days in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
