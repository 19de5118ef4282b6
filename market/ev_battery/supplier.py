"""The other side: a wholesale supplier behind the feeder's transformer, and local consumers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.ev_battery.bids import Bid, kept, make_bid

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SupplyTerms:
    """How a supplier trades around its day-ahead prices.

    It offers `base_share` of the connection at the day-ahead price and the rest at
    `scarcity_factor` times it, and takes surplus back at `buy_back_factor` times it.
    """

    base_share: float = 0.7
    scarcity_factor: float = 1.25
    buy_back_factor: float = 0.9

    def __post_init__(self) -> None:
        if not 0.0 < self.base_share < 1.0:
            raise ValueError("base_share must lie between 0 and 1")
        if not self.buy_back_factor < 1.0 < self.scarcity_factor:
            raise ValueError("buy_back_factor < 1 < scarcity_factor must hold")


def supplier_bids(
    owner_id: str,
    price_per_kwh: FloatArray,
    connection_w: float,
    slot_hours: float,
    terms: SupplyTerms = SupplyTerms(),
) -> tuple[Bid, ...]:
    """Offers and bids of a supplier with a connection of `connection_w`; prices shaped (slot,).

    A negative price is moved away from zero in the same direction, by the same share.
    """
    full_wh = connection_w * slot_hours
    bids: list[Bid | None] = []
    for slot, price in enumerate(price_per_kwh.tolist()):
        dearer = price + (terms.scarcity_factor - 1.0) * abs(price)
        cheaper = price - (1.0 - terms.buy_back_factor) * abs(price)
        bids += [
            make_bid(owner_id, slot, -terms.base_share * full_wh, price),
            make_bid(owner_id, slot, -(1.0 - terms.base_share) * full_wh, dearer),
            make_bid(owner_id, slot, full_wh, cheaper),
        ]
    return kept(bids)


def consumer_bids(owner_id: str, load_wh: FloatArray, worth_per_kwh: float) -> tuple[Bid, ...]:
    """Bids for a forecast load, shape (slot,), Wh, by somebody who cannot shift it."""
    return kept(
        [
            make_bid(owner_id, slot, wh, worth_per_kwh)
            for slot, wh in enumerate(load_wh.tolist())
            if wh > 0.0
        ]
    )
