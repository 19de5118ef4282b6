"""Programmes of demand response, and who is enrolled in them (protocol section 13)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import IntEnum

from market.reference.authority import Authority
from market.reference.baseline import BaselineRule, check_rule
from market.reference.deviations import Deviations
from market.reference.errors import (
    BadTerms,
    BeyondMeter,
    EnrolledBefore,
    EscrowBound,
    EventsOpen,
    HoldingCapExceeded,
    NoDevice,
    NotCredentialed,
    NotEnrolled,
    NotOwner,
    Revert,
    SinceInFuture,
    UnknownCarrier,
    UnknownProgramme,
    ZeroAmount,
)
from market.reference.exchange import Exchange
from market.reference.identity import CredentialRegistry
from market.reference.ledger import Ledger
from market.reference.meters import SECONDS_PER_HOUR, MeterRegistry
from market.reference.params import DAY

SCALE = 1_000_000
FULL_BP = 10_000
HOLDING_CAP = 2**63 - 1
RATE_CAP = 2**62
LONGEST_DISPUTE_WINDOW = 3 * DAY


class Direction(IntEnum):
    REDUCE = 0
    INCREASE = 1


@dataclass(frozen=True, slots=True)
class ProgrammeTerms:
    """For ever; rates in nano-units per kWh, times in seconds, `role` zeros for everybody."""

    market: int
    carrier: int
    direction: Direction
    tolerance_bp: int
    max_event_slots: int
    notice: int
    refusal_lead: int
    dispute_window: int
    incentive: int
    penalty: int
    role: bytes
    rule: BaselineRule


@dataclass(frozen=True, slots=True)
class Programme:
    """Escrow, and the part of it that open events may cost, in micro-units of `asset`."""

    owner: str
    terms: ProgrammeTerms
    asset: str
    slot_seconds: int
    period_slots: int
    escrow: int = 0
    set_aside: int = 0

    @property
    def unbound(self) -> int:
        return self.escrow - self.set_aside

    def bond_for(self, capacity_w: int) -> int:
        """What the longest event costs an account that delivers nothing, micro, rounded up."""
        watt_seconds = capacity_w * self.terms.max_event_slots * self.slot_seconds
        return -(-watt_seconds * self.terms.penalty // (SECONDS_PER_HOUR * SCALE))

    def target_wh(self, target_w: int) -> int:
        """Of one slot, rounded down."""
        return target_w * self.slot_seconds // SECONDS_PER_HOUR

    def fined_wh(self, target_wh: int, performance_wh: int) -> int:
        """What is missing of a target beyond the tolerance."""
        owed_wh = target_wh * (FULL_BP - self.terms.tolerance_bp) // FULL_BP
        return max(0, owed_wh - performance_wh)

    def penalty(self, shortfall_wh: int) -> int:
        """Micro-units, rounded up."""
        return -(-shortfall_wh * self.terms.penalty // SCALE)

    def start_of(self, period: int, slot: int) -> int:
        """Seconds."""
        return (period * self.period_slots + slot) * self.slot_seconds


@dataclass(frozen=True, slots=True)
class Enrolment:
    capacity_w: int
    since: int
    bond: int
    set_aside: int = 0
    open_events: int = 0
    available: bool = True

    @property
    def unbound(self) -> int:
        return self.bond - self.set_aside


@dataclass(slots=True, kw_only=True)
class Programmes:
    """Escrows and bonds are held under this address; they leave into the ledger's free balances."""

    address: str
    authority: Authority
    exchange: Exchange
    ledger: Ledger
    meters: MeterRegistry
    deviations: Deviations
    credentials: CredentialRegistry
    programmes: list[Programme] = field(default_factory=list)
    enrolments: dict[tuple[int, str], Enrolment] = field(default_factory=dict)
    held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    # The owner

    def create_programme(self, terms: ProgrammeTerms, *, sender: str) -> int:
        self.authority.require("PROGRAMME_OWNER", sender)
        params = self.exchange.market(terms.market)
        if terms.carrier >= params.carriers:
            raise UnknownCarrier(str(terms.carrier))
        if (
            terms.refusal_lead >= terms.notice
            or terms.tolerance_bp > FULL_BP
            or not 1 <= terms.max_event_slots <= params.period_slots
            or terms.dispute_window > LONGEST_DISPUTE_WINDOW
            or max(terms.incentive, terms.penalty) > RATE_CAP
        ):
            raise BadTerms(str(terms))
        check_rule(terms.rule, params.slot_seconds, params.period_slots)
        self.programmes.append(
            Programme(sender, terms, params.asset, params.slot_seconds, params.period_slots)
        )
        return len(self.programmes)

    def fund(self, programme: int, amount: int, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("an escrow of nothing")
        known = self.programme(programme)
        self._receive(known.asset, amount, sender)
        self.programmes[programme - 1] = replace(known, escrow=known.escrow + amount)

    def defund(self, programme: int, amount: int, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("nothing")
        known = self.programme(programme)
        self._require_owner(known, sender)
        if amount > known.unbound:
            raise EscrowBound(f"{known.unbound} of {known.escrow} are free")
        self._pay(known.asset, amount, sender)
        self.programmes[programme - 1] = replace(known, escrow=known.escrow - amount)

    # The account

    def enrol(self, programme: int, capacity_w: int, since: int, *, sender: str, now: int) -> None:
        if capacity_w == 0:
            raise ZeroAmount("a capacity of nothing")
        known = self.programme(programme)
        if (programme, sender) in self.enrolments:
            raise EnrolledBefore(sender)
        self._require_credential(known, sender, now)
        device = self.meters.device_of.get((known.terms.market, sender, known.terms.carrier))
        if device is None:
            raise NoDevice(sender)
        most_w = 2 * self.meters.devices[device].capacity_w
        if capacity_w > most_w:
            raise BeyondMeter(f"{most_w} W")
        period = now // (known.slot_seconds * known.period_slots)
        if since > period:
            raise SinceInFuture(str(period))
        bond = known.bond_for(capacity_w)
        self._receive(known.asset, bond, sender)
        self.enrolments[programme, sender] = Enrolment(capacity_w, since, bond)

    def add_bond(self, programme: int, amount: int, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("a bond of nothing")
        enrolment = self.enrolment(programme, sender)
        self._receive(self.programme(programme).asset, amount, sender)
        self.enrolments[programme, sender] = replace(enrolment, bond=enrolment.bond + amount)

    def set_available(self, programme: int, available: bool, *, sender: str) -> None:
        enrolment = self.enrolment(programme, sender)
        self.enrolments[programme, sender] = replace(enrolment, available=available)

    def leave_programme(self, programme: int, *, sender: str) -> None:
        enrolment = self.enrolment(programme, sender)
        if enrolment.open_events:
            raise EventsOpen(str(enrolment.open_events))
        self._pay(self.programme(programme).asset, enrolment.bond, sender)
        del self.enrolments[programme, sender]

    # Views

    def programme(self, programme: int) -> Programme:
        """Raises UnknownProgramme."""
        if not 1 <= programme <= len(self.programmes):
            raise UnknownProgramme(str(programme))
        return self.programmes[programme - 1]

    def enrolment(self, programme: int, account: str) -> Enrolment:
        """Raises UnknownProgramme, NotEnrolled."""
        self.programme(programme)
        if (programme, account) not in self.enrolments:
            raise NotEnrolled(account)
        return self.enrolments[programme, account]

    # Parts

    @staticmethod
    def _require_owner(programme: Programme, sender: str) -> None:
        if sender != programme.owner:
            raise NotOwner(f"{sender}, not {programme.owner}")

    def _require_credential(self, programme: Programme, account: str, now: int) -> None:
        role = programme.terms.role
        if any(role) and not self.credentials.standing(account, role, now):
            raise NotCredentialed(account)

    def _receive(self, asset: str, amount: int, sender: str) -> None:
        if amount > HOLDING_CAP - self.held[asset]:
            raise HoldingCapExceeded(asset)
        if amount:
            self.ledger.tokens[asset].transfer_from(
                sender, self.address, amount, sender=self.address
            )
        self.held[asset] += amount

    def _pay(self, asset: str, amount: int, to: str) -> None:
        """Into the free balance of `to`."""
        if amount == 0:
            return
        token = self.ledger.tokens[asset]
        token.approve(self.ledger.address, amount, sender=self.address)
        try:
            self.ledger.deposit(asset, amount, to, sender=self.address)
        except Revert:
            token.approve(self.ledger.address, 0, sender=self.address)
            raise
        self.held[asset] -= amount
