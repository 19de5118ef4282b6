"""The deadlines of meters, to the second, in both worlds."""

from __future__ import annotations

import pytest

from market.order import Domain
from market.reference import Resolution
from market.reference.meters import (
    DISPUTE_WINDOW,
    POST_WINDOW,
    RESOLVE_WINDOW,
    encode_values,
    readings_digest,
)
from market.signature import sign_digest
from tests.evm.world import ADMIN, PERIOD_SLOTS, SLOT_SECONDS, TRADERS, Person, World

ALICE = TRADERS[0]
METER = Person.named("meter")
MARKET = 1
PERIOD_SECONDS = PERIOD_SLOTS * SLOT_SECONDS


class Meter:
    """A registered device; `period` is the next one that is over."""

    def __init__(self) -> None:
        self.world = World()
        assert self.world.create_market() == MARKET
        arguments = (METER.address, MARKET, ALICE.address, 0, 4_000)
        assert self.do("register", *arguments, sender=ADMIN) is None
        self.period = self.world.now // PERIOD_SECONDS
        self.ends_at = self.world.meters.period_end(MARKET, self.period)

    def do(self, function: str, *arguments: object, sender: Person = ALICE) -> str | None:
        return self.world.do("MeterRegistry", function, *arguments, sender=sender)

    def post(self, values_wh: list[int], signer: Person = METER) -> str | None:
        values = encode_values(values_wh)
        domain = Domain(self.world.exchange.chain_id, self.world.meters.address)
        digest = readings_digest(domain, METER.address, MARKET, self.period, values)
        signature = sign_digest(digest, signer.key)
        return self.do("post", METER.address, MARKET, self.period, values, signature)

    def resolve(self, resolution: Resolution, values: bytes = b"") -> str | None:
        place = (METER.address, self.period)
        return self.world.do(
            "MeterRegistry",
            "resolve",
            *place,
            int(resolution),
            values,
            sender=ADMIN,
            model_arguments=(*place, resolution, values),
        )

    def final(self) -> bool:
        """Whether the reading is final, as both say."""
        place = (METER.address, self.period)
        found = tuple(self.world.view("MeterRegistry", "finalReading", *place))
        assert found == self.world.meters.final_reading(*place, now=self.world.now)
        return bool(found[0])


@pytest.mark.parametrize(
    ("late", "refusal"),
    [
        (-1, "PeriodNotOver"),
        (0, None),
        (POST_WINDOW, None),
        (POST_WINDOW + 1, "PostedTooLate"),
    ],
)
def test_a_reading_is_taken_from_the_end_of_its_period_to_the_last_second_of_the_window(
    late, refusal
):
    meter = Meter()
    meter.world.chain.now = meter.ends_at + late
    assert meter.final() == (late > POST_WINDOW)
    assert meter.post([0] * PERIOD_SLOTS) == refusal


@pytest.mark.parametrize(
    ("energy_wh", "refusal"), [(1_000, None), (-1_000, None), (1_001, "BeyondCapacity")]
)
def test_a_reading_may_reach_the_capacity_and_not_pass_it(energy_wh, refusal):
    meter = Meter()
    meter.world.chain.now = meter.ends_at
    assert meter.post([0, energy_wh, 0, 0]) == refusal


def test_disputes_and_their_ends_count_to_their_last_second():
    meter = Meter()
    place = (METER.address, meter.period)
    meter.world.chain.now = meter.ends_at
    assert meter.post([1] * PERIOD_SLOTS) is None
    meter.world.wait(DISPUTE_WINDOW)
    assert not meter.final()
    assert meter.do("dispute", *place, sender=TRADERS[1]) == "AccessManagedUnauthorized"
    assert meter.do("dispute", *place) is None
    assert meter.do("dispute", *place) == "NotDisputable"
    meter.world.wait(RESOLVE_WINDOW)
    assert not meter.final()
    replaced = encode_values([2] * PERIOD_SLOTS)
    assert meter.resolve(Resolution.KEEP, replaced) == "BadLength"
    assert meter.resolve(Resolution.REPLACE, replaced) is None
    assert meter.final()
    assert meter.resolve(Resolution.VOID) == "NotDisputed"


def test_a_reading_nobody_disputed_or_resolved_in_time_is_kept():
    for disputed in (False, True):
        meter = Meter()
        place = (METER.address, meter.period)
        meter.world.chain.now = meter.ends_at
        assert meter.post([1] * PERIOD_SLOTS) is None
        if disputed:
            assert meter.do("dispute", *place, sender=ADMIN) is None
            meter.world.wait(RESOLVE_WINDOW + 1)
            assert meter.resolve(Resolution.VOID) == "ResolvedTooLate"
        else:
            meter.world.wait(DISPUTE_WINDOW + 1)
            assert meter.do("dispute", *place) == "DisputedTooLate"
        assert meter.final()


def test_an_old_key_signs_nothing_any_more():
    meter, new = Meter(), Person.named("new key")
    assert meter.do("rotateKey", METER.address, new.address) == "AccessManagedUnauthorized"
    assert meter.do("rotateKey", METER.address, new.address, sender=ADMIN) is None
    assert meter.do("rotateKey", METER.address, METER.address, sender=ADMIN) == "KeyUsed"
    meter.world.chain.now = meter.ends_at
    assert meter.post([0] * PERIOD_SLOTS) == "InvalidSignature"
    assert meter.post([0] * PERIOD_SLOTS, signer=new) is None
    assert meter.post([0] * PERIOD_SLOTS, signer=new) == "PostedBefore"
