"""Deviations: whatever claimants call, contract and model agree and a slot is used once."""

from __future__ import annotations

from collections import Counter
from random import Random

from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evm.metering_history import CLAIMANT, CLAIMANT_ROLE, SLOTS, MeteringHistory
from tests.evm.world import ADMIN, DAY, TRADERS, Person

OTHER = Person.named("another claimant")
CALLERS = (CLAIMANT, CLAIMANT, OTHER, TRADERS[0])


class Season:
    """Claimants, an outsider and two accounts on a few days."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.world = rng, MeteringHistory()
        self.world.exchange.authority.grant("DEVIATION_CLAIMANT", OTHER.address)
        self.world.contracts["Authority"].call(
            "grantRole", CLAIMANT_ROLE, OTHER.address, 0, sender=ADMIN.address
        )
        self.accounts = [self.world.new_account() for _ in range(2)]
        self.first = self.world.today
        self.used: Counter[tuple[str, int, int]] = Counter()

    def step(self) -> None:
        rng, world = self.rng, self.world
        what = rng.random()
        caller = rng.choice(CALLERS)
        number = rng.randint(0, len(world.deviations.reservations) + 1)
        if what < 0.45:
            account = rng.choice((*self.accounts, TRADERS[0]))
            period = world.today + rng.choice((-1, 0, 0, 1, 1, 2))
            slots = rng.choice(
                (0, 1 << SLOTS, rng.randrange(1 << SLOTS), 1 << rng.randrange(SLOTS))
            )
            place = (world.market, account.address, 0, period, slots)
            world.do("Deviations", "reserve", *place, sender=caller)
        elif what < 0.6:
            world.do("Deviations", "release", number, sender=caller)
        elif what < 0.85:
            self.use(number, caller)
        else:
            world.wait(rng.choice((1, DAY // SLOTS, DAY // SLOTS, DAY, 6 * DAY)))
        self.check()

    def use(self, number: int, caller: Person) -> None:
        rng, held = self.rng, self.world.deviations.reservations
        slots = held[number - 1].slots if 0 < number <= len(held) else 0
        if rng.random() < 0.1:
            slots = (1 << SLOTS) - 1
        values = [
            rng.choice((0, 1, -1, 2**31 - 1, -(2**31))) * (slots >> slot & 1)
            for slot in range(SLOTS + (rng.random() < 0.1))
        ]
        if self.world.do("Deviations", "use", number, values, sender=caller) is None:
            taken = held[number - 1]
            for slot, wh in enumerate(values):
                if wh:
                    self.used[taken.account, taken.period, slot] += 1

    def check(self) -> None:
        """Both say the same, nothing is used twice or unreserved, and all comes to an end."""
        world, model = self.world, self.world.deviations
        assert world.view("Deviations", "reservationCount") == len(model.reservations)
        assert max(self.used.values(), default=0) <= 1
        for account in self.accounts:
            for period in range(self.first - 1, world.today + 3):
                place = (world.market, account.address, 0, period)
                taken = model.taken(*place)
                assert world.view("Deviations", "taken", *place) == taken
                is_open, values = model.used_of(*place, now=world.now)
                found = world.view("Deviations", "usedOf", *place)
                assert (found[0], list(found[1])) == (is_open, values)
                assert all(taken >> slot & 1 for slot, wh in enumerate(values) if wh)
                if world.now > model.claim_by(world.market, period):
                    assert not is_open

    def check_reservations(self) -> None:
        for number, held in enumerate(self.world.deviations.reservations, start=1):
            found = self.world.view("Deviations", "reservationOf", number)
            status, claimant, account, *rest = found
            assert (status, to_checksum_address(claimant), to_checksum_address(account), *rest) == (
                int(held.status),
                held.claimant,
                held.account,
                held.market,
                held.carrier,
                held.period,
                held.slots,
            )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_slot_is_used_once_whatever_claimants_call(seed: int) -> None:
    season = Season(Random(seed))
    for _ in range(60):
        season.step()
    season.check_reservations()


def test_the_random_calls_meet_every_refusal() -> None:
    """Otherwise the test above would show less than it says."""
    met: set[str | None] = set()
    for seed in range(12):
        season = Season(Random(seed))
        for _ in range(60):
            season.step()
        met |= {
            refusal for contract, _, refusal in season.world.outcomes if contract == "Deviations"
        }
    assert met == {
        None,
        "AccessManagedUnauthorized",
        "BadLength",
        "BadSlots",
        "NoDevice",
        "NotClaimant",
        "NotOpen",
        "NotReserved",
        "SlotsBegan",
        "SlotsTaken",
        "UsedTooLate",
    }
