"""The year as tables: one row a vintage, one row an obligation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from market.bid import Bid, orders
from market.book import Book
from market.clearing import clear
from market.green_quota.rules import CERTIFICATE_RULES
from market.order import Domain, SignedOrder, order_hash
from market.product import ProductGrid
from wattproof.demo.quota.lived import Results
from wattproof.terminal import Rows

if TYPE_CHECKING:
    from rich.console import RenderableType

_MWH = 1e6
_NANO = 1e9
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class VintageRow:
    """A vintage: energy in MWh, prices in tokens per kWh.

    ``power_price`` is the mean over what was traded, ``price`` that of certificates,
    ``whole_price`` what they would have cost had nobody held any back.
    """

    vintage: int
    power_mwh: float
    power_price: float
    wind_mwh: float
    issued_mwh: float
    withheld_mwh: float
    sold_mwh: float
    price: float
    whole_price: float


@dataclass(frozen=True, slots=True)
class YearTable:
    """All vintages."""

    rows: tuple[VintageRow, ...]

    @classmethod
    def of(cls, results: Results) -> YearTable:
        """Count the year."""
        return cls(tuple(_vintage(results, number) for number in range(len(results.sold))))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"rows": [asdict(row) for row in self.rows]}

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        return [
            Rows(
                "The year, vintage by vintage",
                ("vintage", "power MWh", "at", "wind MWh", "withheld", "sold", "at", "if whole"),
                [
                    (
                        str(row.vintage),
                        f"{row.power_mwh:,.0f}",
                        f"{row.power_price:.4f}",
                        f"{row.wind_mwh:,.0f}",
                        f"{row.withheld_mwh:,.0f}",
                        f"{row.sold_mwh:,.0f}",
                        f"{row.price:.4f}",
                        f"{row.whole_price:.4f}",
                    )
                    for row in self.rows
                ],
                range(1, 8),
            )
        ]


@dataclass(frozen=True, slots=True)
class ComplianceRow:
    """An obligation as it was settled: energy in MWh, money in tokens."""

    quota: int
    account: str
    basis: str
    ratio: float
    energy_mwh: float
    owed_mwh: float
    surrendered_mwh: float
    banked_mwh: float
    shortfall_mwh: float
    penalty: float
    paid: float
    bond_returned: float


@dataclass(frozen=True, slots=True)
class ComplianceTable:
    """All obligations."""

    rows: tuple[ComplianceRow, ...]

    @classmethod
    def of(cls, results: Results) -> ComplianceTable:
        """What settlement published."""
        return cls(
            tuple(
                ComplianceRow(
                    quota=each.quota,
                    account=each.name,
                    basis=each.obliged.basis.name.lower(),
                    ratio=each.obliged.ratio / 1e6,
                    energy_mwh=each.energy_wh / _MWH,
                    owed_mwh=each.owed_wh / _MWH,
                    surrendered_mwh=each.surrendered_wh / _MWH,
                    banked_mwh=each.banked_wh / _MWH,
                    shortfall_mwh=each.shortfall_wh / _MWH,
                    penalty=each.penalty_micro / _MICRO,
                    paid=each.paid_micro / _MICRO,
                    bond_returned=each.bond_returned_micro / _MICRO,
                )
                for each in results.compliance
            )
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"rows": [asdict(row) for row in self.rows]}

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        return [
            Rows(
                "Compliance, MWh",
                ("quota", "obliged", "for", "owed", "surrendered", "banked", "short"),
                [
                    (
                        str(row.quota),
                        row.account,
                        f"{row.ratio:.0%} of {row.energy_mwh:,.0f} {row.basis}",
                        f"{row.owed_mwh:,.1f}",
                        f"{row.surrendered_mwh:,.1f}",
                        f"{row.banked_mwh:,.1f}",
                        f"{row.shortfall_mwh:,.1f}",
                    )
                    for row in self.rows
                ],
                range(3, 7),
            ),
            Rows(
                "Bonds, tokens",
                ("quota", "obliged", "penalty", "paid of it", "bond returned"),
                [
                    (
                        str(row.quota),
                        row.account,
                        f"{row.penalty:,.2f}",
                        f"{row.paid:,.2f}",
                        f"{row.bond_returned:,.2f}",
                    )
                    for row in self.rows
                ],
                range(2, 5),
            ),
        ]


def _vintage(results: Results, number: int) -> VintageRow:
    power, sold = results.power[number], results.sold[number]
    bought, paid = 0, 0.0
    prices = power.traded.settlement.clearing.prices
    for slot, wh in enumerate(_bought_wh(results, number)):
        bought += wh
        paid += wh * prices[slot] / _NANO
    wind = -sum(sum(power.metered_wh[park.name]) for park in results.scene.wind)
    return VintageRow(
        vintage=number + 1,
        power_mwh=bought / _MWH,
        power_price=paid / bought if bought else 0.0,
        wind_mwh=wind / _MWH,
        issued_mwh=(wind + results.stored[number].issued_wh) / _MWH,
        withheld_mwh=sum(sold.withheld_wh.values()) / _MWH,
        sold_mwh=sold.sold_wh / _MWH,
        price=sold.price_per_kwh,
        whole_price=_price_per_kwh(results, number, sold.whole),
    )


def _bought_wh(results: Results, number: int) -> list[int]:
    """What was traded on every day of a vintage, Wh."""
    positions = results.power[number].traded.positions_wh(results.joined.cast)
    total = np.sum([np.maximum(wh, 0.0) for wh in positions.values()], axis=0)
    return [round(wh) for wh in total.tolist()]


def _price_per_kwh(results: Results, number: int, bids: Sequence[Bid]) -> float:
    """What certificates of a vintage would have cost with other bids, cleared as the round was."""
    round_ = results.sold[number].traded.opened
    made = orders(
        bids,
        market=round_.market,
        round=round_.number,
        first_slot=round_.first_slot,
        traders=results.joined.cast.addresses,
    )
    domain: Domain = results.stage.platform.domain
    book = Book.build(
        round_.market,
        round_.number,
        ProductGrid(1, 1, round_.first_slot, 1),
        [SignedOrder(order, bytes(64), order_hash(domain, order)) for order in made],
    )
    maxima = [signed.order.max_units for signed in book.orders]
    return clear(book, maxima, CERTIFICATE_RULES).prices[0] / _NANO
