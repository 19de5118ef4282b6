"""QuotaRegistry: who must show certificates, and what it costs not to (protocol section 15)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from market.reference.authority import Authority
from market.reference.certificate_batches import Batch
from market.reference.certificates import GreenCertificates
from market.reference.certified_devices import final_values, reach_wh, values_or_missing
from market.reference.errors import (
    BadTerms,
    BeyondBankLimit,
    BeyondObligation,
    DepositCapExceeded,
    LengthMismatch,
    NoMeter,
    NotEligible,
    NotObliged,
    OutsideQuota,
    PublishedTooLate,
    RatioTooLarge,
    ReportedBefore,
    SettledBefore,
    SurrenderEnded,
    SurrenderNotEnded,
    TooLarge,
    UnknownQuota,
    ZeroAddress,
    ZeroAmount,
)
from market.reference.exchange import Exchange
from market.reference.ledger import DEPOSIT_CAP, Ledger
from market.reference.meters import (
    DISPUTE_WINDOW,
    MISSING,
    POST_WINDOW,
    RESOLVE_WINDOW,
    MeterRegistry,
)
from market.reference.params import DAY
from market.reference.token import ZERO_ADDRESS

SCALE = 1_000_000
PUBLICATION_DELAY = 7 * DAY
SURRENDER_WINDOW = DAY
MOST_PERIODS = 400
PERIOD_NUMBERS = 2**32
RATE_CAP = 2**62
BOND_CAP = 2**63 - 1
"""What the ledger takes back."""
MAX_64_BITS = 2**64 - 1


class Basis(IntEnum):
    GENERATION = 0
    CONSUMPTION = 1


@dataclass(frozen=True, slots=True)
class QuotaTerms:
    """For ever. `penalty` in nano per kWh, `bank_limit` in millionths, times in seconds."""

    market: int
    carrier: int
    first_period: int
    periods: int
    penalty: int
    bank_limit: int
    bank_seconds: int
    surrender_by: int
    technologies: int
    beneficiary: str


@dataclass(frozen=True, slots=True)
class Quota:
    terms: QuotaTerms
    asset: str
    slot_seconds: int
    period_slots: int

    @property
    def begins_at(self) -> int:
        """Seconds."""
        return self.terms.first_period * self.period_slots * self.slot_seconds

    @property
    def ends_at(self) -> int:
        """Seconds."""
        return self.begins_at + self.terms.periods * self.period_slots * self.slot_seconds


@dataclass(frozen=True, slots=True)
class Obligation:
    """Field for field the Solidity struct: Wh, and micro-units of the quota's asset.

    Once settled `energy_wh` is that of all periods, and no bond is left.
    """

    device: str
    basis: Basis
    ratio: int
    reported_periods: int = 0
    settled: bool = False
    energy_wh: int = 0
    surrendered_wh: int = 0
    banked_wh: int = 0
    shortfall_wh: int = 0
    bond: int = 0
    penalty_paid: int = 0

    @property
    def owed_wh(self) -> int:
        return -(-self.ratio * self.energy_wh // SCALE)


@dataclass(slots=True, kw_only=True)
class QuotaRegistry:
    """Bonds are held under this address; they leave into the ledger's free balances."""

    address: str
    authority: Authority
    exchange: Exchange
    ledger: Ledger
    meters: MeterRegistry
    certificates: GreenCertificates
    quotas: list[Quota] = field(default_factory=list)
    obligations: dict[tuple[int, str], Obligation] = field(default_factory=dict)
    reported: set[tuple[int, str, int]] = field(default_factory=set)

    # The government

    def open_quota(self, terms: QuotaTerms, *, sender: str, now: int) -> int:
        self.authority.require("GOVERNMENT", sender)
        params = self.exchange.market(terms.market)
        quota = Quota(terms, params.asset, params.slot_seconds, params.period_slots)
        if terms.beneficiary == ZERO_ADDRESS:
            raise ZeroAddress("nobody could receive penalties")
        earliest = quota.ends_at + POST_WINDOW + DISPUTE_WINDOW + RESOLVE_WINDOW + SURRENDER_WINDOW
        if (
            terms.carrier >= params.carriers
            or not 1 <= terms.periods <= MOST_PERIODS
            or terms.first_period + terms.periods > PERIOD_NUMBERS
            or terms.penalty > RATE_CAP
            or terms.bank_limit > SCALE
            or terms.technologies == 0
            or terms.technologies & 1
        ):
            raise BadTerms(str(terms))
        self._require_published(quota, now)
        if terms.surrender_by < earliest:
            raise BadTerms(f"surrender by {earliest} or later")
        self.quotas.append(quota)
        return len(self.quotas)

    def oblige(
        self, quota: int, account: str, basis: Basis, ratio: int, *, sender: str, now: int
    ) -> None:
        self.authority.require("GOVERNMENT", sender)
        opened = self.quota(quota)
        if ratio > SCALE:
            raise RatioTooLarge(str(ratio))
        self._require_published(opened, now)
        known = self.obligations.get((quota, account))
        if known is not None:
            self.obligations[quota, account] = replace(known, basis=basis, ratio=ratio)
            return
        terms = opened.terms
        device = self.meters.device_of.get((terms.market, account, terms.carrier))
        if device is None:
            raise NoMeter(account)
        if self._reach_wh(opened, device) * terms.periods > MAX_64_BITS:
            raise TooLarge(f"what {device} could measure")
        self.obligations[quota, account] = Obligation(device, basis, ratio)

    # The obliged

    def post_bond(self, quota: int, account: str, amount: int, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("a bond of nothing")
        opened, known = self._unsettled(quota, account)
        if known.bond + amount > BOND_CAP:
            raise TooLarge("the bond")
        token = self.ledger.tokens[opened.asset]
        token.transfer_from(sender, self.address, amount, sender=self.address)
        self.obligations[quota, account] = replace(known, bond=known.bond + amount)

    def report(self, quota: int, account: str, period: int, values: bytes, *, now: int) -> None:
        opened, known = self._unsettled(quota, account)
        terms = opened.terms
        if not terms.first_period <= period < terms.first_period + terms.periods:
            raise OutsideQuota(str(period))
        if (quota, account, period) in self.reported:
            raise ReportedBefore(f"{account}, period {period}")
        metered = values_or_missing(
            final_values(self.meters, known.device, period, values, now=now), opened.period_slots
        )
        self.reported.add((quota, account, period))
        self.obligations[quota, account] = replace(
            known,
            reported_periods=known.reported_periods + 1,
            energy_wh=known.energy_wh + self._energy_wh(opened, known, metered),
        )

    def surrender(
        self, quota: int, ids: Sequence[int], amounts: Sequence[int], *, sender: str, now: int
    ) -> None:
        if len(ids) != len(amounts):
            raise LengthMismatch(f"{len(ids)} ids, {len(amounts)} amounts")
        if not ids:
            raise ZeroAmount("nothing to surrender")
        opened, known = self._obliged(quota, sender)
        terms = opened.terms
        if now > terms.surrender_by:
            raise SurrenderEnded(str(terms.surrender_by))
        most_banked_wh = known.owed_wh * terms.bank_limit // SCALE
        surrendered_wh, banked_wh = known.surrendered_wh, known.banked_wh
        for token_id, amount in zip(ids, amounts, strict=True):
            batch = self.certificates.batches.get(token_id)
            if batch is None or not self._is_eligible(opened, batch):
                raise NotEligible(hex(token_id))
            if amount == 0:
                raise ZeroAmount("nothing to surrender")
            if amount > known.owed_wh - surrendered_wh:
                raise BeyondObligation(str(known.owed_wh - surrendered_wh))
            surrendered_wh += amount
            if batch.starts_at < opened.begins_at:
                if amount > most_banked_wh - banked_wh:
                    raise BeyondBankLimit(str(most_banked_wh - banked_wh))
                banked_wh += amount
        self.certificates.retire(
            sender, ids, amounts, sender, f"quota {quota}", sender=self.address, now=now
        )
        self.obligations[quota, sender] = replace(
            known, surrendered_wh=surrendered_wh, banked_wh=banked_wh
        )

    def settle(self, quota: int, account: str, *, now: int) -> None:
        opened, known = self._obliged(quota, account)
        terms = opened.terms
        if now <= terms.surrender_by:
            raise SurrenderNotEnded(str(terms.surrender_by))
        self._require_unsettled(known, account)
        unreported = terms.periods - known.reported_periods
        full_wh = unreported * self._reach_wh(opened, known.device)
        known = replace(known, energy_wh=known.energy_wh + full_wh)
        shortfall_wh = max(0, known.owed_wh - known.surrendered_wh)
        penalty = -(-shortfall_wh * terms.penalty // SCALE)
        paid = min(penalty, known.bond)
        self._pay(opened.asset, ((terms.beneficiary, paid), (account, known.bond - paid)))
        self.obligations[quota, account] = replace(
            known, settled=True, shortfall_wh=shortfall_wh, bond=0, penalty_paid=paid
        )

    # Views

    @property
    def quota_count(self) -> int:
        return len(self.quotas)

    def quota(self, quota: int) -> Quota:
        """Raises UnknownQuota."""
        if not 1 <= quota <= len(self.quotas):
            raise UnknownQuota(str(quota))
        return self.quotas[quota - 1]

    # Parts

    def _obliged(self, quota: int, account: str) -> tuple[Quota, Obligation]:
        opened = self.quota(quota)
        if (quota, account) not in self.obligations:
            raise NotObliged(account)
        return opened, self.obligations[quota, account]

    def _unsettled(self, quota: int, account: str) -> tuple[Quota, Obligation]:
        opened, known = self._obliged(quota, account)
        self._require_unsettled(known, account)
        return opened, known

    @staticmethod
    def _require_unsettled(known: Obligation, account: str) -> None:
        if known.settled:
            raise SettledBefore(account)

    def _energy_wh(self, quota: Quota, known: Obligation, metered: Iterable[int]) -> int:
        """On the account's basis; what lacks counts as much as the meter could have shown."""
        sign = -1 if known.basis is Basis.GENERATION else 1
        reach = reach_wh(self.meters.devices[known.device], quota.slot_seconds)
        return sum(reach if wh == MISSING else max(0, sign * wh) for wh in metered)

    def _reach_wh(self, quota: Quota, device: str) -> int:
        """The most that the meter can show in a period."""
        return reach_wh(self.meters.devices[device], quota.slot_seconds) * quota.period_slots

    @staticmethod
    def _is_eligible(quota: Quota, batch: Batch) -> bool:
        earliest = quota.begins_at - quota.terms.bank_seconds
        return (
            quota.terms.technologies >> batch.technology & 1 == 1
            and earliest <= batch.starts_at < quota.ends_at
        )

    @staticmethod
    def _require_published(quota: Quota, now: int) -> None:
        if now + PUBLICATION_DELAY > quota.begins_at:
            raise PublishedTooLate(str(quota.begins_at))

    def _pay(self, asset: str, shares: Sequence[tuple[str, int]]) -> None:
        """Into free balances; all or nothing."""
        token = self.ledger.tokens[asset]
        if self.ledger.total_deposited[asset] + sum(amount for _, amount in shares) > DEPOSIT_CAP:
            raise DepositCapExceeded(asset)
        for to, amount in shares:
            if amount:
                token.approve(self.ledger.address, amount, sender=self.address)
                self.ledger.deposit(asset, amount, to, sender=self.address)
