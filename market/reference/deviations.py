"""Which deviation was used for what (docs/protocol.md section 10; Deviations.sol)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from market.reference.authority import Authority
from market.reference.errors import (
    BadLength,
    BadSlots,
    NoDevice,
    NotClaimant,
    NotOpen,
    NotReserved,
    SlotsBegan,
    SlotsTaken,
    UsedTooLate,
)
from market.reference.exchange import Exchange
from market.reference.meters import DISPUTE_WINDOW, POST_WINDOW, RESOLVE_WINDOW, MeterRegistry
from market.reference.params import DAY

CLAIM_WINDOW = DAY

Key = tuple[int, str, int, int]
"""Market, account, carrier, period."""


class ReservationStatus(IntEnum):
    NONE = 0
    OPEN = 1
    RELEASED = 2
    USED = 3


@dataclass(frozen=True, slots=True)
class Reservation:
    """`slots` is a bitmap: bit i is slot i of the period."""

    status: ReservationStatus
    claimant: str
    account: str
    market: int
    carrier: int
    period: int
    slots: int

    @property
    def key(self) -> Key:
        return self.market, self.account, self.carrier, self.period


@dataclass(slots=True)
class Deviations:
    address: str
    authority: Authority
    exchange: Exchange
    meters: MeterRegistry
    reservations: list[Reservation] = field(default_factory=list)
    taken_slots: dict[Key, int] = field(default_factory=dict)
    used: dict[Key, dict[int, int]] = field(default_factory=dict)

    def reserve(
        self,
        market: int,
        account: str,
        carrier: int,
        period: int,
        slots: int,
        *,
        sender: str,
        now: int,
    ) -> int:
        """Returns the reservation's number, from 1."""
        self.authority.require("DEVIATION_CLAIMANT", sender)
        if (market, account, carrier) not in self.meters.device_of:
            raise NoDevice(account)
        if slots == 0 or slots >> self.exchange.market(market).period_slots:
            raise BadSlots(bin(slots))
        starts_at = self._start_of(market, period, slots)
        if now >= starts_at:
            raise SlotsBegan(str(starts_at))
        key = (market, account, carrier, period)
        taken = self.taken_slots.get(key, 0)
        if taken & slots:
            raise SlotsTaken(bin(taken & slots))
        self.taken_slots[key] = taken | slots
        self.reservations.append(
            Reservation(ReservationStatus.OPEN, sender, account, market, carrier, period, slots)
        )
        return len(self.reservations)

    def release(self, number: int, *, sender: str, now: int) -> None:
        held = self._open(number, sender)
        self.reservations[number - 1] = replace(held, status=ReservationStatus.RELEASED)
        if now < self._start_of(held.market, held.period, held.slots):
            self.taken_slots[held.key] &= ~held.slots

    def use(self, number: int, values: Sequence[int], *, sender: str, now: int) -> None:
        held = self._open(number, sender)
        deadline = self.claim_by(held.market, held.period)
        if now > deadline:
            raise UsedTooLate(str(deadline))
        if len(values) != self.exchange.market(held.market).period_slots:
            raise BadLength(str(len(values)))
        for slot, wh in enumerate(values):
            if wh and not held.slots >> slot & 1:
                raise NotReserved(str(slot))
        self.reservations[number - 1] = replace(held, status=ReservationStatus.USED)
        self.used.setdefault(held.key, {}).update(
            {slot: wh for slot, wh in enumerate(values) if wh}
        )

    # Views

    def taken(self, market: int, account: str, carrier: int, period: int) -> int:
        """Bitmap of the slots that are, or were when they began, reserved."""
        return self.taken_slots.get((market, account, carrier, period), 0)

    def used_of(
        self, market: int, account: str, carrier: int, period: int, *, now: int
    ) -> tuple[bool, list[int]]:
        """Whether something may still be used, and Wh a slot (empty where nothing was)."""
        key = (market, account, carrier, period)
        pending = any(
            held.key == key and held.status is ReservationStatus.OPEN for held in self.reservations
        )
        used = self.used.get(key, {})
        slots = self.exchange.market(market).period_slots
        values = [used.get(slot, 0) for slot in range(slots)] if used else []
        return pending and now <= self.claim_by(market, period), values

    def claim_by(self, market: int, period: int) -> int:
        """The last second in which a deviation of the period can be used."""
        windows = POST_WINDOW + DISPUTE_WINDOW + RESOLVE_WINDOW + CLAIM_WINDOW
        return self.meters.period_end(market, period) + windows

    # Parts

    def _open(self, number: int, sender: str) -> Reservation:
        held = self.reservations[number - 1] if 0 < number <= len(self.reservations) else None
        if held is None or held.claimant != sender:
            raise NotClaimant(sender)
        if held.status is not ReservationStatus.OPEN:
            raise NotOpen(held.status.name)
        return held

    def _start_of(self, market: int, period: int, slots: int) -> int:
        params = self.exchange.market(market)
        first = (slots & -slots).bit_length() - 1
        return (period * params.period_slots + first) * params.slot_seconds


def left_over(deviation_wh: int, used_wh: int) -> int:
    """The part of a deviation that was not paid for elsewhere (protocol section 10)."""
    if deviation_wh < 0 < used_wh:
        return min(0, deviation_wh + used_wh)
    if used_wh < 0 < deviation_wh:
        return max(0, deviation_wh + used_wh)
    return deviation_wh
