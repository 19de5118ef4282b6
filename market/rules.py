"""The rules of a market, fixed when it is created (protocol section 4)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MarketRules:
    """The numbers among a market's on-chain parameters.

    Prices and caps in nano per kWh, gaps in micro-units, times in seconds, shares in basis points.
    `capacity_unit_wh` is 0 where the market has no capacity source, and where it trades tokens that
    the source keeps (`tokenised`, protocol section 9). `open_carriers` is 0 where the market has no
    network; carriers from there on are its account's alone.
    """

    carriers: int
    zones: int
    slot_seconds: int
    period_slots: int
    price_cap: int
    imbalance_cap: int
    shortfall_bp: int
    surplus_bp: int
    gap_floor_micro: int
    gap_cap_micro: int
    capacity_unit_wh: int = 0
    gate_grace: int = 300
    settle_window: int = 3_600
    exit_delay: int = 86_400
    bond_delay: int = 604_800
    challenge_window: int = 86_400
    tokenised: bool = False
    open_carriers: int = 0

    @property
    def takes_coupled(self) -> bool:
        """Whether orders may have several legs: where a tolerance for the gap is published."""
        return self.gap_floor_micro > 0 or self.gap_cap_micro > 0

    def __post_init__(self) -> None:
        if min(self.carriers, self.zones, self.slot_seconds, self.period_slots) < 1:
            raise ValueError("a market needs carriers, zones, a slot length and slots in a period")
        if self.period_slots > 256:
            raise ValueError(f"a period has at most 256 slots, not {self.period_slots}")
        if not 1 <= self.price_cap <= 1 << 62 or not 0 <= self.imbalance_cap <= 1 << 62:
            raise ValueError("price_cap must lie in 1 .. 2^62, imbalance_cap in 0 .. 2^62")
        if not self.gate_grace < self.settle_window < self.exit_delay:
            raise ValueError("gate_grace < settle_window < exit_delay must hold")
        if self.settle_window > 86_400:
            raise ValueError("settle_window is at most a day")
        if self.tokenised:
            self._check_tokenised()
        if not 0 <= self.open_carriers <= self.carriers:
            raise ValueError(
                f"open_carriers must lie in 0 .. {self.carriers}, the market's carriers"
            )
        if self.open_carriers and not self.takes_coupled:
            raise ValueError(
                "a network trades by orders of several legs: set gap_floor_micro or gap_cap_micro"
            )

    def check_source(self, named: bool) -> None:
        """Raises ValueError unless these rules fit a market that names a capacity source, or none.

        On the chain a source without a unit makes a market of tokens, whatever was meant.
        """
        if self.tokenised and not named:
            raise ValueError("a market of tokens names the contract that keeps them")
        if named and not self.tokenised and self.capacity_unit_wh == 0:
            raise ValueError(
                "a capacity source needs capacity_unit_wh, or tokenised where it keeps tokens"
            )

    def check_network(self, named: bool) -> None:
        """Raises ValueError unless these rules fit a market with a network account, or without."""
        if named and not self.open_carriers:
            raise ValueError("a market with a network says in open_carriers what everybody trades")
        if self.open_carriers and not named:
            raise ValueError("without a network account all carriers are open: set open_carriers 0")

    def _check_tokenised(self) -> None:
        if (self.carriers, self.zones) != (1, 1):
            raise ValueError("a market of tokens has one carrier and one zone: a slot is a class")
        if self.imbalance_cap or self.takes_coupled:
            raise ValueError(
                "tokens are delivered at once and one by one: set imbalance_cap, "
                "gap_floor_micro and gap_cap_micro to 0"
            )
        if self.capacity_unit_wh:
            raise ValueError(
                "what is sold are tokens, not attested capacity: set capacity_unit_wh 0"
            )
