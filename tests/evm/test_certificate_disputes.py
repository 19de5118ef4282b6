"""A reading that is disputed in the last second cannot leave certificates behind.

Issue, dispute and resolution in every order, each at, before and after the second in which the
reading becomes final; one day of one plant after the other, in both worlds.
"""

from __future__ import annotations

from itertools import permutations, product

import pytest

from market.reference import Resolution
from market.reference.meters import (
    DISPUTE_WINDOW,
    POST_WINDOW,
    RESOLVE_WINDOW,
    ReadingStatus,
    encode_values,
)
from market.reference.quotas import Basis
from tests.evm.certificate_world import (
    CAPACITY_W,
    CONSUMER,
    SLOTS,
    STORE_OWNER,
    WIND_OWNER,
    CertificateWorld,
    meter_of,
)
from tests.evm.world import ADMIN, DAY, Person

POSTED = encode_values([-500, 0, -30, 0, 0, -1])
CORRECTED = encode_values([-400, 0, 0, -7, 0, -1])
RULINGS = (*Resolution, None)
STEPS = ("issue", "dispute", "issue again", "resolve")
APART = 8
"""Days between two trials, so that they do not meet."""


class Trial:
    """A reading whose last second for a dispute is `deadline`."""

    def __init__(self, world: CertificateWorld, period: int, ruling: Resolution | None) -> None:
        self.world, self.period, self.ruling = world, period, ruling
        world.chain.now = (period + 1) * DAY
        assert world.post(WIND_OWNER, period, [-500, 0, -30, 0, 0, -1]) is None
        self.deadline = world.now + DISPUTE_WINDOW
        self.disputed = self.resolved = False

    def act(self, step: str) -> None:
        if step.startswith("issue"):
            self.issue()
        elif step == "dispute":
            refusal = self.world.dispute(WIND_OWNER, self.period)
            assert refusal == (None if self.world.now <= self.deadline else "DisputedTooLate")
            assert not (refusal is None and any(self.issued)), "disputed after the issue"
            self.disputed = refusal is None
        elif self.ruling is not None:
            values = CORRECTED if self.ruling is Resolution.REPLACE else b""
            refusal = self.world.resolve(WIND_OWNER, self.period, self.ruling, values)
            assert (refusal is None) == self.disputed
            self.resolved = refusal is None

    def issue(self) -> None:
        """Whatever anybody brings: certificates come from final readings alone."""
        final, _ = self.final
        for values in (POSTED, CORRECTED):
            refusal = self.world.issue(WIND_OWNER, self.period, values)
            assert final or refusal == "ReadingNotFinal"

    @property
    def final(self) -> tuple[bool, bytes]:
        place = (meter_of(WIND_OWNER).address, self.period)
        return self.world.view("MeterRegistry", "finalReading", *place)

    @property
    def issued(self) -> list[int]:
        """Wh of every slot."""
        names = [self.world.wind(slot, self.period) for slot in range(SLOTS)]
        return [self.world.view("GreenCertificates", "batchOf", name)[6] for name in names]

    @property
    def expected(self) -> list[int]:
        if self.resolved and self.ruling is Resolution.REPLACE:
            return [400, 0, 0, 7, 0, 1]
        if self.resolved and self.ruling is Resolution.VOID:
            return [0] * SLOTS
        return [500, 0, 30, 0, 0, 1]


@pytest.mark.parametrize("ruling", RULINGS)
def test_no_order_of_dispute_issue_and_resolution_leaves_a_certificate_behind(ruling):
    world = CertificateWorld()
    period = world.first
    orders = {
        order for order in permutations(STEPS) if order.index("issue") < order.index(STEPS[2])
    }
    for order, waits in product(sorted(orders), product((0, 1), repeat=3)):
        for begins in (-1, 0):
            trial = Trial(world, period, ruling)
            world.chain.now = trial.deadline + begins
            for step, wait in zip(order, (*waits, 0), strict=True):
                trial.act(step)
                world.wait(wait)
            world.wait(RESOLVE_WINDOW + 1)
            trial.issue()
            assert trial.issued == trial.expected
            world.check_certificates([world.wind(slot, period) for slot in range(SLOTS)])
            period += APART


