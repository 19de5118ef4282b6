"""The EV day in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EvFigures:
    """The day in numbers: energy in kWh, power in kW, money in settlement tokens.

    Costs are those of all vehicle owners together: ``energy_cost`` at market prices, traded or
    not; ``imbalance_cost`` what deviations cost beyond that; ``missing_cost`` charges needed energy
    that was not served at the mean price uncontrolled charging paid for it. ``uncontrolled_cost``
    is what charging at once would have cost on the same supplier's terms, wear included.
    """

    orders: int
    filled_orders: int
    traded_kwh: float
    discharged_kwh: float
    lowest_price: float
    highest_price: float
    peak_kw: float
    uncontrolled_peak_kw: float
    energy_served: float
    uncontrolled_cost: float
    energy_cost: float
    imbalance_cost: float
    wear_cost: float
    missing_cost: float
    best_owner_saving: float
    owners: int
    edits: int
    edit_cost: float
    gas_per_order: float
    chunks: int
    gap_micro: int
    welfare: float
    dust_micro: int

    @property
    def saving(self) -> float:
        """What all owners together saved against charging at once."""
        return (
            self.uncontrolled_cost
            - self.energy_cost
            - self.imbalance_cost
            - self.wear_cost
            - self.missing_cost
        )

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return {**asdict(self), "saving": self.saving}

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        share = self.saving / self.uncontrolled_cost if self.uncontrolled_cost else 0.0
        before_kw = self.uncontrolled_peak_kw
        shaved = 1.0 - self.peak_kw / before_kw if before_kw else 0.0
        chunks = f", in {self.chunks} chunks" if self.chunks else ", in one transaction"
        return [
            ("Orders", f"{self.orders:,} signed, {self.filled_orders:,} filled"),
            (
                "Energy traded",
                f"{self.traded_kwh:,.1f} kWh, {self.discharged_kwh:,.1f} kWh from batteries",
            ),
            ("Price range", f"{self.lowest_price:.4f} to {self.highest_price:.4f} a kWh"),
            (
                "Feeder peak",
                f"{self.peak_kw:,.1f} kW instead of {before_kw:,.1f} kW uncontrolled "
                f"({shaved:.1%} shaved)",
            ),
            ("Energy served", f"{self.energy_served:.1%} of what the drivers needed"),
            (
                "Owners paid",
                f"{_money(self.energy_cost)} energy, {_money(self.imbalance_cost)} imbalance, "
                f"{_money(self.wear_cost)} wear; {_money(self.missing_cost)} counted as unserved",
            ),
            (
                f"{self.owners} owners saved",
                f"{_money(self.saving)} of {_money(self.uncontrolled_cost)} uncontrolled "
                f"({share:.1%}); the best one {_money(self.best_owner_saving)}",
            ),
            *self._dispatcher(),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order{chunks}"),
        ]

    def _dispatcher(self) -> list[tuple[str, str]]:
        if not self.edits:
            return []
        said = f"{self.edits} slots fixed by hand: cost {self.edit_cost:+,.4f}"
        return [("Dispatcher", said)]


def _money(tokens: float) -> str:
    """Hundredths of a token, without a minus before zero."""
    return f"{round(tokens, 2) + 0.0:,.2f}"
