"""DemandResponse: events, what accounts did in them, and what is paid (protocol section 13)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from eth_utils.crypto import keccak

from market.reference.baseline import MISSING, PUBLISHED, Claim, Subject, measure
from market.reference.errors import (
    BadLength,
    BadTarget,
    BadWindow,
    BaselineIsComputed,
    BaselineNotPublished,
    BaselinePublishedBefore,
    BeyondCapacity,
    BondBound,
    DisputedTooLate,
    EscrowBound,
    NotAvailable,
    NoticeTooShort,
    NotLapsed,
    NotParty,
    NotSettleable,
    RefusedTooLate,
    ReportedTooLate,
    ResolvedTooLate,
    UnknownEvent,
    WrongStatus,
)
from market.reference.params import DAY
from market.reference.programmes import SCALE, Direction, Programme, Programmes

RULING_WINDOW = 3 * DAY
MOST_IN_A_SLOT_WH = 2**31 - 1
NO_HASH = bytes(32)


class PartStatus(IntEnum):
    NONE = 0
    INSTRUCTED = 1
    REFUSED = 2
    REPORTED = 3
    DISPUTED = 4
    RESOLVED = 5
    SETTLED = 6
    LAPSED = 7


class Ruling(IntEnum):
    KEEP = 0
    EXCUSE = 1
    VOID = 2


@dataclass(frozen=True, slots=True)
class EventWindow:
    """`first_slot` counts from the period's first."""

    programme: int
    period: int
    first_slot: int
    slots: int


@dataclass(frozen=True, slots=True)
class Participation:
    """An account's part in an event; its report sets performance (Wh), incentive and penalty."""

    status: PartStatus = PartStatus.NONE
    target_w: int = 0
    incentive_set_aside: int = 0
    penalty_set_aside: int = 0
    performance_wh: int = 0
    incentive: int = 0
    penalty: int = 0
    changed_at: int = 0
    reservation: int = 0
    published_hash: bytes = NO_HASH


