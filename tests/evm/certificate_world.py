"""Producers, stores and the obliged with their meters, certificates and quotas, in both worlds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any

from market.reference import GreenCertificates, QuotaRegistry, Resolution
from market.reference.certificate_store import Charge
from market.reference.certified_devices import (
    LIFETIME,
    VINTAGE_SECONDS,
    CertificateId,
    vintage_of,
)
from market.reference.meters import encode_values, readings_digest
from market.reference.quotas import Basis, QuotaTerms
from market.signature import Domain, sign_digest
from tests.evm.world import ADMIN, DAY, DEPLOYER, TRADERS, Person, World

CERTIFICATES, QUOTAS = "GreenCertificates", "QuotaRegistry"
HOUR = 3_600
SLOTS, SLOT_SECONDS = 6, 4 * HOUR
FINE_SLOTS, FINE_SLOT_SECONDS = 12, 2 * HOUR
CAPACITY_W = 10_000
REACH_WH = CAPACITY_W * 4
"""What a meter can show in a slot of four hours."""
SUN, WIND = 1, 2
ZONE = 3
EFFICIENCY_BP, CAPACITY_WH = 9_000, 60_000
TECHNOLOGY_BITS = 1 << SUN | 1 << WIND
WIND_OWNER, SUN_OWNER, STORE_OWNER, SECOND_STORE_OWNER, CONSUMER, PASSER_BY = TRADERS
FUND = Person.named("fund")
"""Who receives penalties."""
METERED = (WIND_OWNER, SUN_OWNER, STORE_OWNER, SECOND_STORE_OWNER, CONSUMER)
HOLDERS = TRADERS
IDS_A_CALL = 50
"""As many balances as a call can be asked for at once, with everybody who could hold them."""
SALE_RULES: dict[str, Any] = {
    "slot_seconds": VINTAGE_SECONDS,
    "period_slots": 1,
    "capacity_unit_wh": 0,
    "imbalance_cap": 0,
    "gap_floor": 0,
    "gap_cap": 0,
}


def meter_of(owner: Person) -> Person:
    return Person.named(f"meter of {owner.name}")


def sale_slot(starts_at: int) -> int:
    """The slot of a market of certificates that trades an interval which begins then."""
    return vintage_of(starts_at) + LIFETIME // VINTAGE_SECONDS


class CertificateWorld(World):
    """Wind, two stores and a consumer in market 1; the sun in market 2, whose slots are shorter.

    Market 3 trades wind, market 4 sun. Everything counts from the next day on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: list[str] = []
        """More accounts that hold certificates and money."""
        self._deploy()
        self.market = self.create_market(slot_seconds=SLOT_SECONDS, period_slots=SLOTS)
        self.fine = self.create_market(slot_seconds=FINE_SLOT_SECONDS, period_slots=FINE_SLOTS)
        source = {"capacity_source": self.certificates.address}
        self.wind_sale = self.create_market(**SALE_RULES, **source)
        self.sun_sale = self.create_market(**SALE_RULES, **source)
        self.must(CERTIFICATES, "bindMarket", self.wind_sale, WIND, ZONE, sender=ADMIN)
        self.must(CERTIFICATES, "bindMarket", self.sun_sale, SUN, ZONE, sender=ADMIN)
        self.first = self.today + 1
        """The first period that counts."""
        for owner in METERED:
            registered = (meter_of(owner).address, self.market_of(owner), owner.address)
            self.must("MeterRegistry", "register", *registered, 0, CAPACITY_W, sender=ADMIN)
        for owner, technology in ((WIND_OWNER, WIND), (SUN_OWNER, SUN)):
            certified = (meter_of(owner).address, technology, ZONE, self.first)
            self.must(CERTIFICATES, "registerProducer", *certified, sender=ADMIN)
        for owner in (STORE_OWNER, SECOND_STORE_OWNER):
            self.certify_store(owner)

    def _deploy(self) -> None:
        at = {name: contract.address for name, contract in self.contracts.items()}
        authority, exchange, meters = at["Authority"], at["Exchange"], at["MeterRegistry"]
        deployed = self.chain.deploy(DEPLOYER.address, CERTIFICATES, [authority, exchange, meters])
        self.contracts[CERTIFICATES] = deployed
        wired = [authority, exchange, at["Ledger"], meters, deployed.address]
        registry = self.chain.deploy(DEPLOYER.address, QUOTAS, wired)
        self.contracts[QUOTAS] = registry
        for role in ("CERTIFICATE_REGISTRAR", "GOVERNMENT"):
            self.exchange.authority.grant(role, ADMIN.address)
        self.certificates = GreenCertificates(
            address=deployed.address,
            authority=self.exchange.authority,
            exchange=self.exchange,
            meters=self.meters,
        )
        self.quotas = QuotaRegistry(
            address=registry.address,
            authority=self.exchange.authority,
            exchange=self.exchange,
            ledger=self.ledger,
            meters=self.meters,
            certificates=self.certificates,
        )
        self.models[CERTIFICATES], self.models[QUOTAS] = self.certificates, self.quotas
        self.exchange.tokenised[deployed.address] = self.certificates

    # Where and when

    @property
    def today(self) -> int:
        """The period that runs."""
        return self.now // DAY

    def market_of(self, owner: Person) -> int:
        return self.fine if owner is SUN_OWNER else self.market

    def slots_of(self, owner: Person) -> int:
        return FINE_SLOTS if owner is SUN_OWNER else SLOTS

    def sale_of(self, technology: int) -> int:
        return self.wind_sale if technology == WIND else self.sun_sale

    @staticmethod
    def named(owner: Person, period: int, slot: int, technology: int) -> int:
        """A certificate's number."""
        return int(CertificateId(meter_of(owner).address, period, slot, technology))

    def wind(self, slot: int, period: int | None = None) -> int:
        return self.named(WIND_OWNER, self.first if period is None else period, slot, WIND)

    def place_of(self, token_id: int) -> tuple[int, int]:
        """Market and slot that trade it."""
        batch = self.certificates.batches[token_id]
        return self.sale_of(batch.technology), sale_slot(batch.starts_at)

    # Calls

    def ask(self, function: str, *arguments: Any, sender: Person, **how: Any) -> str | None:
        """A call of the certificates. Returns the refusal's name, or None when it took effect."""
        return self.do(CERTIFICATES, function, *arguments, sender=sender, **how)

    def certify_store(self, owner: Person, efficiency_bp: int = EFFICIENCY_BP) -> None:
        certified = (meter_of(owner).address, ZONE, efficiency_bp, CAPACITY_WH, self.first)
        self.must(CERTIFICATES, "registerStore", *certified, sender=ADMIN)

    def post(self, owner: Person, period: int, values_wh: Sequence[int]) -> str | None:
        device, market = meter_of(owner), self.market_of(owner)
        values = encode_values(list(values_wh))
        domain = Domain(self.exchange.chain_id, self.meters.address)
        digest = readings_digest(domain, device.address, market, period, values)
        signature = sign_digest(digest, device.key)
        reading = (device.address, market, period, values, signature)
        return self.do("MeterRegistry", "post", *reading, sender=owner)

    def post_at_midnight(self, owner: Person, values_wh: Sequence[int], period: int) -> None:
        self.chain.now = max(self.now, (period + 1) * DAY)
        assert self.post(owner, period, values_wh) is None

    def reading_of(self, owner: Person, period: int) -> bytes:
        """The values last posted, or nothing."""
        return self.values.get((meter_of(owner).address, period), b"")

    def dispute(self, owner: Person, period: int, sender: Person = ADMIN) -> str | None:
        place = (meter_of(owner).address, period)
        return self.do("MeterRegistry", "dispute", *place, sender=sender)

    def resolve(
        self, owner: Person, period: int, how: Resolution, values: bytes = b""
    ) -> str | None:
        place = (meter_of(owner).address, period)
        refusal = self.do(
            "MeterRegistry",
            "resolve",
            *place,
            int(how),
            values,
            sender=ADMIN,
            model_arguments=(*place, how, values),
        )
        if refusal is None and how is not Resolution.KEEP:
            self.values[place] = values
        return refusal

    def issue(
        self, owner: Person, period: int, values: bytes | None = None, **how: Any
    ) -> str | None:
        """Everything of the period that is left, brought by somebody."""
        values = self.reading_of(owner, period) if values is None else values
        slots = how.pop("slots", range(self.slots_of(owner)))
        place = (meter_of(owner).address, period, slots.start, len(slots))
        return self.ask("issue", *place, values, sender=how.pop("sender", PASSER_BY))

    def produce(self, values_wh: Sequence[int], period: int, owner: Person = WIND_OWNER) -> None:
        """A reading that is final and issued."""
        self.post_at_midnight(owner, values_wh, period)
        self.wait(DAY + 1)
        assert self.issue(owner, period) is None

    def account(
        self,
        owner: Person,
        period: int,
        charges: Sequence[Charge] = (),
        *,
        values: bytes | None = None,
        sender: Person | None = None,
    ) -> str | None:
        values = self.reading_of(owner, period) if values is None else values
        place = (meter_of(owner).address, period, values)
        return self.ask(
            "account",
            *place,
            [astuple(charge) for charge in charges],
            sender=sender or owner,
            model_arguments=(*place, charges),
        )

    def give(self, giver: Person, to: Person, token_id: int, amount: int) -> str | None:
        transfer = (giver.address, to.address, token_id, amount, b"")
        return self.ask("safeTransferFrom", *transfer, sender=giver)

    def retire(
        self, holder: Person, ids: Sequence[int], amounts: Sequence[int], **how: Any
    ) -> str | None:
        beneficiary = how.pop("beneficiary", holder).address
        retired = (holder.address, list(ids), list(amounts), beneficiary, "tea")
        return self.ask("retire", *retired, sender=how.pop("sender", holder))

    def offer(self, holder: Person, *lots: tuple[int, int]) -> str | None:
        """Id and amount a lot, all of one class."""
        ids, amounts = (list(part) for part in zip(*lots, strict=True))
        return self.ask("offer", *self.place_of(ids[0]), ids, amounts, sender=holder)

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
            technologies=TECHNOLOGY_BITS,
            beneficiary=FUND.address,
        )
        return replace(terms, **changes)

    def open_quota(self, terms: QuotaTerms, sender: Person = ADMIN) -> str | None:
        for_abi = astuple(terms)
        return self.do(QUOTAS, "openQuota", for_abi, sender=sender, model_arguments=(terms,))

    def oblige(
        self, quota: int, account: Person, basis: Basis, ratio: int, sender: Person = ADMIN
    ) -> str | None:
        obliged = (quota, account.address, basis, ratio)
        return self.do(QUOTAS, "oblige", *obliged, sender=sender)

    def post_bond(self, quota: int, account: Person, amount: int) -> str | None:
        """By the account itself, which is lent the money."""
        self.must("SettlementToken", "mint", account.address, amount, sender=ADMIN)
        allowance = (self.quotas.address, amount)
        self.must("SettlementToken", "approve", *allowance, sender=account)
        return self.do(QUOTAS, "postBond", quota, account.address, amount, sender=account)

    def report(
        self, quota: int, account: Person, period: int, values: bytes | None = None
    ) -> str | None:
        values = self.reading_of(account, period) if values is None else values
        return self.do(QUOTAS, "report", quota, account.address, period, values, sender=PASSER_BY)

    def surrender(self, quota: int, account: Person, *lots: tuple[int, int]) -> str | None:
        """Id and amount a lot."""
        ids, amounts = (list(part) for part in zip(*lots, strict=True)) if lots else ([], [])
        return self.do(QUOTAS, "surrender", quota, ids, amounts, sender=account)

    def settle_quota(self, quota: int, account: Person) -> str | None:
        return self.do(QUOTAS, "settle", quota, account.address, sender=PASSER_BY)

    def approve_quotas(self, holder: Person) -> None:
        approval = (self.quotas.address, True)
        self.must(CERTIFICATES, "setApprovalForAll", *approval, sender=holder)

    # Comparing

    @property
    def addresses(self) -> list[str]:
        return [*super().addresses, FUND.address, *self.others]

    @property
    def keepers(self) -> list[str]:
        """Everybody who could hold certificates."""
        return [*self.addresses, self.certificates.address, self.quotas.address]

    def check_certificates(self, ids: Iterable[int] | None = None) -> None:
        """Both hold the same devices, stores, batches, balances, pools and offers.

        Of batches and balances `ids` alone, where they are given.
        """
        ids = list(self.certificates.batches if ids is None else ids)
        for at in range(0, len(ids), IDS_A_CALL):
            self._check_balances(ids[at : at + IDS_A_CALL])
        for token_id in ids:
            self._check_batch(token_id)
        for owner in METERED:
            self._check_device(owner)
        for market in range(1, self.exchange.market_count + 1):
            bound = self.certificates.classes.get(market, (0, 0))
            self._same("class", bound, CERTIFICATES, "classOf", market)
        for market, slot in self.certificates.pools:
            self._check_pool(market, slot)

    def _check_balances(self, ids: list[int]) -> None:
        places = [(who, token_id) for token_id in ids for who in self.keepers]
        balances = tuple(self.certificates.balances[place] for place in places)
        claims = tuple(self.certificates.claimed[place] for place in places)
        accounts, of = [who for who, _ in places], [token_id for _, token_id in places]
        for view, expected in (("balanceOfBatch", balances), ("claimedBalanceOfBatch", claims)):
            found = self.contracts[CERTIFICATES].call(view, accounts, of)
            assert tuple(found) == expected, view

    def _check_batch(self, token_id: int) -> None:
        batch = self.certificates.batches.get(token_id)
        found = self.view(CERTIFICATES, "batchOf", token_id)
        if batch is None:
            assert not any(found[1:])
            return
        assert (found[0], *found[1:]) == (batch.device.lower(), *astuple(batch)[1:])
        expires_at = self.certificates.expiry_of(token_id)
        self._same("expiry", expires_at, CERTIFICATES, "expiryOf", token_id)

    def _check_device(self, owner: Person) -> None:
        device = meter_of(owner).address
        known = self.certificates.certified.get(device)
        expected = astuple(known) if known else (0,) * 8 + (False,)
        self._same(f"device of {owner.name}", expected, CERTIFICATES, "deviceOf", device)
        for of, period in self.certificates.issued:
            if of == device and period >= self.today - 4:
                bits = self.certificates.issued[device, period]
                self._same("issued", bits, CERTIFICATES, "issuedSlots", device, period)
        store = self.certificates.stores.get(device)
        if store:
            technologies = tuple(store.technologies)
            green = tuple(store.green_wh[t] for t in technologies)
            holds = (store.capacity_wh, store.energy_wh, store.next_period, technologies, green)
            self._same(f"store of {owner.name}", holds, CERTIFICATES, "storeOf", device)

    def _check_pool(self, market: int, slot: int) -> None:
        place = (market, slot)
        self._same("pool", self.certificates.pool_of(*place), CERTIFICATES, "poolOf", *place)
        lots = self.certificates.certificates_at(*place, 0, 2**127)
        expected = (tuple(token_id for token_id, _ in lots), tuple(wh for _, wh in lots))
        self._same("lots", expected, CERTIFICATES, "certificatesAt", *place, 0, 2**127)
        last = self.exchange.last_round(market)
        for holder in HOLDERS:
            who = holder.address
            mine = tuple(astuple(parcel) for parcel in self.certificates.parcels_of(*place, who))
            self._same("parcels", mine, CERTIFICATES, "parcelsOf", *place, who)
            offer = astuple(self.certificates.offer_of(*place, who))
            self._same("offer", offer, CERTIFICATES, "offerOf", *place, who)
            for number in (last, last + 1):
                sellable = self.certificates.sellable(market, number, slot, who)
                asked = (market, number, slot, who)
                self._same("sellable", sellable, CERTIFICATES, "sellable", *asked)

    def check_quotas(self) -> None:
        """Both hold the same quotas, obligations and bonds."""
        self._same("quotas", self.quotas.quota_count, QUOTAS, "quotaCount")
        for number, quota in enumerate(self.quotas.quotas, start=1):
            terms, asset = self.view(QUOTAS, "quotaOf", number)
            beneficiary = quota.terms.beneficiary.lower()
            assert terms == (*astuple(quota.terms)[:-1], beneficiary)
            assert asset == quota.asset.lower()
            for person in (*METERED, PASSER_BY):
                self._check_obligation(number, person)
        tokens = self.token.balances[self.quotas.address]
        self._same("bonds", tokens, "SettlementToken", "balanceOf", self.quotas.address)

    def _check_obligation(self, quota: int, person: Person) -> None:
        place = (quota, person.address)
        known = self.quotas.obligations.get(place)
        found = self.view(QUOTAS, "obligationOf", *place)
        if known is None:
            assert not any(found[1:])
            return
        assert found == (known.device.lower(), *astuple(known)[1:])
        self._same("owed", known.owed_wh, QUOTAS, "owedWh", *place)
        terms = self.quotas.quotas[quota - 1].terms
        for period in range(terms.first_period - 1, terms.first_period + terms.periods + 1):
            reported = (*place, period) in self.quotas.reported
            self._same("reported", reported, QUOTAS, "isReported", *place, period)

    def check_all(self) -> None:
        self.check_state()
        self.check_invariants()
        self.check_certificates()
        self.check_quotas()


def produced(values_wh: Sequence[int]) -> CertificateWorld:
    """A world in which the wind owner has certificates of the first day."""
    world = CertificateWorld()
    world.produce(values_wh, world.first)
    return world
