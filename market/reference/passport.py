"""BatteryPassport: attested capacity of identified owners' batteries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak

from market.reference.authority import Authority
from market.reference.errors import (
    BadStateOfHealth,
    BatteryIsRetired,
    OwnerNotIdentified,
    UnknownBattery,
    ZeroValue,
)
from market.reference.identity import CredentialRegistry
from market.reference.token import ZERO_ADDRESS

EV_OWNER = keccak(text="wattproof.role.ev_owner")
FULL_HEALTH_BP = 10_000


@dataclass(frozen=True, slots=True)
class Passport:
    owner: str
    capacity_wh: int
    soh_bp: int
    cycles_per_day_milli: int
    retired: bool = False

    @property
    def sellable_wh(self) -> int:
        """Usable capacity times the full cycles a day that the attester allows; rounded down."""
        if self.retired:
            return 0
        return self.capacity_wh * self.soh_bp * self.cycles_per_day_milli // (FULL_HEALTH_BP * 1000)


@dataclass(slots=True)
class BatteryPassport:
    address: str
    authority: Authority
    credentials: CredentialRegistry
    clock: Callable[[], int]
    """Seconds; the view `capacity_wh` asks for credentials that stand at this time."""
    passports: dict[bytes, Passport] = field(default_factory=dict)

    def capacity_wh(self, owner: str) -> int:
        """What an identified owner may sell a round; 0 without a standing credential."""
        if not self.credentials.standing(owner, EV_OWNER, self.clock()):
            return 0
        return sum(p.sellable_wh for p in self.passports.values() if p.owner == owner)

    def attest(
        self,
        owner: str,
        battery_id: bytes,
        capacity_wh: int,
        soh_bp: int,
        cycles_per_day_milli: int,
        *,
        sender: str,
        now: int,
    ) -> None:
        """Write or rewrite a passport; with another owner the battery moves there."""
        self.authority.require("ATTESTER", sender)
        if not any(battery_id) or 0 in (capacity_wh, soh_bp, cycles_per_day_milli):
            raise ZeroValue("battery id, capacity, state of health and cycles are needed")
        if soh_bp > FULL_HEALTH_BP:
            raise BadStateOfHealth(str(soh_bp))
        if not self.credentials.standing(owner, EV_OWNER, now):
            raise OwnerNotIdentified(owner)
        if battery_id in self.passports and self.passports[battery_id].retired:
            raise BatteryIsRetired(battery_id.hex())
        self.passports[battery_id] = Passport(owner, capacity_wh, soh_bp, cycles_per_day_milli)

    def retire(self, battery_id: bytes, *, sender: str) -> None:
        self.authority.require("ATTESTER", sender)
        passport = self.passports.get(battery_id, Passport(ZERO_ADDRESS, 0, 0, 0))
        if passport.owner == ZERO_ADDRESS:
            raise UnknownBattery(battery_id.hex())
        if passport.retired:
            raise BatteryIsRetired(battery_id.hex())
        self.passports[battery_id] = replace(passport, retired=True)
