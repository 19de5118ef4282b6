"""What green certificates hold, rebuilt from the chain's history (protocol section 14)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_utils.address import to_checksum_address

from market.reference.meters import MISSING
from wattproof.audit.sale_pool import Parcel, SalePool

CONTRACT = "GreenCertificates"
VINTAGE_SECONDS = 30 * 86_400
LIFETIME = 540 * 86_400
STORE_TECHNOLOGIES = 4
STORE_BATCHES = 256
"""Issued in a period; what leaves the store beyond is given up."""
_BP = 10_000

Charges = Mapping[int, Sequence[tuple[int, int]]]
"""By slot of the period: technologies with their Wh, in order."""


@dataclass(frozen=True, slots=True)
class BatchId:
    """What a certificate's id says."""

    device: str
    period: int
    slot: int
    technology: int

    @classmethod
    def of(cls, identity: int) -> BatchId:
        return cls(
            to_checksum_address((identity >> 56).to_bytes(20, "big")),
            identity >> 24 & 0xFFFFFFFF,
            identity >> 8 & 0xFFFF,
            identity & 0xFF,
        )

    @property
    def number(self) -> int:
        """The id itself."""
        return int(self.device, 16) << 56 | self.period << 24 | self.slot << 8 | self.technology

    def __str__(self) -> str:
        return (
            f"{self.number:#x} (device {self.device}, period {self.period}, slot {self.slot}, "
            f"technology {self.technology})"
        )


@dataclass(slots=True)
class CertifiedDevice:
    """``efficiency_bp`` is 0 for a producer, ``until_period`` where no end is known."""

    market: int
    zone: int
    technology: int
    from_period: int
    efficiency_bp: int = 0
    until_period: int = 0
    issued: bool = False

    def counts(self, period: int) -> bool:
        """Whether a period is within the registration."""
        return self.from_period <= period and not 0 < self.until_period <= period


@dataclass(slots=True)
class Batch:
    """One id, Wh. ``zone`` is its device's, ``starts_at`` its interval's first second,
    ``issued_in`` the transaction."""

    starts_at: int
    zone: int
    issued_wh: int = 0
    issued_in: str = ""
    retired_wh: int = 0
    expired_wh: int = 0

    @property
    def vintage(self) -> int:
        return self.starts_at // VINTAGE_SECONDS

    @property
    def expires_at(self) -> int:
        """From this second on certificates of the batch only expire."""
        return (self.vintage + 1) * VINTAGE_SECONDS + LIFETIME


@dataclass(slots=True)
class Store:
    """What a store holds, Wh; certificates leave it in the proportion in which it was filled."""

    capacity_wh: int
    efficiency_bp: int
    energy_wh: int
    next_period: int
    green_wh: dict[int, int] = field(default_factory=dict)

    def live(
        self, values: Sequence[int], charges: Charges, reach_wh: int
    ) -> dict[tuple[int, int], int]:
        """Account one period, slot by slot.

        Args:
            values: the final reading, Wh a slot, import positive; ``MISSING`` where there is none.
            charges: certificates given for what was charged.
            reach_wh: what the meter could have measured in a slot.

        Returns:
            Wh that are issued, by slot and technology.
        """
        issued: dict[tuple[int, int], int] = {}
        for slot, metered_wh in enumerate(values):
            if metered_wh == MISSING:
                self._charge(reach_wh, ())
            elif metered_wh > 0:
                self._charge(metered_wh, charges.get(slot, ()))
            elif metered_wh < 0:
                for technology, amount in self._discharge(-metered_wh).items():
                    if len(issued) < STORE_BATCHES:
                        issued[slot, technology] = amount
        self.next_period += 1
        return issued

    def _charge(self, energy_wh: int, given: Sequence[tuple[int, int]]) -> None:
        self.energy_wh += energy_wh * self.efficiency_bp // _BP
        for technology, amount in given:
            green_wh = amount * self.efficiency_bp // _BP
            self.green_wh[technology] = self.green_wh.get(technology, 0) + green_wh
        if self.energy_wh > self.capacity_wh:
            for technology, green_wh in self.green_wh.items():
                self.green_wh[technology] = green_wh * self.capacity_wh // self.energy_wh
            self.energy_wh = self.capacity_wh

    def _discharge(self, energy_wh: int) -> dict[int, int]:
        """Sums are rounded, not parts: together they never give more than is discharged."""
        energy_wh = min(energy_wh, self.energy_wh)
        out: dict[int, int] = {}
        before_wh = given_wh = 0
        for technology, green_wh in sorted(self.green_wh.items()):
            before_wh += green_wh
            due_wh = before_wh * energy_wh // self.energy_wh if energy_wh else 0
            if due_wh > given_wh:
                out[technology] = due_wh - given_wh
                self.green_wh[technology] = green_wh - out[technology]
            given_wh = due_wh
        self.energy_wh -= energy_wh
        return out


@dataclass(slots=True)
class Certificates:
    """Batches by id, holdings by account and id, pools by market and slot.

    Attributes:
        address: the contract's, which holds what is for sale.
        claimed: retired for somebody, by beneficiary and id.
        classes: technology and zone by market.
        sold: what each round (market, number) gave to whom.
        approvals: who may move whose certificates, by account and operator.
        given: charges of store periods that are being accounted, by device and period.
    """

    address: str = ""
    devices: dict[str, CertifiedDevice] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    held: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    claimed: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    classes: dict[int, tuple[int, int]] = field(default_factory=dict)
    pools: defaultdict[tuple[int, int], SalePool] = field(
        default_factory=lambda: defaultdict(SalePool)
    )
    sold: defaultdict[tuple[int, int], list[tuple[str, Parcel]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    approvals: dict[tuple[str, str], bool] = field(default_factory=dict)
    given: defaultdict[tuple[str, int], list[tuple[int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
