"""What products are called: a carrier in a zone in a delivery slot, by the market's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from market.product import Product, ProductError, ProductGrid

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ProductNames:
    """`carriers` and `zones` are the names behind their numbers (numbers stand in for names that
    are missing); a period is `period_slots` slots of `slot_seconds`.

    A product is written ``carrier/zone/slot`` with the slot counted in its period:
    ``electricity/north/34`` is half past eight in a day of quarter-hours. `places` says what a
    carrier in a zone is where that is something of its own, such as the capacity of a line.
    """

    carriers: Sequence[str]
    zones: Sequence[str]
    slot_seconds: int
    period_slots: int
    places: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def carrier(self, number: int) -> str:
        return _name(self.carriers, number)

    def zone(self, number: int) -> str:
        return _name(self.zones, number)

    def path(self, product_id: int) -> str:
        """As it is written on a command line."""
        product = Product.from_id(product_id)
        slot = product.slot % self.period_slots
        return f"{self.carrier(product.carrier)}/{self.zone(product.zone)}/{slot}"

    def label(self, product_id: int) -> str:
        """As it is said in a sentence; times in UTC."""
        product = Product.from_id(product_id)
        own = self.places.get((product.carrier, product.zone))
        if own is not None:
            return f"{own}, {self.time(product.slot)}"
        carrier = _worded("carrier", self.carriers, product.carrier)
        zone = _worded("zone", self.zones, product.zone)
        return f"{carrier} in {zone}, {self.time(product.slot)}"

    def time(self, slot: int) -> str:
        """When a slot is delivered, in UTC."""
        begin = datetime.fromtimestamp(slot * self.slot_seconds, UTC)
        end = datetime.fromtimestamp((slot + 1) * self.slot_seconds, UTC)
        if (end.hour, end.minute, end.second) == (0, 0, 0) and self.slot_seconds % 86_400 == 0:
            return f"{begin:%Y-%m-%d}"
        return f"{begin:%Y-%m-%d %H:%M}-{end:%H:%M} UTC"

    def find(self, text: str, grid: ProductGrid) -> int:
        """The product of a round that `text` names: ``carrier/zone/slot`` or the product's number.

        Carrier and zone are names or numbers; the slot counts in its period, or from 1970.
        Raises ProductError saying what the round trades.
        """
        if text.isascii() and text.isdecimal():
            product_id = int(text)
            if product_id not in grid:
                raise ProductError(f"product {text} is not traded in this round; {self._say(grid)}")
            return product_id
        parts = text.split("/")
        if len(parts) != 3:
            raise ProductError(
                f"{text!r} names no product; write carrier/zone/slot; {self._say(grid)}"
            )
        carrier = _number("carrier", parts[0], self.carriers, grid.carriers)
        zone = _number("zone", parts[1], self.zones, grid.zones)
        return Product(carrier, zone, self._slot(parts[2], grid)).id

    def _slot(self, text: str, grid: ProductGrid) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10):
            raise ProductError(f"slot {text!r} is no number; {self._say(grid)}")
        slot = int(text)
        if slot < self.period_slots:
            slot += grid.first_slot // self.period_slots * self.period_slots
        if not grid.first_slot <= slot < grid.first_slot + grid.slots:
            raise ProductError(f"slot {text} is not traded in this round; {self._say(grid)}")
        return slot

    def _say(self, grid: ProductGrid) -> str:
        first = grid.first_slot % self.period_slots
        return (
            f"it trades {_listed(self.carriers, grid.carriers)} / "
            f"{_listed(self.zones, grid.zones)} / slots {first} to {first + grid.slots - 1}, "
            f"such as {self.path(grid.product_id(0))}"
        )


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else str(number)


def _worded(what: str, names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"{what} {number}"


def _listed(names: Sequence[str], count: int) -> str:
    shown = [_name(names, number) for number in range(min(count, _SHOWN))]
    return ", ".join(shown) + (f", ... ({count})" if count > _SHOWN else "")


def _number(what: str, text: str, names: Sequence[str], count: int) -> int:
    if text in names:
        return list(names).index(text)
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < count:
        return int(text)
    raise ProductError(f"there is no {what} {text!r}; there are {_listed(names, count)}")
