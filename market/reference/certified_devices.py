"""Devices for which certificates are issued, and what a certificate's number says (section 14)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.reference.authority import Authority
from market.reference.errors import (
    BadDevice,
    CertificateExpired,
    DeviceKnown,
    IssuedBefore,
    NotCertified,
    OutsideRegistration,
    PeriodBegan,
    ReadingNotFinal,
    UnknownDevice,
    WithdrawnBefore,
    WrongReading,
)
from market.reference.exchange import Exchange
from market.reference.meters import (
    MISSING,
    NO_VALUES,
    SECONDS_PER_HOUR,
    Device,
    MeterRegistry,
    decode_values,
)
from market.reference.params import DAY

VINTAGE_SECONDS = 30 * DAY
LIFETIME = 540 * DAY
FULL_BP = 10_000


@dataclass(frozen=True, slots=True)
class CertifiedDevice:
    """Field for field the Solidity struct. A store has technology 0, a producer efficiency 0.

    Periods from `from_period` up to and without `until_period` count (0: no end known).
    """

    market: int
    zone: int
    technology: int
    efficiency_bp: int
    from_period: int
    until_period: int
    slot_seconds: int
    period_slots: int
    issued: bool = False

    @property
    def is_store(self) -> bool:
        return self.efficiency_bp > 0

    def start_of(self, period: int, slot: int) -> int:
        """Seconds."""
        return (period * self.period_slots + slot) * self.slot_seconds

    def counts_in(self, period: int) -> bool:
        return self.from_period <= period and (self.until_period == 0 or period < self.until_period)


@dataclass(frozen=True, slots=True)
class CertificateId:
    """Which device's, which interval's, which technology's."""

    device: str
    period: int
    slot: int
    technology: int

    def __int__(self) -> int:
        return int(self.device, 16) << 56 | self.period << 24 | self.slot << 8 | self.technology

    @classmethod
    def of(cls, number: int) -> CertificateId:
        return cls(
            device=str(to_checksum_address((number >> 56).to_bytes(20, "big"))),
            period=number >> 24 & (1 << 32) - 1,
            slot=number >> 8 & (1 << 16) - 1,
            technology=number & 255,
        )


def vintage_of(starts_at: int) -> int:
    """Of an interval that begins at that second."""
    return starts_at // VINTAGE_SECONDS


def expiry_of_vintage(vintage: int) -> int:
    """From this second on its certificates only expire."""
    return (vintage + 1) * VINTAGE_SECONDS + LIFETIME


def reach_wh(meter: Device, slot_seconds: int) -> int:
    """The most that a meter can show in a slot, either way."""
    return meter.capacity_w * slot_seconds // SECONDS_PER_HOUR


def final_values(
    meters: MeterRegistry, device: str, period: int, values: bytes, *, now: int
) -> list[int] | None:
    """Wh of every slot of a final reading (`MISSING` without one); None: finally no reading.

    `values` must be those of the reading, or empty where there is none.
    Raises ReadingNotFinal, WrongReading.
    """
    is_final, values_hash = meters.final_reading(device, period, now=now)
    if not is_final:
        raise ReadingNotFinal(f"{device}, period {period}")
    if values_hash == NO_VALUES:
        if values:
            raise WrongReading(f"{device} has no reading of period {period}")
        return None
    if keccak(values) != values_hash:
        raise WrongReading(f"{device}, period {period}")
    return decode_values(values)


def values_or_missing(values: list[int] | None, period_slots: int) -> list[int]:
    """A value for every slot, whether or not there is a reading."""
    return [MISSING] * period_slots if values is None else values


@dataclass(slots=True, kw_only=True)
class CertifiedDevices:
    authority: Authority
    exchange: Exchange
    meters: MeterRegistry
    certified: dict[str, CertifiedDevice] = field(default_factory=dict)

    # The issuing body

    def register_producer(
        self, device: str, technology: int, zone: int, from_period: int, *, sender: str, now: int
    ) -> None:
        self.authority.require("CERTIFICATE_REGISTRAR", sender)
        if technology == 0:
            raise BadDevice("technology 0 is a store's")
        self._certify(device, zone, technology, 0, from_period, now)

    def correct(self, device: str, technology: int, zone: int, *, sender: str) -> None:
        self.authority.require("CERTIFICATE_REGISTRAR", sender)
        known = self._certified(device)
        if known.issued:
            raise IssuedBefore(device)
        if known.is_store != (technology == 0):
            raise BadDevice(f"technology {technology}")
        self.certified[device] = replace(known, technology=technology, zone=zone)

    def withdraw(self, device: str, until_period: int, *, sender: str, now: int) -> None:
        self.authority.require("CERTIFICATE_REGISTRAR", sender)
        known = self._certified(device)
        if known.until_period != 0:
            raise WithdrawnBefore(f"{device} ends at {known.until_period}")
        self._require_not_begun(known, until_period, now)
        self.certified[device] = replace(known, until_period=until_period)

    # Views

    def expiry_of(self, token_id: int) -> int:
        """From this second on it only expires. Raises NotCertified for a device unknown here."""
        _, starts_at = self._interval_of(token_id)
        return expiry_of_vintage(vintage_of(starts_at))

    # Parts

    def _interval_of(self, token_id: int) -> tuple[CertifiedDevice, int]:
        """The device that a certificate names, and when the interval begins."""
        named = CertificateId.of(token_id)
        known = self._certified(named.device)
        return known, known.start_of(named.period, named.slot)

    def _require_live(self, token_id: int, now: int) -> None:
        expires_at = self.expiry_of(token_id)
        if now >= expires_at:
            raise CertificateExpired(f"{token_id:#x}, since {expires_at}")

    def _certify(
        self,
        device: str,
        zone: int,
        technology: int,
        efficiency_bp: int,
        from_period: int,
        now: int,
    ) -> None:
        meter = self.meters.devices.get(device)
        if meter is None:
            raise UnknownDevice(device)
        if device in self.certified:
            raise DeviceKnown(device)
        params = self.exchange.market(meter.market)
        known = CertifiedDevice(
            market=meter.market,
            zone=zone,
            technology=technology,
            efficiency_bp=efficiency_bp,
            from_period=from_period,
            until_period=0,
            slot_seconds=params.slot_seconds,
            period_slots=params.period_slots,
        )
        self._require_not_begun(known, from_period, now)
        self.certified[device] = known

    def _certified(self, device: str) -> CertifiedDevice:
        if device not in self.certified:
            raise NotCertified(device)
        return self.certified[device]

    def _kind(self, device: str, *, store: bool) -> CertifiedDevice:
        known = self._certified(device)
        if known.is_store != store:
            raise NotCertified(f"{device} is {'no' if store else 'a'} store")
        return known

    @staticmethod
    def _require_counts(device: str, known: CertifiedDevice, period: int) -> None:
        if not known.counts_in(period):
            raise OutsideRegistration(f"{device}, period {period}")

    @staticmethod
    def _require_not_begun(known: CertifiedDevice, period: int, now: int) -> None:
        starts_at = known.start_of(period, 0)
        if now >= starts_at:
            raise PeriodBegan(str(starts_at))
