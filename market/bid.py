"""What somebody wants in a slot, before it is addressed to a round and signed.

`market/<name>/bids.py` makes bids of a plan: of one carrier in one slot (`Bid`), or of several at
once (`market.vector_bid`). `orders` addresses both to a round.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from market.order import Leg, Order
from market.product import Product
from market.quantise import energy_wh, price_nano_per_kwh
from market.units import SCALE
from market.vector_bid import BidLeg

_WH_PER_KWH = 1_000.0

BidT = TypeVar("BidT")


class OrderTerms(Protocol):
    """What `orders` needs of a bid: a `Bid` and a `VectorBid` both say it."""

    @property
    def owner_id(self) -> str: ...

    @property
    def legs(self) -> tuple[BidLeg, ...]: ...

    @property
    def max_units(self) -> int: ...

    @property
    def limit(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Bid:
    """What somebody wants of one carrier in one zone and slot.

    `slot` counts from the first slot of the round. `energy_wh` is positive to buy, negative to
    sell; `price_nano_per_kwh` is the highest price paid or the lowest taken.
    """

    owner_id: str
    slot: int
    energy_wh: int
    price_nano_per_kwh: int
    carrier: int = 0
    zone: int = 0

    @property
    def legs(self) -> tuple[BidLeg, ...]:
        """Its one leg, of one Wh a unit."""
        return (
            BidLeg(self.carrier, self.zone, self.slot, SCALE if self.energy_wh > 0 else -SCALE),
        )

    @property
    def max_units(self) -> int:
        """Units of its order: Wh."""
        return abs(self.energy_wh)

    @property
    def limit(self) -> int:
        """The limit of its order: what is paid at most, negative where it is taken at least."""
        return self.price_nano_per_kwh if self.energy_wh > 0 else -self.price_nano_per_kwh


def make_bid(
    owner_id: str,
    slot: int,
    wh: float,
    price_per_kwh: float,
    price_cap: int,
    *,
    carrier: int = 0,
    zone: int = 0,
) -> Bid | None:
    """A bid in whole Wh and nano per kWh, its price held within the market's cap (nano per kWh).

    None where nothing is left of the energy. Raises ValueError for a price that is not a number.
    """
    energy = energy_wh(wh / _WH_PER_KWH)
    if energy == 0:
        return None
    if math.isnan(price_per_kwh):
        raise ValueError(f"{owner_id}, slot {slot}: the price is not a number")
    if math.isinf(price_per_kwh):
        price = price_cap if price_per_kwh > 0 else -price_cap
    else:
        price = max(-price_cap, min(price_cap, price_nano_per_kwh(price_per_kwh)))
    return Bid(owner_id, slot, energy, price, carrier, zone)


def kept(bids: Sequence[BidT | None]) -> tuple[BidT, ...]:
    """Without the places where nothing was left to bid."""
    return tuple(bid for bid in bids if bid is not None)


def orders(
    bids: Iterable[OrderTerms],
    *,
    market: int,
    round: int,
    first_slot: int,
    traders: Mapping[str, str],
    epochs: Mapping[str, int] | None = None,
) -> tuple[Order, ...]:
    """Bids of any kind as orders ready to be signed, of their owners' addresses in `traders`.

    The salt is the place among the bids, so equal bids are different orders. Raises KeyError for an
    owner without address.
    """
    return tuple(
        Order(
            market=market,
            round=round,
            legs=tuple(
                Leg(Product(leg.carrier, leg.zone, first_slot + leg.slot).id, leg.coefficient)
                for leg in bid.legs
            ),
            max_units=bid.max_units,
            limit=bid.limit,
            trader=traders[bid.owner_id],
            epoch=epochs.get(bid.owner_id, 0) if epochs else 0,
            salt=place,
        )
        for place, bid in enumerate(bids)
    )
