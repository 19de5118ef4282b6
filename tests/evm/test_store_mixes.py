"""Stores that mix many technologies, in both worlds: shares in ascending order, four at a time."""

from __future__ import annotations

from collections import Counter
from random import Random

from market.reference.certificate_store import MOST_TECHNOLOGIES, Charge
from market.reference.certified_devices import CertificateId
from market.reference.meters import MISSING, encode_values, readings_digest
from market.signature import Domain, sign_digest
from tests.evm.certificate_world import (
    CAPACITY_W,
    CERTIFICATES,
    SLOT_SECONDS,
    SLOTS,
    STORE_OWNER,
    ZONE,
    CertificateWorld,
    meter_of,
)
from tests.evm.world import ADMIN, DAY, TRADERS, Person

TECHNOLOGIES = range(1, 8)
PLANT_OWNER = TRADERS[5]
FEED_IN_WH = 900


class Mixing:
    """A plant of every technology, whose owner hands all certificates to a store."""

    def __init__(self) -> None:
        self.world = CertificateWorld()
        self.market = self.world.create_market(
            slot_seconds=SLOT_SECONDS, period_slots=SLOTS, carriers=len(TECHNOLOGIES)
        )
        for technology in TECHNOLOGIES:
            device = self.plant(technology).address
            registered = (device, self.market, PLANT_OWNER.address, technology - 1, CAPACITY_W)
            self.world.must("MeterRegistry", "register", *registered, sender=ADMIN)
            certified = (device, technology, ZONE, self.world.first)
            self.world.must(CERTIFICATES, "registerProducer", *certified, sender=ADMIN)
        self.period = self.world.first

    @staticmethod
    def plant(technology: int) -> Person:
        return Person.named(f"plant of technology {technology}")

    def certificate(self, technology: int, slot: int) -> int:
        return int(CertificateId(self.plant(technology).address, self.period, slot, technology))

    def live_a_day(self, store_wh: list[int]) -> None:
        """Every plant feeds in evenly, and all of it is the store owner's a day later."""
        world, period = self.world, self.period
        world.post_at_midnight(STORE_OWNER, store_wh, period)
        values = encode_values([-FEED_IN_WH] * SLOTS)
        domain = Domain(world.exchange.chain_id, world.meters.address)
        for technology in TECHNOLOGIES:
            plant = self.plant(technology)
            digest = readings_digest(domain, plant.address, self.market, period, values)
            reading = (plant.address, self.market, period, values, sign_digest(digest, plant.key))
            world.must("MeterRegistry", "post", *reading, sender=PLANT_OWNER)
        world.wait(DAY + 1)
        for technology in TECHNOLOGIES:
            issued = (self.plant(technology).address, period, 0, SLOTS, values)
            world.must(CERTIFICATES, "issue", *issued, sender=PLANT_OWNER)
            ids = [self.certificate(technology, slot) for slot in range(SLOTS)]
            given = (PLANT_OWNER.address, STORE_OWNER.address, ids, [FEED_IN_WH] * SLOTS, b"")
            world.must(CERTIFICATES, "safeBatchTransferFrom", *given, sender=PLANT_OWNER)

    def account(self, charges: list[tuple[int, int, int]]) -> str | None:
        """Slot, technology and Wh of every charge."""
        given = [Charge(s, self.certificate(t, s), wh) for s, t, wh in charges]
        refusal = self.world.account(STORE_OWNER, self.period, given)
        if refusal is None:
            self.period += 1
        return refusal

    def check_last_day(self) -> None:
        """Contract and model agree on everything that was issued for the day last accounted."""
        known = self.world.certificates.batches
        last = self.period - 1
        self.world.check_certificates(t for t in known if CertificateId.of(t).period == last)

    @property
    def holds(self) -> dict[int, int]:
        """Green Wh by technology, as the contract lists them."""
        device = meter_of(STORE_OWNER).address
        *_, technologies, green = self.world.view(CERTIFICATES, "storeOf", device)
        return dict(zip(technologies, green, strict=True))


def test_a_fifth_technology_is_refused_until_one_of_four_has_left():
    mixing = Mixing()
    mixing.live_a_day([-40_000, 5_000, 5_000, 0, 0, 0])
    four = [(1, t, 100) for t in (5, 3, 2, 4)]
    assert mixing.account([*four, (1, 1, 100)]) == "TooManyTechnologies"
    # Of a single Wh nothing is left to mix.
    assert mixing.account([*four, (1, 1, 1), (2, 3, 100)]) is None
    assert mixing.holds == {2: 90, 3: 180, 4: 90, 5: 90}
    mixing.live_a_day([-40_000, 500, 0, 0, 0, 0])
    assert mixing.account([(1, 7, 300)]) is None
    assert mixing.holds == {7: 270}
    mixing.world.check_certificates()


def test_mixes_of_many_technologies_are_the_same_in_both_worlds():
    seen: Counter[str | None] = Counter()
    mixed: Counter[int] = Counter()
    for season in range(4):
        rng = Random(season)
        mixing = Mixing()
        for _ in range(14):
            day = [rng.choice((MISSING, 1, *(rng.randint(-9_000, 4_000) for _ in range(9))))]
            day += [rng.choice((0, rng.randint(-9_000, 4_000))) for _ in range(SLOTS - 1)]
            day[rng.randrange(SLOTS)] = rng.choice((-40_000, -9_000, 3_000))
            mixing.live_a_day(day)
            charges = []
            for slot, wh in enumerate(day):
                left = max(0, wh)
                for technology in rng.sample(TECHNOLOGIES, rng.randrange(4)):
                    amount = min(left, rng.choice((1, 2, 50, FEED_IN_WH)))
                    left -= amount
                    if amount:
                        charges.append((slot, technology, amount))
            refusal = mixing.account(charges)
            seen[refusal] += 1
            if refusal is not None:
                assert mixing.account([]) is None
            mixed[len(mixing.holds)] += 1
            assert list(mixing.holds) == sorted(mixing.holds)
            mixing.check_last_day()
    assert set(seen) == {None, "TooManyTechnologies"}
    assert {1, 2, 3, MOST_TECHNOLOGIES} <= set(mixed)