@dataclass(slots=True, kw_only=True)
class DemandResponse(Programmes):
    events: list[EventWindow] = field(default_factory=list)
    parts: dict[tuple[int, str], Participation] = field(default_factory=dict)

    # Before the event

    def call_event(
        self, programme: int, period: int, first_slot: int, slots: int, *, sender: str, now: int
    ) -> int:
        known = self.programme(programme)
        self._require_owner(known, sender)
        if (
            not 1 <= slots <= known.terms.max_event_slots
            or first_slot + slots > known.period_slots
            or first_slot < known.terms.rule.adjust_lead
        ):
            raise BadWindow(f"{slots} slots from {first_slot}")
        window = EventWindow(programme, period, first_slot, slots)
        self._require_notice(known, window, now)
        self.events.append(window)
        return len(self.events)

    def instruct(
        self, event_id: int, account: str, target_w: int, *, sender: str, now: int
    ) -> None:
        window, known = self._called(event_id)
        self._require_owner(known, sender)
        self._require_notice(known, window, now)
        self._part(event_id, account, PartStatus.NONE)
        enrolment = self.enrolment(window.programme, account)
        if not enrolment.available:
            raise NotAvailable(account)
        self._require_credential(known, account, now)
        if target_w > enrolment.capacity_w:
            raise BeyondCapacity(f"{enrolment.capacity_w} W")
        slot_wh = known.target_wh(target_w)
        if not 1 <= slot_wh <= MOST_IN_A_SLOT_WH:
            raise BadTarget(f"{slot_wh} Wh a slot")
        target_wh = slot_wh * window.slots
        incentive = -(-target_wh * known.terms.incentive // SCALE)
        if incentive > known.unbound:
            raise EscrowBound(f"{known.unbound} free, {incentive} needed")
        penalty = known.penalty(known.fined_wh(target_wh, 0))
        if penalty > enrolment.unbound:
            raise BondBound(f"{enrolment.unbound} free, {penalty} needed")
        reservation = self.deviations.reserve(
            known.terms.market,
            account,
            known.terms.carrier,
            window.period,
            (2**window.slots - 1) << window.first_slot,
            sender=self.address,
            now=now,
        )
        self.programmes[window.programme - 1] = replace(
            known, set_aside=known.set_aside + incentive
        )
        self.enrolments[window.programme, account] = replace(
            enrolment,
            set_aside=enrolment.set_aside + penalty,
            open_events=enrolment.open_events + 1,
        )
        self.parts[event_id, account] = Participation(
            PartStatus.INSTRUCTED, target_w, incentive, penalty, reservation=reservation
        )

    def publish_baseline(
        self, event_id: int, account: str, values: bytes, *, sender: str, now: int
    ) -> None:
        window, known = self._called(event_id)
        self._require_owner(known, sender)
        if known.terms.rule.kind != PUBLISHED:
            raise BaselineIsComputed("from readings")
        self._require_notice(known, window, now)
        part = self._part(event_id, account, PartStatus.INSTRUCTED)
        if part.published_hash != NO_HASH:
            raise BaselinePublishedBefore(account)
        if len(values) != 4 * known.period_slots:
            raise BadLength(str(len(values)))
        self.parts[event_id, account] = replace(part, published_hash=keccak(values))

    def refuse(self, event_id: int, *, sender: str, now: int) -> None:
        window, known = self._called(event_id)
        part = self._part(event_id, sender, PartStatus.INSTRUCTED)
        deadline = known.start_of(window.period, window.first_slot) - known.terms.refusal_lead
        if now > deadline:
            raise RefusedTooLate(str(deadline))
        self.deviations.release(part.reservation, sender=self.address, now=now)
        self._finish(event_id, sender, PartStatus.REFUSED)

    # After the event

    def report(self, event_id: int, account: str, claim: Claim, *, now: int) -> None:
        window, known = self._called(event_id)
        part = self._part(event_id, account, PartStatus.INSTRUCTED)
        deadline = self.deviations.claim_by(known.terms.market, window.period)
        if now > deadline:
            raise ReportedTooLate(str(deadline))
        if self._lacks_baseline(known, part):
            raise BaselineNotPublished(account)
        slot_wh = known.target_wh(part.target_w)
        moved = self._moved(event_id, account, slot_wh, claim, now=now)
        sign = 1 if known.terms.direction is Direction.REDUCE else -1
        used = [0] * known.period_slots
        used[window.first_slot : window.first_slot + window.slots] = [sign * wh for wh in moved]
        self.deviations.use(part.reservation, used, sender=self.address, now=now)
        shortfall_wh = known.fined_wh(slot_wh * window.slots, sum(moved))
        self.parts[event_id, account] = replace(
            part,
            status=PartStatus.REPORTED,
            performance_wh=sum(moved),
            incentive=sum(moved) * known.terms.incentive // SCALE,
            penalty=known.penalty(shortfall_wh),
            changed_at=now,
        )

    def dispute(self, event_id: int, account: str, *, sender: str, now: int) -> None:
        _, known = self._called(event_id)
        if sender not in (account, known.owner):
            raise NotParty(sender)
        part = self._part(event_id, account, PartStatus.REPORTED)
        deadline = part.changed_at + known.terms.dispute_window
        if now > deadline:
            raise DisputedTooLate(str(deadline))
        self.parts[event_id, account] = replace(part, status=PartStatus.DISPUTED, changed_at=now)

    def resolve(
        self, event_id: int, account: str, ruling: Ruling, *, sender: str, now: int
    ) -> None:
        self.authority.require("METER_AUTHORITY", sender)
        part = self._part(event_id, account, PartStatus.DISPUTED)
        deadline = part.changed_at + RULING_WINDOW
        if now > deadline:
            raise ResolvedTooLate(str(deadline))
        self.parts[event_id, account] = replace(
            part,
            status=PartStatus.RESOLVED,
            penalty=part.penalty if ruling is Ruling.KEEP else 0,
            incentive=0 if ruling is Ruling.VOID else part.incentive,
        )

    def settle(self, event_id: int, account: str, *, now: int) -> None:
        window, known = self._called(event_id)
        part = self.parts.get((event_id, account), Participation())
        if part.status is not PartStatus.RESOLVED:
            self._require_undisputable(known, part, now)
        self._pay(known.asset, part.incentive, account)
        self._finish(event_id, account, PartStatus.SETTLED)
        known = self.programme(window.programme)
        escrow = known.escrow + part.penalty - part.incentive
        self.programmes[window.programme - 1] = replace(known, escrow=escrow)
        enrolment = self.enrolment(window.programme, account)
        self.enrolments[window.programme, account] = replace(
            enrolment, bond=enrolment.bond - part.penalty
        )

    def lapse(self, event_id: int, account: str, *, now: int) -> None:
        window, known = self._called(event_id)
        part = self._part(event_id, account, PartStatus.INSTRUCTED)
        deadline = self.deviations.claim_by(known.terms.market, window.period)
        starts_at = known.start_of(window.period, window.first_slot)
        unpublished = self._lacks_baseline(known, part) and now + known.terms.notice > starts_at
        if now <= deadline and not unpublished:
            raise NotLapsed(str(deadline))
        self.deviations.release(part.reservation, sender=self.address, now=now)
        self._finish(event_id, account, PartStatus.LAPSED)

    # Parts

    def _called(self, event_id: int) -> tuple[EventWindow, Programme]:
        if not 1 <= event_id <= len(self.events):
            raise UnknownEvent(str(event_id))
        window = self.events[event_id - 1]
        return window, self.programme(window.programme)

    def _part(self, event_id: int, account: str, status: PartStatus) -> Participation:
        part = self.parts.get((event_id, account), Participation())
        if part.status is not status:
            raise WrongStatus(part.status.name)
        return part

    def _finish(self, event_id: int, account: str, status: PartStatus) -> None:
        """What was set aside on both sides returns."""
        window, known = self._called(event_id)
        part = self.parts[event_id, account]
        enrolment = self.enrolment(window.programme, account)
        self.parts[event_id, account] = replace(part, status=status)
        self.programmes[window.programme - 1] = replace(
            known, set_aside=known.set_aside - part.incentive_set_aside
        )
        self.enrolments[window.programme, account] = replace(
            enrolment,
            set_aside=enrolment.set_aside - part.penalty_set_aside,
            open_events=enrolment.open_events - 1,
        )

    def _moved(
        self, event_id: int, account: str, slot_wh: int, claim: Claim, *, now: int
    ) -> list[int]:
        """Wh of every slot of the window in the asked direction, 0 to the target."""
        window, known = self._called(event_id)
        subject = Subject(
            market=known.terms.market,
            account=account,
            carrier=known.terms.carrier,
            period=window.period,
            first_slot=window.first_slot,
            slots=window.slots,
            since=self.enrolment(window.programme, account).since,
            period_slots=known.period_slots,
            published_hash=self.parts[event_id, account].published_hash,
        )
        reduces = known.terms.direction is Direction.REDUCE
        baseline, metered = measure(
            self.meters,
            self.deviations,
            known.terms.rule,
            subject,
            claim,
            increases=not reduces,
            now=now,
        )
        return [
            0 if wh == MISSING else min(max(0, usual - wh if reduces else wh - usual), slot_wh)
            for usual, wh in zip(baseline, metered, strict=True)
        ]

    @staticmethod
    def _require_notice(programme: Programme, window: EventWindow, now: int) -> None:
        starts_at = programme.start_of(window.period, window.first_slot)
        if now + programme.terms.notice > starts_at:
            raise NoticeTooShort(str(starts_at))

    @staticmethod
    def _require_undisputable(programme: Programme, part: Participation, now: int) -> None:
        if part.status is PartStatus.REPORTED:
            not_before = part.changed_at + programme.terms.dispute_window
        elif part.status is PartStatus.DISPUTED:
            not_before = part.changed_at + RULING_WINDOW
        else:
            raise WrongStatus(part.status.name)
        if now <= not_before:
            raise NotSettleable(str(not_before))

    @staticmethod
    def _lacks_baseline(programme: Programme, part: Participation) -> bool:
        return programme.terms.rule.kind == PUBLISHED and part.published_hash == NO_HASH
