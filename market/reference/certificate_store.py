"""Stores between certificates given and certificates issued (protocol section 14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from market.reference.certificate_batches import CertificateBatches
from market.reference.certified_devices import (
    FULL_BP,
    CertificateId,
    final_values,
    reach_wh,
    values_or_missing,
)
from market.reference.errors import (
    BadDevice,
    BadSlots,
    BeyondCharge,
    ChargesOutOfOrder,
    NotOwner,
    NotSimultaneous,
    PeriodOutOfOrder,
    TooManyTechnologies,
)
from market.reference.meters import MISSING

MOST_TECHNOLOGIES = 4
MOST_BATCHES = 256
"""Issued in a period; what leaves the store beyond is given up."""


@dataclass(slots=True)
class Store:
    """Wh. `green_wh` by technology is part of `energy_wh`; rounding always takes from the green.

    What is given up to losses stays given up: nothing here ever adds to the green parts but
    `mix`, by at most the efficiency's share of the certificates given.
    """

    capacity_wh: int
    efficiency_bp: int
    next_period: int
    energy_wh: int
    green_wh: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Store:
        return Store(
            self.capacity_wh,
            self.efficiency_bp,
            self.next_period,
            self.energy_wh,
            dict(self.green_wh),
        )

    def charge(self, charged_wh: int) -> None:
        """Take up energy; certificates for it were mixed in before. What does not fit is of all."""
        self.energy_wh += self._after_loss(charged_wh)
        if self.energy_wh > self.capacity_wh:
            for technology, green in self.green_wh.items():
                self.green_wh[technology] = green * self.capacity_wh // self.energy_wh
            self.energy_wh = self.capacity_wh

    def mix(self, technology: int, amount: int) -> None:
        """Certificates of the technology become a green part. Raises TooManyTechnologies."""
        green = self._after_loss(amount)
        if green == 0:
            return
        if not self.green_wh.get(technology) and len(self.technologies) == MOST_TECHNOLOGIES:
            raise TooManyTechnologies(f"{MOST_TECHNOLOGIES}")
        self.green_wh[technology] = self.green_wh.get(technology, 0) + green

    def discharge(self, discharged_wh: int) -> dict[int, int]:
        """Give back energy; returns the green Wh in it by technology, where there are any.

        Sums are rounded, not parts, so that what stays green never exceeds the energy that stays.
        """
        taken_wh = min(discharged_wh, self.energy_wh)
        out, before, rounded_before = {}, 0, 0
        for technology in sorted(self.green_wh):
            up_to = before + self.green_wh[technology]
            rounded = up_to * taken_wh // self.energy_wh if self.energy_wh else 0
            if rounded > rounded_before:
                out[technology] = rounded - rounded_before
            before, rounded_before = up_to, rounded
        for technology, share in out.items():
            self.green_wh[technology] -= share
        self.energy_wh -= taken_wh
        return out

    @property
    def technologies(self) -> list[int]:
        """Those of which something is left, ascending."""
        return sorted(technology for technology, green in self.green_wh.items() if green)

    def _after_loss(self, wh: int) -> int:
        return wh * self.efficiency_bp // FULL_BP


@dataclass(frozen=True, slots=True)
class Charge:
    """Certificates given for energy charged in a slot of the period."""

    slot: int
    token_id: int
    amount: int


@dataclass(slots=True, kw_only=True)
class CertificateStores(CertificateBatches):
    stores: dict[str, Store] = field(default_factory=dict)

    def register_store(
        self,
        device: str,
        zone: int,
        efficiency_bp: int,
        capacity_wh: int,
        from_period: int,
        *,
        sender: str,
        now: int,
    ) -> None:
        self.authority.require("CERTIFICATE_REGISTRAR", sender)
        if not 1 <= efficiency_bp <= FULL_BP or capacity_wh == 0:
            raise BadDevice(f"efficiency {efficiency_bp}, capacity {capacity_wh}")
        self._certify(device, zone, 0, efficiency_bp, from_period, now)
        self.stores[device] = Store(capacity_wh, efficiency_bp, from_period, capacity_wh)

    def account(
        self,
        device: str,
        period: int,
        values: bytes,
        charges: Sequence[Charge],
        *,
        sender: str,
        now: int,
    ) -> int:
        known = self._kind(device, store=True)
        if sender != self.meters.devices[device].account:
            raise NotOwner(f"{device}: {sender}")
        if period != self.stores[device].next_period:
            raise PeriodOutOfOrder(str(self.stores[device].next_period))
        self._require_counts(device, known, period)
        metered = values_or_missing(
            final_values(self.meters, device, period, values, now=now), known.period_slots
        )
        for at, charge in enumerate(charges):
            if charge.slot >= known.period_slots:
                raise BadSlots(str(charge.slot))
            if at and charge.slot < charges[at - 1].slot:
                raise ChargesOutOfOrder(str(at))
        store = self.stores[device].copy()
        issued: list[tuple[CertificateId, int]] = []
        taken: Counter[int] = Counter()
        for slot, wh in enumerate(metered):
            charged_wh = 0 if wh == MISSING else max(0, wh)
            left_wh = charged_wh
            for charge in charges:
                if charge.slot == slot:
                    self._give(store, device, period, charge, left_wh, taken, now)
                    left_wh -= charge.amount
            if wh == MISSING:
                store.charge(reach_wh(self.meters.devices[device], known.slot_seconds))
            elif wh > 0:
                store.charge(charged_wh)
            elif wh < 0:
                issued += [
                    (CertificateId(device, period, slot, technology), amount)
                    for technology, amount in store.discharge(-wh).items()
                ]
        for charge in charges:
            self._retire(sender, charge.token_id, charge.amount)
        issued = issued[:MOST_BATCHES]
        for named, amount in issued:
            self._mint(known, named, amount)
        store.next_period += 1
        self.stores[device] = store
        self.certified[device] = replace(known, issued=True)
        return sum(amount for _, amount in issued)

    # Parts

    def _give(
        self,
        store: Store,
        device: str,
        period: int,
        charge: Charge,
        left_wh: int,
        taken: Counter[int],
        now: int,
    ) -> None:
        """Mix a charge into the store. `taken` is what the charges before it took, by id."""
        if charge.amount > left_wh:
            raise BeyondCharge(f"slot {charge.slot}")
        known = self.certified[device]
        begins = known.start_of(period, charge.slot)
        source, starts_at = self._interval_of(charge.token_id)
        lies_in_slot = (
            begins <= starts_at and starts_at + source.slot_seconds <= begins + known.slot_seconds
        )
        if source.zone != known.zone or not lies_in_slot:
            raise NotSimultaneous(hex(charge.token_id))
        owner = self.meters.devices[device].account
        self._require_retirable(owner, charge.token_id, charge.amount, taken, now)
        store.mix(CertificateId.of(charge.token_id).technology, charge.amount)
