"""The reference model with certified devices, their readings, and quotas."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from market.order import Domain
from market.reference import GreenCertificates, QuotaRegistry
from market.reference.certified_devices import VINTAGE_SECONDS, CertificateId
from market.reference.meters import encode_values, readings_digest
from market.reference.params import DAY
from market.reference.quotas import Basis, QuotaTerms
from market.signature import sign_digest
from tests.market.reference.sandbox import ADMIN, TOKEN, Sandbox, address

HOUR = 3_600
SLOTS = 24
WIND, SUN = 2, 1
ZONE = 3
CAPACITY_W = 10_000
CERTIFICATES, QUOTAS = map(address, ("certificates", "quotas"))
WIND_OWNER, STORE_OWNER, BUYER, FUND = map(address, ("wind", "store", "buyer", "fund"))


def day(**wh_by_hour: int) -> list[int]:
    """Wh of every hour, import positive: `day(h3=-500)` feeds in 500 Wh from three to four."""
    return [wh_by_hour.get(f"h{hour}", 0) for hour in range(SLOTS)]


@dataclass(slots=True)
class CertificateSandbox(Sandbox):
    """Market 1 has hours in days; a wind plant and a store are certified from the next day on."""

    certificates: GreenCertificates = field(init=False)
    quotas: QuotaRegistry = field(init=False)
    market: int = field(init=False)
    first: int = field(init=False)
    """The first day that counts."""

    def __post_init__(self) -> None:
        # `super()` without arguments does not work in a slotted dataclass.
        Sandbox.__post_init__(self)
        self.now = 100 * VINTAGE_SECONDS
        for role in ("CERTIFICATE_REGISTRAR", "GOVERNMENT"):
            self.authority.grant(role, ADMIN)
        self.certificates = GreenCertificates(
            address=CERTIFICATES,
            authority=self.authority,
            exchange=self.exchange,
            meters=self.meters,
        )
        self.exchange.tokenised[CERTIFICATES] = self.certificates
        self.quotas = QuotaRegistry(
            address=QUOTAS,
            authority=self.authority,
            exchange=self.exchange,
            ledger=self.ledger,
            meters=self.meters,
            certificates=self.certificates,
        )
        self.market = self.create_market(slot_seconds=HOUR, period_slots=SLOTS)
        self.first = self.today + 1
        for owner in (WIND_OWNER, STORE_OWNER, BUYER):
            device = self.device(owner)
            self.meters.register(device, self.market, owner, 0, CAPACITY_W, sender=ADMIN)
        self.certificates.register_producer(
            self.device(WIND_OWNER), WIND, ZONE, self.first, sender=ADMIN, now=self.now
        )

    @property
    def today(self) -> int:
        return self.now // DAY

    @staticmethod
    def device(owner: str) -> str:
        return address(f"meter of {owner}")

    def certify_store(self, efficiency_bp: int = 8_000, capacity_wh: int = 20_000) -> str:
        device = self.device(STORE_OWNER)
        self.certificates.register_store(
            device, ZONE, efficiency_bp, capacity_wh, self.first, sender=ADMIN, now=self.now
        )
        return device

    def post(self, owner: str, period: int, values_wh: list[int]) -> bytes:
        """Post a reading as soon as its day is over; returns its values."""
        device, values = self.device(owner), encode_values(values_wh)
        self.now = max(self.now, (period + 1) * DAY)
        domain = Domain(self.exchange.chain_id, self.meters.address)
        digest = readings_digest(domain, device, self.market, period, values)
        key = Account.from_key(keccak(text=f"meter of {owner}")).key.hex()
        signature = sign_digest(digest, "0x" + key.removeprefix("0x"))
        self.meters.post(device, self.market, period, values, signature, now=self.now)
        return values

    def wait_until_final(self) -> None:
        self.now += DAY + 1

    def produce(self, values_wh: list[int], period: int | None = None) -> int:
        """The wind plant's reading, final and issued; returns Wh."""
        period = self.first if period is None else period
        values = self.post(WIND_OWNER, period, values_wh)
        self.wait_until_final()
        return self.certificates.issue(
            self.device(WIND_OWNER), period, 0, SLOTS, values, now=self.now
        )

    def wind(self, slot: int, period: int | None = None) -> int:
        """The id of what the wind plant fed in."""
        period = self.first if period is None else period
        return int(CertificateId(self.device(WIND_OWNER), period, slot, WIND))

    def give(self, to: str, token_id: int, amount: int) -> None:
        """Certificates of the wind plant's owner."""
        self.certificates.safe_transfer_from(
            WIND_OWNER, to, token_id, amount, b"", sender=WIND_OWNER, now=self.now
        )

    def conserved(self) -> bool:
        """For every id issued = held + retired + expired."""
        return all(
            batch.issued_wh
            == self.certificates.supply_of(token_id) + batch.retired_wh + batch.expired_wh
            for token_id, batch in self.certificates.batches.items()
        )

    # Quotas

    def terms(self, **changes: Any) -> QuotaTerms:
        """Two days from ten days on; a fifth of what is owed may be banked."""
        first_period, periods = self.today + 10, 2
        terms = QuotaTerms(
            market=self.market,
            carrier=0,
            first_period=first_period,
            periods=periods,
            penalty=50_000_000,
            bank_limit=200_000,
            bank_seconds=5 * DAY,
            surrender_by=(first_period + periods + 7) * DAY,
            technologies=1 << WIND,
            beneficiary=FUND,
        )
        return replace(terms, **changes)

    def open_quota(self, **changes: Any) -> int:
        return self.quotas.open_quota(self.terms(**changes), sender=ADMIN, now=self.now)

    def oblige(self, quota: int, account: str, basis: Basis, ratio: int) -> None:
        self.quotas.oblige(quota, account, basis, ratio, sender=ADMIN, now=self.now)

    def post_bond(self, quota: int, account: str, amount: int) -> None:
        self.token.mint(account, amount, sender=ADMIN)
        self.token.approve(QUOTAS, amount, sender=account)
        self.quotas.post_bond(quota, account, amount, sender=account)

    def free(self, account: str) -> int:
        return self.ledger.free[TOKEN, account]
