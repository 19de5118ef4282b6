"""What somebody wants in a slot, before it is addressed to a round and signed.

Markets whose orders have one leg share this: `market/<name>/bids.py` makes bids of a plan, and
`orders` addresses them to a round.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from market.order import Leg, Order
from market.product import Product
from market.quantise import energy_wh, price_nano_per_kwh
from market.units import SCALE

_WH_PER_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class Bid:
    """What somebody wants in one slot.

    `slot` counts from the first slot of the round. `energy_wh` is positive to buy, negative to
    sell; `price_nano_per_kwh` is the highest price paid or the lowest taken.
    """

    owner_id: str
    slot: int
    energy_wh: int
    price_nano_per_kwh: int

    @property
    def limit(self) -> int:
        """The limit of its order: what is paid at most, negative where it is taken at least."""
        return self.price_nano_per_kwh if self.energy_wh > 0 else -self.price_nano_per_kwh


def make_bid(
    owner_id: str, slot: int, wh: float, price_per_kwh: float, price_cap: int
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
    return Bid(owner_id, slot, energy, price)


def kept(bids: Sequence[Bid | None]) -> tuple[Bid, ...]:
    """Without the places where nothing was left to bid."""
    return tuple(bid for bid in bids if bid is not None)


def orders(
    bids: Iterable[Bid],
    *,
    market: int,
    round: int,
    first_slot: int,
    traders: Mapping[str, str],
    epochs: Mapping[str, int] | None = None,
) -> tuple[Order, ...]:
    """Bids as orders ready to be signed, of their owners' addresses in `traders`.

    The salt is the place among the bids, so equal bids are different orders. Raises KeyError for an
    owner without address.
    """
    return tuple(
        Order(
            market=market,
            round=round,
            legs=(
                Leg(
                    Product(0, 0, first_slot + bid.slot).id,
                    SCALE if bid.energy_wh > 0 else -SCALE,
                ),
            ),
            max_units=abs(bid.energy_wh),
            limit=bid.limit,
            trader=traders[bid.owner_id],
            epoch=epochs.get(bid.owner_id, 0) if epochs else 0,
            salt=place,
        )
        for place, bid in enumerate(bids)
    )
