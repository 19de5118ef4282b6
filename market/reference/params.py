"""What a market is created with (protocol section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from market.reference.errors import InvalidParams
from market.reference.token import ZERO_ADDRESS
from market.rules import MarketRules

DAY = 86_400
MAX_PRICE = 2**62
MAX_PRODUCTS = 65_536
MAX_CARRIER_SLOTS = 4_096
"""Closing a period looks at every slot of every carrier."""
MAX_PERIOD_SLOTS = 256


@dataclass(frozen=True, slots=True)
class MarketParams:
    """Immutable after creation. Field for field the Solidity struct.

    Money in micro-units, prices in nano-units per kWh, times in seconds.
    """

    operator: str
    balancing: str
    role: bytes
    capacity_source: str
    capacity_unit_wh: int
    carriers: int
    zones: int
    slot_seconds: int
    period_slots: int
    price_cap: int
    imbalance_cap: int
    shortfall_bp: int
    surplus_bp: int
    gate_grace: int
    settle_window: int
    exit_delay: int
    bond_delay: int
    challenge_window: int
    gap_floor: int
    gap_cap: int
    asset: str
    network: str = ZERO_ADDRESS
    """The account that alone trades carriers from `open_carriers` on; the zero address: none."""
    open_carriers: int = 0
    network_hash: bytes = bytes(32)
    """keccak of the network's description, by which its account's orders are re-derived."""

    @property
    def bounds_capacity(self) -> bool:
        return self.capacity_source != ZERO_ADDRESS

    @property
    def tokenised(self) -> bool:
        """Whether the market trades tokens that its capacity source keeps (protocol section 9)."""
        return self.bounds_capacity and self.capacity_unit_wh == 0

    @property
    def has_network(self) -> bool:
        return self.network != ZERO_ADDRESS

    @property
    def rules(self) -> MarketRules:
        """The numbers among them, as the market core wants them."""
        return MarketRules(
            carriers=self.carriers,
            zones=self.zones,
            slot_seconds=self.slot_seconds,
            period_slots=self.period_slots,
            price_cap=self.price_cap,
            imbalance_cap=self.imbalance_cap,
            shortfall_bp=self.shortfall_bp,
            surplus_bp=self.surplus_bp,
            gap_floor_micro=self.gap_floor,
            gap_cap_micro=self.gap_cap,
            capacity_unit_wh=self.capacity_unit_wh if self.bounds_capacity else 0,
            tokenised=self.tokenised,
            gate_grace=self.gate_grace,
            settle_window=self.settle_window,
            exit_delay=self.exit_delay,
            bond_delay=self.bond_delay,
            challenge_window=self.challenge_window,
            open_carriers=self.open_carriers,
        )

    @property
    def _one_kind_delivered_at_once(self) -> bool:
        return (self.carriers, self.zones) == (1, 1) and not (
            self.imbalance_cap or self.gap_floor or self.gap_cap
        )

    @property
    def _network_sound(self) -> bool:
        if not self.has_network:
            return self.open_carriers == 0 and not any(self.network_hash)
        return (
            1 <= self.open_carriers <= self.carriers
            and any(self.network_hash)
            and bool(self.gap_floor or self.gap_cap)
        )

    def check(self) -> None:
        """Raises InvalidParams."""
        valid = (
            ZERO_ADDRESS not in (self.operator, self.balancing, self.asset)
            and self.gate_grace < self.settle_window < self.exit_delay
            and self.settle_window <= DAY
            and min(self.slot_seconds, self.period_slots, self.carriers, self.zones) >= 1
            and self.period_slots <= MAX_PERIOD_SLOTS
            and self.carriers * self.zones * self.period_slots <= MAX_PRODUCTS
            and self.carriers * self.period_slots <= MAX_CARRIER_SLOTS
            and 1 <= self.price_cap <= MAX_PRICE
            and 0 <= self.imbalance_cap <= MAX_PRICE
            and (not self.tokenised or self._one_kind_delivered_at_once)
            and self._network_sound
        )
        if not valid:
            raise InvalidParams(str(self))