def test_a_year_of_the_shortest_slots_can_be_obliged():
    """Slots of all periods together do not fit sixteen bits."""
    world = CertificateWorld()
    market = world.create_market(slot_seconds=900, period_slots=256)
    device = Person.named("meter of a year").address
    registered = (device, market, CONSUMER.address, 0, CAPACITY_W)
    world.must("MeterRegistry", "register", *registered, sender=ADMIN)
    first = world.now // (900 * 256) + 5
    ends_at = (first + 400) * 900 * 256
    terms = world.terms(
        market=market, first_period=first, periods=400, surrender_by=ends_at + 7 * DAY
    )
    assert world.open_quota(terms) is None
    assert world.oblige(1, CONSUMER, Basis.CONSUMPTION, 10**6) is None
    world.check_quotas()


def test_a_resolution_in_its_last_second_counts_and_one_later_does_not():
    world = CertificateWorld()
    for at, late in enumerate((0, 1)):
        trial = Trial(world, world.first + APART * at, Resolution.VOID)
        world.chain.now = trial.deadline
        trial.act("dispute")
        world.wait(RESOLVE_WINDOW + late)
        refusal = world.resolve(WIND_OWNER, trial.period, Resolution.VOID)
        assert refusal == (None if not late else "ResolvedTooLate")
        trial.issue()
        assert any(trial.issued) == bool(late)


def test_a_disputed_day_of_a_store_is_accounted_as_it_was_resolved():
    world = CertificateWorld()
    device, period = meter_of(STORE_OWNER).address, world.first
    world.post_at_midnight(STORE_OWNER, [-60_000 // 6] * SLOTS, period)
    world.wait(DISPUTE_WINDOW)
    assert world.dispute(STORE_OWNER, period, sender=STORE_OWNER) is None
    world.wait(1)
    assert world.account(STORE_OWNER, period) == "ReadingNotFinal"
    assert world.resolve(STORE_OWNER, period, Resolution.VOID) is None
    values = encode_values([-60_000 // 6] * SLOTS)
    assert world.account(STORE_OWNER, period, values=values) == "WrongReading"
    assert world.account(STORE_OWNER, period) is None
    # A day that is finally missing charged all that it could: the store stays full.
    assert world.certificates.stores[device].energy_wh == 60_000
    world.check_certificates()


def test_a_quota_counts_a_day_as_it_was_resolved_and_only_then():
    world = CertificateWorld()
    terms = world.terms()
    assert world.open_quota(terms) is None
    assert world.oblige(1, CONSUMER, Basis.CONSUMPTION, 10**6) is None
    period = terms.first_period
    world.post_at_midnight(CONSUMER, [9_000] * SLOTS, period)
    world.wait(DISPUTE_WINDOW)
    assert world.dispute(CONSUMER, period, sender=CONSUMER) is None
    world.wait(RESOLVE_WINDOW)
    assert world.report(1, CONSUMER, period) == "ReadingNotFinal"
    values = encode_values([100] * SLOTS)
    assert world.resolve(CONSUMER, period, Resolution.REPLACE, values) is None
    assert world.report(1, CONSUMER, period, encode_values([9_000] * SLOTS)) == "WrongReading"
    assert world.report(1, CONSUMER, period) is None
    assert world.view("QuotaRegistry", "owedWh", 1, CONSUMER.address) == 600
    assert world.meters.reading(meter_of(CONSUMER).address, period).status is ReadingStatus.REPLACED
    # The last reading can be final a day before the last second for surrendering.
    last = (terms.first_period + terms.periods) * DAY
    assert last + POST_WINDOW + DISPUTE_WINDOW + RESOLVE_WINDOW + DAY <= terms.surrender_by
    world.check_quotas()
