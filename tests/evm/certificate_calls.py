"""Random calls to the certificates, valid and hostile, while days pass.

After every call the contract and the model agree.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from market.reference import Resolution
from market.reference.certificate_store import Charge
from market.reference.certified_devices import CertificateId, expiry_of_vintage
from market.reference.ledger import Effect
from market.reference.meters import MISSING, decode_values, encode_values
from market.reference.token import ZERO_ADDRESS
from market.reference.verification import encode_effects
from tests.evm.certificate_books import Books
from tests.evm.certificate_world import (
    CERTIFICATES,
    CONSUMER,
    HOLDERS,
    METERED,
    REACH_WH,
    SECOND_STORE_OWNER,
    STORE_OWNER,
    SUN,
    SUN_OWNER,
    WIND,
    WIND_OWNER,
    ZONE,
    CertificateWorld,
    meter_of,
)
from tests.evm.sale import Sale
from tests.evm.trading import Bidding
from tests.evm.world import ADMIN, BALANCING, DAY, OPERATOR, Person

PRODUCERS = ((WIND_OWNER, WIND), (SUN_OWNER, SUN))
STORES = (STORE_OWNER, SECOND_STORE_OWNER)
STRANGERS = (OPERATOR, BALANCING)
BIDDING = Bidding(
    units=(1, 7, 500, 2_000), prices=tuple(p * 10**6 for p in (90, 100, 101)), orders_each=2
)
MARGIN = 10**9


class CertificateCalls:
    def __init__(self) -> None:
        self.world = CertificateWorld()
        self.books = Books(self.world)
        for holder in HOLDERS:
            self.world.fund(holder, 2 * MARGIN)
            for market in (self.world.wind_sale, self.world.sun_sale):
                self.world.must("Ledger", "addMargin", market, MARGIN, sender=holder)
        self.sales = [
            Sale(self.world, market, HOLDERS, BIDDING)
            for market in (self.world.wind_sale, self.world.sun_sale)
        ]
        self.compared: dict[int, object] = {}
        """What was compared of every batch: it, and who holds it."""

    # What somebody could name

    def any_id(self, rng: Random) -> int:
        """Mostly one that exists, of any age; now and then one that does not."""
        known = list(self.world.certificates.batches)
        if not known or rng.random() < 0.05:
            return rng.choice((1, self.world.wind(3, period=1), self.world.wind(250)))
        return rng.choice(known)

    def held(self, holder: Person) -> list[int]:
        balances, batches = self.world.certificates.balances, self.world.certificates.batches
        return [token_id for token_id in batches if balances[holder.address, token_id]]

    def some(self, holder: Person, rng: Random) -> tuple[int, int]:
        """An id and an amount, mostly of what the holder has."""
        held = self.held(holder)
        token_id = rng.choice(held) if held and rng.random() < 0.9 else self.any_id(rng)
        most = self.world.certificates.balances[holder.address, token_id]
        return token_id, rng.choice((0, 1, most // 2, most, most, most + 1, 2**64 - 1))

    def most_of(self, holder: Person, rng: Random) -> tuple[int, int]:
        """An id and an amount that the holder has; nothing sensible where it has nothing."""
        held = self.held(holder)
        if not held:
            return self.some(holder, rng)
        token_id = rng.choice(held)
        return token_id, rng.randint(1, self.world.certificates.balances[holder.address, token_id])

    def lots(self, holder: Person, rng: Random) -> tuple[list[int], list[int]]:
        """Ids and amounts, now and then of different number."""
        pick = self.most_of if rng.random() < 0.7 else self.some
        lots = [pick(holder, rng) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
        ids, amounts = [token_id for token_id, _ in lots], [amount for _, amount in lots]
        if rng.random() < 0.03:
            amounts = amounts[1:]
        return ids, amounts

    def period(self, rng: Random) -> int:
        return self.world.today - rng.choice((0, 1, 2, 2, 3, 3, 4, 6))

    # Meters

    def a_day_passes(self, rng: Random) -> None:
        """Readings are posted at midnight, except now and then; some are disputed."""
        period = self.world.today
        self.world.chain.now = max(self.world.now, (period + 1) * DAY)
        for owner in METERED:
            if rng.random() < 0.9:
                self.world.post(owner, period, self.day_of(owner, rng))
            if rng.random() < 0.1:
                self.dispute(owner, period - rng.choice((0, 0, 1, 2)), rng)
        self.world.wait(rng.choice((0, 1, 2, DAY // 2)))

    def day_of(self, owner: Person, rng: Random) -> list[int]:
        reach = REACH_WH * 6 // self.world.slots_of(owner)

        def wh() -> int:
            if rng.random() < 0.04:
                return rng.choice((MISSING, -reach, reach))
            if owner is CONSUMER:
                return rng.choice((0, 700, 5_000, rng.randint(1, reach)))
            if owner in STORES:
                return rng.choice((0, 1, -1, rng.randint(-15_000, -1), rng.randint(1, 9_000)))
            return rng.choice((0, 30, -1, rng.randint(-15_000, -1)))

        return [wh() for _ in range(self.world.slots_of(owner))]

    def dispute(self, owner: Person, period: int, rng: Random) -> None:
        sender = rng.choice((owner, ADMIN, ADMIN, OPERATOR))
        if self.world.dispute(owner, period, sender=sender) is not None:
            return
        how = rng.choice((*Resolution, None))
        if how is not None:
            values = encode_values(self.day_of(owner, rng)) if how is Resolution.REPLACE else b""
            self.world.resolve(owner, period, how, values)

    def wait(self, rng: Random) -> None:
        self.world.wait(rng.choice((1, 3_600, 5 * 3_600)))

    # The registrar

    def register(self, rng: Random) -> None:
        device = rng.choice(
            (meter_of(CONSUMER).address, meter_of(WIND_OWNER).address, ZERO_ADDRESS)
        )
        sender = rng.choice((ADMIN, ADMIN, OPERATOR))
        period = self.world.today + rng.choice((-1, 0, 1, 1, 50))
        if rng.random() < 0.5:
            certified = (device, rng.choice((0, SUN)), ZONE, period + 1_000 * rng.randrange(2))
            self.world.ask("registerProducer", *certified, sender=sender)
        else:
            efficiency, capacity = rng.choice((0, 9_000, 10_001)), rng.choice((0, 5_000))
            self.world.ask(
                "registerStore", device, ZONE, efficiency, capacity, period, sender=sender
            )

    def correct_or_withdraw(self, rng: Random) -> None:
        """What takes effect changes nothing that others here rely on: far off, or as it was."""
        owner = rng.choice(METERED)
        device, sender = meter_of(owner).address, rng.choice((ADMIN, ADMIN, OPERATOR))
        if rng.random() < 0.5:
            technology = dict(PRODUCERS).get(owner, 0) * rng.choice((1, 1, 0))
            self.world.ask("correct", device, technology, ZONE, sender=sender)
        else:
            until = rng.choice((self.world.today, self.world.today + 10_000))
            self.world.ask("withdraw", device, until, sender=sender)

    def bind(self, rng: Random) -> None:
        bound = (rng.choice((1, self.world.wind_sale, 9)), rng.choice((0, SUN)), ZONE)
        self.world.ask("bindMarket", *bound, sender=rng.choice((ADMIN, ADMIN, WIND_OWNER)))

    # Issue

    def issue_what_is_due(self, rng: Random) -> None:
        """Most of what is final; what is wrong with it says the contract."""
        for owner, _ in PRODUCERS:
            for period in range(self.world.today - 5, self.world.today):
                if rng.random() < 0.5:
                    self.world.issue(owner, period)

    def issue_anything(self, rng: Random) -> None:
        owner = rng.choice((WIND_OWNER, WIND_OWNER, SUN_OWNER, STORE_OWNER, CONSUMER))
        period = self.period(rng)
        values = self.world.reading_of(owner, period)
        if rng.random() < 0.2:
            values = rng.choice((b"", encode_values(self.day_of(owner, rng))))
        first, count = rng.choice((0, 0, 2, 5, 11)), rng.choice((0, 1, 1, 3, 6, 7))
        place = (meter_of(owner).address, period, first, count)
        self.world.ask("issue", *place, values, sender=rng.choice(HOLDERS))

    def account_stores(self, rng: Random) -> None:
        """Both stores' next days, as far as they are final, with what their owners hold."""
        for owner in rng.choice((STORES, STORES[:1], STORES[1:])):
            for _ in range(3):
                period = self.world.certificates.stores[meter_of(owner).address].next_period
                if period >= self.world.today - 1:
                    break
                self.account(owner, period, self.charges_for(owner, period, rng))

    def account_anything(self, rng: Random) -> None:
        owner = rng.choice((*STORES, *STORES, WIND_OWNER))
        known = self.world.certificates.stores.get(meter_of(owner).address)
        period = (
            rng.choice((known.next_period, known.next_period, self.period(rng))) if known else 5
        )
        charges = self.charges_for(owner, period, rng)
        simultaneous = self.simultaneous(owner, period)
        for slot, token_id, _ in rng.sample(simultaneous, min(2, len(simultaneous))):
            most = self.world.certificates.balances[owner.address, token_id]
            charges.append(Charge(slot, token_id, rng.choice((0, 1, most, most + 1))))
        if rng.random() < 0.3:
            charges.append(Charge(rng.randrange(7), *self.some(owner, rng)))
        for at, charge in enumerate(charges):
            if rng.random() < 0.2:
                charges[at] = rng.choice(
                    (
                        Charge(rng.randrange(6), charge.token_id, charge.amount),
                        Charge(charge.slot, self.any_id(rng), 1),
                        Charge(charge.slot, charge.token_id, rng.choice((0, 2**40))),
                    )
                )
        if rng.random() < 0.8:
            charges.sort(key=lambda charge: charge.slot)
        sender = rng.choice((owner, owner, owner, OPERATOR))
        values = self.world.reading_of(owner, period)
        if rng.random() < 0.1:
            values = rng.choice((b"", values[:-4], encode_values(self.day_of(owner, rng))))
        self.account(owner, period, charges, values=values, sender=sender)

    def account(self, owner: Person, period: int, charges: list[Charge], **how: object) -> None:
        if self.world.account(owner, period, charges, **how) is None:  # type: ignore[arg-type]
            for charge in charges:
                self.books.stored[charge.token_id] += charge.amount
                self.books.given[meter_of(owner).address] += charge.amount

    def charges_for(self, owner: Person, period: int, rng: Random) -> list[Charge]:
        """What the owner holds of the energy that was fed in as the store charged."""
        charges = []
        left: dict[int, int] = {}
        for slot, token_id, charged in self.simultaneous(owner, period):
            held = self.world.certificates.balances[owner.address, token_id]
            most = min(left.setdefault(slot, charged), held)
            if most:
                amount = rng.choice((most, most, rng.randint(1, most)))
                charges.append(Charge(slot, token_id, amount))
                left[slot] -= amount
        return charges

    def simultaneous(self, owner: Person, period: int) -> list[tuple[int, int, int]]:
        """Slots in which the store charged, certificates of that time, and Wh charged."""
        found = []
        values = decode_values(self.world.reading_of(owner, period))
        for token_id in self.world.certificates.batches:
            named = CertificateId.of(token_id)
            if named.period == period and values:
                slots = self.world.certificates.certified[named.device].period_slots
                slot = named.slot * len(values) // slots
                if values[slot] > 0:
                    found.append((slot, token_id, values[slot]))
        return sorted(found)

    # Holders

    def feed_stores(self, rng: Random) -> None:
        """Producers hand certificates to the stores and to everybody else."""
        for owner, _ in PRODUCERS:
            for token_id in self.held(owner):
                if rng.random() < 0.2:
                    most = self.world.certificates.balances[owner.address, token_id]
                    to = rng.choice((*STORES, *STORES, CONSUMER, HOLDERS[5]))
                    self.world.give(owner, to, token_id, rng.randint(1, most))

    def transfer(self, rng: Random) -> None:
        giver, sender = rng.choice(HOLDERS), rng.choice(HOLDERS)
        sender = giver if rng.random() < 0.6 else sender
        to = rng.choice(
            (*(holder.address for holder in HOLDERS), ZERO_ADDRESS, self.world.certificates.address)
        )
        if rng.random() < 0.5:
            transfer = (giver.address, to, *self.some(giver, rng), b"")
            self.world.ask("safeTransferFrom", *transfer, sender=sender)
        else:
            several = (giver.address, to, *self.lots(giver, rng), b"")
            self.world.ask("safeBatchTransferFrom", *several, sender=sender)

    def approve(self, rng: Random) -> None:
        operator = rng.choice((*(holder.address for holder in HOLDERS), ZERO_ADDRESS))
        approval = (operator, rng.random() < 0.5)
        self.world.ask("setApprovalForAll", *approval, sender=rng.choice(HOLDERS))

    def retire(self, rng: Random) -> None:
        holder = rng.choice(HOLDERS)
        sender = holder if rng.random() < 0.8 else rng.choice(HOLDERS)
        ids, amounts = self.lots(holder, rng)
        beneficiary = rng.choice((*(h.address for h in HOLDERS), ZERO_ADDRESS))
        arguments = (holder.address, ids, amounts, beneficiary, "heat for the hall")
        if self.world.ask("retire", *arguments, sender=sender) is None:
            for token_id, amount in zip(ids, amounts, strict=True):
                self.books.claimed[token_id] += amount

    def expire(self, rng: Random) -> None:
        holder = rng.choice((*(h.address for h in HOLDERS), self.world.certificates.address))
        ids = [self.any_id(rng) for _ in range(rng.choice((0, 1, 1, 2)))]
        self.world.ask("expire", holder, ids, sender=rng.choice(STRANGERS))

    # Trade

    def offer(self, rng: Random) -> None:
        holder = rng.choice(HOLDERS)
        ids, amounts = self.lots(holder, rng)
        known = [token_id for token_id in ids if token_id in self.world.certificates.batches]
        market, slot = self.world.place_of(known[0]) if known else (self.world.wind_sale, 51)
        if rng.random() < 0.1:
            market, slot = rng.choice((1, 9, self.world.sun_sale)), rng.choice((slot, slot + 1))
        self.world.ask("offer", market, slot, ids, amounts, sender=holder)

    def recall(self, rng: Random) -> None:
        offers = [place for place, offer in self.world.certificates.offers.items() if offer.offered]
        market, slot, who = rng.choice(offers or [(self.world.wind_sale, 51, HOLDERS[0].address)])
        holder = next(h for h in HOLDERS if h.address == who)
        if rng.random() < 0.5:
            amount = rng.choice((0, 1, 400, 10**6, 2**112))
            self.world.ask("requestRecall", market, slot, amount, sender=holder)
        else:
            self.world.ask("completeRecall", market, slot, sender=holder)

    def sell(self, rng: Random) -> None:
        """The honest operators' next steps. Nothing that others do keeps them from settling."""
        for sale in self.sales:
            for _ in range(rng.randrange(4)):
                slots = [s for m, s in self.world.certificates.pools if m == sale.market]
                sale.advance(rng, slots)

    def collect(self, rng: Random) -> None:
        for place, pool in list(self.world.certificates.pools.items()):
            holder = rng.choice([h for h in HOLDERS if pool.parcels.get(h.address)] or HOLDERS)
            before = self.books.parcels(*place, holder.address)
            most = rng.choice((0, 1, 1, 2, 50))
            collected = (*place, holder.address, most)
            if self.world.ask("collect", *collected, sender=rng.choice(STRANGERS)) is None:
                after = self.books.parcels(*place, holder.address)
                self.books.note_collected(place, before, after)

    def pretend_to_be_the_exchange(self, rng: Random) -> None:
        sender = rng.choice(HOLDERS)
        effect = Effect(sender.address, 0, 0, 0, 10)
        place = (self.world.wind_sale, 1, 51)
        data = encode_effects([effect], tokenised=True)
        arguments = (*place, [effect])
        self.world.ask("deliver", *place, data, sender=sender, model_arguments=arguments)

    # The end

    def vintages_end(self, rng: Random) -> None:
        """To the last second of all certificates' life, and past it; what was sold is taken."""
        self.world.chain.now = max(self.world.now, self.last_expiry - 1)
        for _ in range(10):
            rng.choice((self.transfer, self.retire, self.expire))(rng)
        self.world.wait(1)
        for _ in range(10):
            rng.choice((self.transfer, self.retire, self.offer, self.account_anything))(rng)
        for place, pool in self.world.certificates.pools.items():
            for holder in HOLDERS:
                if pool.parcels.get(holder.address):
                    before = self.books.parcels(*place, holder.address)
                    collected = (*place, holder.address, 10**6)
                    self.world.must(CERTIFICATES, "collect", *collected, sender=OPERATOR)
                    self.books.note_collected(place, before, [])
        self.world.chain.now = max(self.world.now, self.last_expiry)
        for holder in HOLDERS:
            held = self.held(holder)
            if held:
                expired = (holder.address, held)
                self.world.must(CERTIFICATES, "expire", *expired, sender=OPERATOR)
            assert not self.held(holder)

    @property
    def last_expiry(self) -> int:
        """Seconds; of all that exists."""
        batches = self.world.certificates.batches.values()
        return max(expiry_of_vintage(batch.vintage) for batch in batches)

    # Comparing

    def check_what_changed(self) -> None:
        """Contract and model agree on every batch that the model thinks was touched."""
        certificates = self.world.certificates
        by_id: dict[int, list[tuple[str, int]]] = {
            token_id: [] for token_id in certificates.batches
        }
        for (who, token_id), amount in certificates.balances.items():
            if amount and token_id in by_id:
                by_id[token_id].append((who, amount))
        now = {
            token_id: (batch, tuple(by_id[token_id]))
            for token_id, batch in certificates.batches.items()
        }
        changed = [
            token_id for token_id, held in now.items() if self.compared.get(token_id) != held
        ]
        self.world.check_certificates(changed)
        self.compared = dict(now)

    def check_everything(self) -> None:
        self.world.check_all()
        self.books.check()

    @property
    def actions(self) -> tuple[Callable[[Random], None], ...]:
        """What anybody may do at any time, some of it more often."""
        return (
            *(self.transfer, self.transfer, self.approve, self.retire, self.expire),
            *(self.offer, self.offer, self.offer, self.recall, self.collect, self.sell, self.sell),
            *(self.issue_anything, self.account_anything, self.account_anything),
            *(self.register, self.correct_or_withdraw, self.bind, self.wait),
            self.pretend_to_be_the_exchange,
        )
