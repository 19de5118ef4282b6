"""Batches of certificates: issued from final readings, retired, expired (protocol section 14)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from market.reference.certified_devices import (
    CertificateId,
    CertifiedDevice,
    CertifiedDevices,
    final_values,
    vintage_of,
)
from market.reference.erc1155 import ERC1155
from market.reference.errors import (
    BadSlots,
    ERC1155InvalidReceiver,
    ERC1155InvalidSender,
    LengthMismatch,
    NotExpired,
    NothingToIssue,
    WrongReading,
    ZeroAddress,
    ZeroAmount,
)
from market.reference.meters import MISSING
from market.reference.token import ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class Batch:
    """Certificates of one device, interval and technology. Field for field the Solidity struct."""

    device: str
    starts_at: int
    ends_at: int
    technology: int
    zone: int
    vintage: int
    issued_wh: int
    retired_wh: int = 0
    expired_wh: int = 0


@dataclass(slots=True, kw_only=True)
class CertificateBatches(CertifiedDevices, ERC1155):
    """For every id: issued = held + retired + expired."""

    address: str
    balances: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    operators: set[tuple[str, str]] = field(default_factory=set)
    batches: dict[int, Batch] = field(default_factory=dict)
    issued: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    """By device and period; bit i: slot i."""
    claimed: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    """By beneficiary and id."""

    def issue(
        self, device: str, period: int, first_slot: int, slots: int, values: bytes, *, now: int
    ) -> int:
        known = self._kind(device, store=False)
        if slots == 0 or first_slot + slots > known.period_slots:
            raise BadSlots(f"{slots} slots from {first_slot}")
        self._require_counts(device, known, period)
        metered = final_values(self.meters, device, period, values, now=now)
        if metered is None:
            raise WrongReading(f"{device} has no reading of period {period}")
        amounts: dict[CertificateId, int] = {}
        for slot in range(first_slot, first_slot + slots):
            wh = metered[slot]
            if wh != MISSING and wh < 0 and not self.issued[device, period] >> slot & 1:
                named = CertificateId(device, period, slot, known.technology)
                self._require_live(int(named), now)
                amounts[named] = -wh
        if not amounts:
            raise NothingToIssue(f"{device}, period {period}")
        for named, amount in amounts.items():
            self._mint(known, named, amount)
            self.issued[device, period] |= 1 << named.slot
        self.certified[device] = replace(known, issued=True)
        return sum(amounts.values())

    # Holders

    def retire(
        self,
        owner: str,
        ids: Sequence[int],
        amounts: Sequence[int],
        beneficiary: str,
        purpose: str,
        *,
        sender: str,
        now: int,
    ) -> None:
        if beneficiary == ZERO_ADDRESS:
            raise ZeroAddress("certificates are retired for somebody")
        self._require_same_length(ids, amounts)
        if not ids:
            raise ZeroAmount("nothing to retire")
        self._require_approved(owner, sender)
        taken: Counter[int] = Counter()
        for token_id, amount in zip(ids, amounts, strict=True):
            self._require_retirable(owner, token_id, amount, taken, now)
        for token_id, amount in zip(ids, amounts, strict=True):
            self._retire(owner, token_id, amount)
            self.claimed[beneficiary, token_id] += amount

    def expire(self, holder: str, ids: Sequence[int], *, now: int) -> None:
        if holder == self.address:
            raise ERC1155InvalidSender("what is in a pool is collected first")
        for token_id in ids:
            expires_at = self.expiry_of(token_id)
            if now < expires_at:
                raise NotExpired(str(expires_at))
        if not any(self.balances[holder, token_id] for token_id in ids):
            raise ZeroAmount("nothing that expires")
        for token_id in ids:
            amount = self.balances[holder, token_id]
            if amount:
                batch = self.batches[token_id]
                self.balances[holder, token_id] = 0
                self.batches[token_id] = replace(batch, expired_wh=batch.expired_wh + amount)

    # Parts

    def _mint(self, known: CertifiedDevice, named: CertificateId, amount: int) -> None:
        starts_at = known.start_of(named.period, named.slot)
        self.batches[int(named)] = Batch(
            device=named.device,
            starts_at=starts_at,
            ends_at=starts_at + known.slot_seconds,
            technology=named.technology,
            zone=known.zone,
            vintage=vintage_of(starts_at),
            issued_wh=amount,
        )
        self.balances[self.meters.devices[named.device].account, int(named)] += amount

    def _require_retirable(
        self, owner: str, token_id: int, amount: int, taken: Counter[int], now: int
    ) -> None:
        """`taken` is what is retired of each id in the same call, before and with this."""
        if amount == 0:
            raise ZeroAmount("nothing to retire")
        self._require_live(token_id, now)
        taken[token_id] += amount
        self._require_held(owner, [token_id], [taken[token_id]])

    def _retire(self, owner: str, token_id: int, amount: int) -> None:
        batch = self.batches[token_id]
        self.balances[owner, token_id] -= amount
        self.batches[token_id] = replace(batch, retired_wh=batch.retired_wh + amount)

    def _refuse_transfer(self, to: str, ids: Sequence[int], now: int) -> None:
        if to == self.address:
            raise ERC1155InvalidReceiver("it could not give them back")
        for token_id in ids:
            self._require_live(token_id, now)

    @staticmethod
    def _require_same_length(ids: Sequence[int], amounts: Sequence[int]) -> None:
        if len(ids) != len(amounts):
            raise LengthMismatch(f"{len(ids)} ids, {len(amounts)} amounts")
