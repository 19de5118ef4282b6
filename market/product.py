"""What is traded: a carrier in a zone in a delivery slot (protocol section 2)."""

from __future__ import annotations

from dataclasses import dataclass


class ProductError(ValueError):
    """A product that cannot exist, or does not belong to the round."""


@dataclass(frozen=True, slots=True, order=True)
class Product:
    """`slot` is the delivery start in seconds (UTC) divided by the market's slot length."""

    carrier: int
    zone: int
    slot: int

    def __post_init__(self) -> None:
        if not (0 <= self.carrier < 1 << 16 and 0 <= self.zone < 1 << 16):
            raise ProductError(f"carrier {self.carrier} and zone {self.zone} must fit 16 bits")
        if not 0 <= self.slot < 1 << 32:
            raise ProductError(f"slot {self.slot} must fit 32 bits")

    @property
    def id(self) -> int:
        return self.carrier << 48 | self.zone << 32 | self.slot

    @classmethod
    def from_id(cls, product_id: int) -> Product:
        """Raises ProductError when the number does not fit 64 bits."""
        if not 0 <= product_id < 1 << 64:
            raise ProductError(f"product {product_id} must fit 64 bits")
        return cls(product_id >> 48, product_id >> 32 & 0xFFFF, product_id & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class ProductGrid:
    """The products of a round, numbered by carrier, then zone, then slot."""

    carriers: int
    zones: int
    first_slot: int
    slots: int

    def __post_init__(self) -> None:
        if min(self.carriers, self.zones, self.slots) < 1 or self.first_slot < 0:
            raise ProductError("a round needs at least one carrier, zone and slot")
        if len(self) > 1 << 16:
            raise ProductError(f"a round trades at most 65536 products, not {len(self)}")

    def __len__(self) -> int:
        return self.carriers * self.zones * self.slots

    def __contains__(self, product_id: object) -> bool:
        if not isinstance(product_id, int) or not 0 <= product_id < 1 << 64:
            return False
        offset = (product_id & 0xFFFFFFFF) - self.first_slot
        return (
            product_id >> 48 < self.carriers
            and product_id >> 32 & 0xFFFF < self.zones
            and 0 <= offset < self.slots
        )

    def index(self, product_id: int) -> int:
        """Place of a product in the round. Raises ProductError when it is not in the round."""
        if product_id not in self:
            raise ProductError(f"product {product_id} is not traded in this round")
        carrier, zone = product_id >> 48, product_id >> 32 & 0xFFFF
        return (carrier * self.zones + zone) * self.slots + (
            (product_id & 0xFFFFFFFF) - self.first_slot
        )

    def product_id(self, index: int) -> int:
        """The product at a place. Raises ProductError when there is no such place."""
        if not 0 <= index < len(self):
            raise ProductError(f"this round has {len(self)} products, no index {index}")
        place, slot = divmod(index, self.slots)
        carrier, zone = divmod(place, self.zones)
        return Product(carrier, zone, self.first_slot + slot).id
