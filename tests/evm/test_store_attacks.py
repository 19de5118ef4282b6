"""Owners of stores who cheat: it is refused, or does not pay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference.certificate_store import Charge
from market.reference.meters import (
    MISSING,
)
from tests.evm.certificate_world import (
    CAPACITY_WH,
    CERTIFICATES,
    CONSUMER,
    EFFICIENCY_BP,
    PASSER_BY,
    SECOND_STORE_OWNER,
    SLOTS,
    STORE_OWNER,
    WIND,
    WIND_OWNER,
    CertificateWorld,
    produced,
)
from tests.evm.world import DAY, Person

FULL_BP = 10_000
STORE_DAY = [-40_000, 9_000, 5_000, -3_000, 7_000, -16_000]
"""Nearly emptied, charged, discharged; Wh."""


def stored(
    values_wh: list[int], charges: list[tuple[int, int]], owner: Person = STORE_OWNER
) -> tuple[CertificateWorld, str | None]:
    """A day of a store to which so much of the wind of a slot was given; and the refusal."""
    world = produced([-12_000] * SLOTS)
    for slot in range(SLOTS):
        assert world.give(WIND_OWNER, owner, world.wind(slot), 12_000) is None
    assert world.post(owner, world.first, values_wh) is None
    world.wait(DAY + 1)
    given = [Charge(slot, world.wind(slot), amount) for slot, amount in charges]
    return world, world.account(owner, world.first, given)


def came_out(world: CertificateWorld, owner: Person = STORE_OWNER) -> int:
    """Wh, of the first day."""
    names = (world.named(owner, world.first, slot, WIND) for slot in range(SLOTS))
    return sum(world.view(CERTIFICATES, "batchOf", name)[6] for name in names)


@settings(max_examples=25, deadline=None)
@given(hidden=st.sets(st.integers(0, SLOTS - 1), min_size=1))
def test_hiding_values_of_a_store_brings_out_less(hidden):
    honest, refusal = stored(STORE_DAY, [(1, 9_000), (2, 5_000), (4, 7_000)])
    assert refusal is None
    seen = [MISSING if slot in hidden else wh for slot, wh in enumerate(STORE_DAY)]
    charges = [(1, 9_000), (2, 5_000), (4, 7_000)]
    hiding, refusal = stored(seen, [charge for charge in charges if charge[0] not in hidden])
    assert refusal is None
    assert came_out(hiding) <= came_out(honest)


@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.integers(1, 2_000), min_size=1, max_size=12))
def test_many_small_charges_never_bring_out_more_than_one(pieces):
    one, refusal = stored(STORE_DAY, [(1, min(9_000, sum(pieces)))])
    assert refusal is None
    left, parts = 9_000, []
    for piece in pieces:
        parts.append((1, min(piece, left)))
        left -= min(piece, left)
    many, refusal = stored(STORE_DAY, [part for part in parts if part[1]])
    assert refusal is None
    assert came_out(many) <= came_out(one) <= 9_000 * EFFICIENCY_BP // FULL_BP


def test_a_thousand_charges_of_one_wh_are_lost():
    world, refusal = stored(STORE_DAY, [(1, 1)] * 200)
    assert refusal is None
    assert came_out(world) == 0
    assert world.view(CERTIFICATES, "batchOf", world.wind(1))[7] == 200


@pytest.mark.parametrize(
    ("charges", "refusal"),
    [
        ([(1, 9_001)], "BeyondCharge"),
        ([(1, 5_000), (1, 4_001)], "BeyondCharge"),
        ([(0, 1)], "BeyondCharge"),
        ([(2, 1), (1, 1)], "ChargesOutOfOrder"),
        ([(SLOTS, 1)], "BadSlots"),
        ([(1, 0)], "ZeroAmount"),
    ],
)
def test_a_store_takes_no_more_than_it_charged(charges, refusal):
    world, refused = stored(STORE_DAY, charges)
    assert refused == refusal
    world.check_certificates()


def test_a_store_takes_certificates_of_its_own_hour_and_zone_only():
    world = produced([-12_000] * SLOTS)
    assert world.give(WIND_OWNER, STORE_OWNER, world.wind(0), 100) is None
    assert world.post(STORE_OWNER, world.first, STORE_DAY) is None
    world.wait(DAY + 1)
    charge = [Charge(1, world.wind(0), 100)]
    assert world.account(STORE_OWNER, world.first, charge) == "NotSimultaneous"
    never = [Charge(1, world.wind(1), 1)]
    assert world.account(STORE_OWNER, world.first, never) == "ERC1155InsufficientBalance"


def test_a_store_owner_cannot_skip_or_reorder_a_bad_day():
    world = CertificateWorld()
    for period in (world.first, world.first + 1):
        world.post_at_midnight(STORE_OWNER, STORE_DAY, period)
    world.wait(DAY + 1)
    assert world.account(STORE_OWNER, world.first + 1) == "PeriodOutOfOrder"
    assert world.account(STORE_OWNER, world.first, values=b"") == "WrongReading"
    assert world.account(STORE_OWNER, world.first, sender=PASSER_BY) == "NotOwner"
    assert world.account(STORE_OWNER, world.first) is None
    assert world.account(STORE_OWNER, world.first) == "PeriodOutOfOrder"
    assert world.account(STORE_OWNER, world.first + 1) is None


def test_two_stores_that_pass_energy_back_and_forth_only_lose():
    """What one discharges the other charges with its certificates, again and again."""
    world = CertificateWorld()
    pair = (STORE_OWNER, SECOND_STORE_OWNER)
    wind = [-10_000, 0, 0, 0, 0, 0]
    flows = (
        [[-CAPACITY_WH // 3] * 3 + [0] * 3] * 2,
        [[10_000, -8_000, 7_000, -6_000, 5_000, -4_000], [0, 8_000, -7_000, 6_000, -5_000, 4_000]],
    )
    for at, values in enumerate(flows):
        period = world.first + at
        for owner, values_wh in zip(pair, values, strict=True):
            world.post_at_midnight(owner, values_wh, period)
        if at:
            world.produce(wind, period)
            assert world.give(WIND_OWNER, STORE_OWNER, world.wind(0, period), 10_000) is None
        else:
            world.wait(DAY + 1)
            for owner in pair:
                assert world.account(owner, period) is None
    period = world.first + 1
    charges = [Charge(0, world.wind(0, period), 10_000)]
    assert world.account(STORE_OWNER, period, charges) is None
    first = world.named(STORE_OWNER, period, 1, WIND)
    amount = world.certificates.balance_of(STORE_OWNER.address, first)
    assert 0 < amount <= 8_000
    assert world.give(STORE_OWNER, SECOND_STORE_OWNER, first, amount) is None
    assert world.account(SECOND_STORE_OWNER, period, [Charge(1, first, amount)]) is None
    # A day is accounted once, so what came back cannot go round in it again.
    back = world.named(SECOND_STORE_OWNER, period, 2, WIND)
    returned = world.certificates.balance_of(SECOND_STORE_OWNER.address, back)
    assert 0 < returned <= amount * EFFICIENCY_BP // FULL_BP
    assert world.give(SECOND_STORE_OWNER, STORE_OWNER, back, returned) is None
    again = [Charge(2, back, returned)]
    assert world.account(STORE_OWNER, period, again) == "PeriodOutOfOrder"
    living = sum(
        batch.issued_wh - batch.retired_wh for batch in world.certificates.batches.values()
    )
    inside = sum(sum(store.green_wh.values()) for store in world.certificates.stores.values())
    assert living + inside <= 10_000 * EFFICIENCY_BP // FULL_BP
    world.check_certificates()


def test_a_late_store_can_still_account_but_not_with_expired_certificates():
    world = produced([-12_000] * SLOTS)
    for slot in (1, 2):
        assert world.give(WIND_OWNER, STORE_OWNER, world.wind(slot), 9_000) is None
    days = (STORE_DAY, [-1_000] * SLOTS)
    for at, values_wh in enumerate(days):
        world.post_at_midnight(STORE_OWNER, values_wh, world.first + at)
    world.chain.now = world.certificates.expiry_of(world.wind(1)) - 1
    charges = [Charge(1, world.wind(1), 9_000)]
    assert world.account(STORE_OWNER, world.first, charges) is None
    world.wait(1)
    assert world.account(STORE_OWNER, world.first + 1) is None
    out = world.named(STORE_OWNER, world.first + 1, 0, WIND)
    assert world.certificates.balance_of(STORE_OWNER.address, out) > 0
    assert world.give(STORE_OWNER, CONSUMER, out, 1) == "CertificateExpired"
    assert world.ask("expire", STORE_OWNER.address, [out], sender=PASSER_BY) is None
    world.check_certificates()


def test_a_charge_with_an_expired_certificate_is_refused():
    world = produced([-12_000] * SLOTS)
    assert world.give(WIND_OWNER, STORE_OWNER, world.wind(1), 9_000) is None
    assert world.post(STORE_OWNER, world.first, STORE_DAY) is None
    world.chain.now = world.certificates.expiry_of(world.wind(1))
    charges = [Charge(1, world.wind(1), 9_000)]
    assert world.account(STORE_OWNER, world.first, charges) == "CertificateExpired"
    assert world.account(STORE_OWNER, world.first) is None
