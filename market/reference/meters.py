"""MeterRegistry: devices, their keys and their readings (protocol section 5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import IntEnum

from eth_utils.crypto import keccak

from market.order import Domain, SignatureError, recover
from market.reference.authority import Authority
from market.reference.errors import (
    AccessManagedUnauthorized,
    AccountHasDevice,
    BadLength,
    BeyondCapacity,
    DisputedTooLate,
    InvalidSignature,
    KeyUsed,
    NotDisputable,
    NotDisputed,
    PeriodNotOver,
    PostedBefore,
    PostedTooLate,
    ResolvedTooLate,
    UnknownCarrier,
    UnknownDevice,
    WrongMarket,
    ZeroValue,
)
from market.reference.exchange import Exchange
from market.reference.params import DAY
from market.reference.token import ZERO_ADDRESS
from market.signature import address_word, message_digest, word

POST_WINDOW = 2 * DAY
DISPUTE_WINDOW = DAY
RESOLVE_WINDOW = 3 * DAY
SECONDS_PER_HOUR = 3_600
MISSING = -(2**31)
"""Stands for a slot without a value."""
NO_VALUES = bytes(32)

_READINGS_TYPEHASH = keccak(
    text="Readings(address device,uint32 market,uint32 period,bytes32 values)"
)


class ReadingStatus(IntEnum):
    NONE = 0
    POSTED = 1
    DISPUTED = 2
    KEPT = 3
    REPLACED = 4
    VOID = 5


class Resolution(IntEnum):
    KEEP = 0
    REPLACE = 1
    VOID = 2


@dataclass(frozen=True, slots=True)
class Device:
    account: str
    market: int
    carrier: int
    capacity_w: int
    key: str


@dataclass(frozen=True, slots=True)
class Reading:
    values_hash: bytes = NO_VALUES
    posted_at: int = 0
    disputed_at: int = 0
    status: ReadingStatus = ReadingStatus.NONE


def decode_values(values: bytes) -> list[int]:
    """Wh of every slot, import positive; `MISSING` where there is none."""
    return [
        int.from_bytes(values[at : at + 4], "big", signed=True) for at in range(0, len(values), 4)
    ]


def encode_values(values_wh: list[int]) -> bytes:
    """The reverse of `decode_values`."""
    return b"".join(wh.to_bytes(4, "big", signed=True) for wh in values_wh)


@dataclass(slots=True)
class MeterRegistry:
    address: str
    authority: Authority
    exchange: Exchange
    devices: dict[str, Device] = field(default_factory=dict)
    device_of: dict[tuple[int, str, int], str] = field(default_factory=dict)
    keys_used: set[str] = field(default_factory=set)
    readings: dict[tuple[str, int], Reading] = field(default_factory=dict)
    coverage: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))

    def register(
        self,
        device: str,
        market: int,
        account: str,
        carrier: int,
        capacity_w: int,
        *,
        sender: str,
    ) -> None:
        self.authority.require("METER_REGISTRAR", sender)
        if ZERO_ADDRESS in (device, account) or capacity_w == 0:
            raise ZeroValue("device, account and capacity are needed")
        if carrier >= self.exchange.market(market).carriers:
            raise UnknownCarrier(str(carrier))
        if (market, account, carrier) in self.device_of:
            raise AccountHasDevice(self.device_of[market, account, carrier])
        self._take_key(device)
        self.devices[device] = Device(account, market, carrier, capacity_w, device)
        self.device_of[market, account, carrier] = device

    def rotate_key(self, device: str, new_key: str, *, sender: str) -> None:
        self.authority.require("METER_REGISTRAR", sender)
        if new_key == ZERO_ADDRESS:
            raise ZeroValue("a key is needed")
        meter = self._device(device)
        self._take_key(new_key)
        self.devices[device] = replace(meter, key=new_key)

    def post(
        self, device: str, market: int, period: int, values: bytes, signature: bytes, *, now: int
    ) -> None:
        meter = self._device(device)
        if meter.market != market:
            raise WrongMarket(str(market))
        if self.reading(device, period).status is not ReadingStatus.NONE:
            raise PostedBefore(f"{device}, period {period}")
        ends_at = self.period_end(market, period)
        if now < ends_at:
            raise PeriodNotOver(str(ends_at))
        if now > ends_at + POST_WINDOW:
            raise PostedTooLate(str(ends_at + POST_WINDOW))
        digest = readings_digest(
            Domain(self.exchange.chain_id, self.address), device, market, period, values
        )
        try:
            signer = recover(digest, signature)
        except SignatureError as error:
            raise InvalidSignature(str(error)) from error
        if signer != meter.key:
            raise InvalidSignature(f"signed by {signer}, not by {meter.key}")
        self.coverage[market, period] |= self._check_values(meter, values)
        self.readings[device, period] = Reading(keccak(values), now, 0, ReadingStatus.POSTED)

    def dispute(self, device: str, period: int, *, sender: str, now: int) -> None:
        meter = self.devices.get(device)
        if (meter is None or sender != meter.account) and not self.authority.holds(
            "METER_AUTHORITY", sender
        ):
            raise AccessManagedUnauthorized(f"{sender} may not dispute")
        current = self.reading(device, period)
        if current.status is not ReadingStatus.POSTED:
            raise NotDisputable(current.status.name)
        if now > current.posted_at + DISPUTE_WINDOW:
            raise DisputedTooLate(str(current.posted_at + DISPUTE_WINDOW))
        self.readings[device, period] = replace(
            current, disputed_at=now, status=ReadingStatus.DISPUTED
        )

    def resolve(
        self,
        device: str,
        period: int,
        resolution: Resolution,
        values: bytes,
        *,
        sender: str,
        now: int,
    ) -> None:
        """End a dispute; final at once. Coverage stays what was posted."""
        self.authority.require("METER_AUTHORITY", sender)
        current = self.reading(device, period)
        if current.status is not ReadingStatus.DISPUTED:
            raise NotDisputed(current.status.name)
        if now > current.disputed_at + RESOLVE_WINDOW:
            raise ResolvedTooLate(str(current.disputed_at + RESOLVE_WINDOW))
        if resolution is Resolution.REPLACE:
            self._check_values(self._device(device), values)
            resolved = replace(current, values_hash=keccak(values), status=ReadingStatus.REPLACED)
        elif values:
            raise BadLength(str(len(values)))
        elif resolution is Resolution.VOID:
            resolved = replace(current, values_hash=NO_VALUES, status=ReadingStatus.VOID)
        else:
            resolved = replace(current, status=ReadingStatus.KEPT)
        self.readings[device, period] = resolved

    # Views

    def reading(self, device: str, period: int) -> Reading:
        return self.readings.get((device, period), Reading())

    def final_reading(self, device: str, period: int, *, now: int) -> tuple[bool, bytes]:
        """Whether the reading can no longer change, and its hash (zeros: finally without one)."""
        current = self.reading(device, period)
        if current.status is ReadingStatus.NONE:
            open_until = self.period_end(self._device(device).market, period) + POST_WINDOW
        elif current.status is ReadingStatus.POSTED:
            open_until = current.posted_at + DISPUTE_WINDOW
        elif current.status is ReadingStatus.DISPUTED:
            open_until = current.disputed_at + RESOLVE_WINDOW
        else:
            return True, current.values_hash
        return now > open_until, current.values_hash

    def covered(self, market: int, period: int) -> int:
        """Bit i: somebody's posted reading has a value for slot i of the period."""
        return self.coverage.get((market, period), 0)

    def period_end(self, market: int, period: int) -> int:
        params = self.exchange.market(market)
        return (period + 1) * params.period_slots * params.slot_seconds

    # Parts

    def _device(self, device: str) -> Device:
        if device not in self.devices:
            raise UnknownDevice(device)
        return self.devices[device]

    def _take_key(self, key: str) -> None:
        if key in self.keys_used:
            raise KeyUsed(key)
        self.keys_used.add(key)

    def _check_values(self, meter: Device, values: bytes) -> int:
        """The slots that have a value, bit i for slot i. Raises BadLength, BeyondCapacity."""
        params = self.exchange.market(meter.market)
        if len(values) != 4 * params.period_slots:
            raise BadLength(str(len(values)))
        slots = 0
        for slot, energy_wh in enumerate(decode_values(values)):
            if energy_wh == MISSING:
                continue
            if abs(energy_wh) * SECONDS_PER_HOUR > meter.capacity_w * params.slot_seconds:
                raise BeyondCapacity(f"slot {slot}: {energy_wh} Wh")
            slots |= 1 << slot
        return slots


def readings_digest(domain: Domain, device: str, market: int, period: int, values: bytes) -> bytes:
    """What the device's key signs; `domain` names the meter registry."""
    return message_digest(
        domain,
        keccak(
            _READINGS_TYPEHASH + address_word(device) + word(market) + word(period) + keccak(values)
        ),
    )
