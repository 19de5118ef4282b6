"""Who trades with flexible assets: a wholesale supplier, and consumers with a plain load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.bid import Bid, kept, make_bid

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SupplyTerms:
    """How a supplier trades around its day-ahead prices.

    It offers `base_share` of the connection at the day-ahead price and the rest at
    `scarcity_factor` times it, and takes surplus back at `buy_back_factor` times it.
    """

    base_share: float = 0.8
    scarcity_factor: float = 1.25
    buy_back_factor: float = 0.9

    def __post_init__(self) -> None:
        if not 0.0 < self.base_share < 1.0:
            raise ValueError("base_share must lie between 0 and 1")
        if not self.buy_back_factor < 1.0 < self.scarcity_factor:
            raise ValueError("buy_back_factor < 1 < scarcity_factor must hold")

    def scarce_price_per_kwh(self, price_per_kwh: FloatArray) -> FloatArray:
        """The second tier's price; a negative one rises towards zero by the same share."""
        dearer: FloatArray = price_per_kwh + (self.scarcity_factor - 1.0) * np.abs(price_per_kwh)
        return dearer

    def buy_back_price_per_kwh(self, price_per_kwh: FloatArray) -> FloatArray:
        """What is paid for surplus."""
        cheaper: FloatArray = price_per_kwh - (1.0 - self.buy_back_factor) * np.abs(price_per_kwh)
        return cheaper

    def marginal_price_per_kwh(
        self, price_per_kwh: FloatArray, load_w: FloatArray, connection_w: float
    ) -> FloatArray:
        """The dearest offer that a load needs if nobody else sells; arrays shaped (slot,)."""
        scarce = load_w > self.base_share * connection_w
        return np.where(scarce, self.scarce_price_per_kwh(price_per_kwh), price_per_kwh)


def supplier_bids(
    owner_id: str,
    price_per_kwh: FloatArray,
    connection_w: float,
    slot_hours: float,
    price_cap: int,
    terms: SupplyTerms = SupplyTerms(),
    *,
    carrier: int = 0,
    zone: int = 0,
) -> tuple[Bid, ...]:
    """Offers and bids of a supplier with a connection of `connection_w`.

    Prices are shaped (slot,), `price_cap` is the market's, nano per kWh.
    """
    full_wh = connection_w * slot_hours
    scarce = terms.scarce_price_per_kwh(price_per_kwh)
    back = terms.buy_back_price_per_kwh(price_per_kwh)
    steps = ((-terms.base_share, price_per_kwh), (terms.base_share - 1.0, scarce), (1.0, back))
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                share * full_wh,
                float(price[slot]),
                price_cap,
                carrier=carrier,
                zone=zone,
            )
            for slot in range(price_per_kwh.size)
            for share, price in steps
        ]
    )


def consumer_bids(
    owner_id: str,
    load_wh: FloatArray,
    worth_per_kwh: float,
    price_cap: int,
    *,
    carrier: int = 0,
    zone: int = 0,
) -> tuple[Bid, ...]:
    """Bids for a forecast load, shape (slot,), Wh, by somebody who cannot shift it."""
    return kept(
        [
            make_bid(owner_id, slot, wh, worth_per_kwh, price_cap, carrier=carrier, zone=zone)
            for slot, wh in enumerate(load_wh.tolist())
            if wh > 0.0
        ]
    )
