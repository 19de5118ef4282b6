from __future__ import annotations

import pytest

from market.reference import errors
from market.reference.meters import MISSING
from market.reference.params import DAY
from market.reference.quotas import Basis
from tests.market.reference.certificate_sandbox import (
    BUYER,
    CAPACITY_W,
    FUND,
    QUOTAS,
    SLOTS,
    SUN,
    WIND_OWNER,
    CertificateSandbox,
    day,
)
from tests.market.reference.sandbox import ADMIN

HALF = 500_000


@pytest.fixture
def world() -> CertificateSandbox:
    return CertificateSandbox()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"market": 9}, errors.UnknownMarket),
        ({"beneficiary": "0x" + "00" * 20}, errors.ZeroAddress),
        ({"carrier": 1}, errors.BadTerms),
        ({"periods": 0}, errors.BadTerms),
        ({"periods": 401}, errors.BadTerms),
        ({"penalty": 2**62 + 1}, errors.BadTerms),
        ({"bank_limit": 1_000_001}, errors.BadTerms),
        ({"technologies": 0}, errors.BadTerms),
    ],
)
def test_terms_that_make_no_sense_are_refused(world, changes, refusal):
    with pytest.raises(refusal):
        world.open_quota(**changes)


def test_a_quota_is_published_a_week_before_it_begins(world):
    begins_at = world.terms().first_period * DAY
    quota = world.open_quota()
    world.now = begins_at - 7 * DAY
    world.oblige(quota, BUYER, Basis.CONSUMPTION, HALF)
    terms = world.terms(first_period=begins_at // DAY)
    assert world.quotas.open_quota(terms, sender=ADMIN, now=world.now) == 2
    world.now += 1
    with pytest.raises(errors.PublishedTooLate):
        world.quotas.open_quota(terms, sender=ADMIN, now=world.now)
    with pytest.raises(errors.PublishedTooLate):
        world.oblige(quota, BUYER, Basis.CONSUMPTION, 0)


def test_who_surrenders_must_have_a_day_after_the_last_reading_can_be_final(world):
    terms = world.terms()
    latest = (terms.first_period + terms.periods + 7) * DAY
    with pytest.raises(errors.BadTerms):
        world.open_quota(surrender_by=latest - 1)
    assert world.open_quota(surrender_by=latest) == 1


def played(world: CertificateSandbox, ratio: int = HALF, bond: int = 10**6) -> int:
    """A quota whose two days are reported: 8,000 Wh and 2,000 Wh consumed."""
    quota = world.open_quota()
    world.oblige(quota, BUYER, Basis.CONSUMPTION, ratio)
    world.post_bond(quota, BUYER, bond)
    first = world.quotas.quota(quota).terms.first_period
    wind = day(h3=-6_000)
    world.produce(wind, period=first - 1)
    readings = (day(h3=8_000, h5=-100), day(h3=2_000))
    for at, values_wh in enumerate(readings):
        values = world.post(BUYER, first + at, values_wh)
        if at == 0:
            world.produce(wind, period=first)
        world.wait_until_final()
        world.quotas.report(quota, BUYER, first + at, values, now=world.now)
    world.give(BUYER, world.wind(3, first), 6_000)
    world.give(BUYER, world.wind(3, first - 1), 6_000)
    world.certificates.set_approval_for_all(QUOTAS, True, sender=BUYER)
    return quota


def surrender(world: CertificateSandbox, quota: int, *parts: tuple[int, int]) -> None:
    ids, amounts = zip(*parts, strict=True)
    world.quotas.surrender(quota, ids, amounts, sender=BUYER, now=world.now)


def known(world: CertificateSandbox, quota: int):
    return world.quotas.obligations[quota, BUYER]


def test_what_is_owed_is_the_share_of_what_was_reported_rounded_up(world):
    quota = played(world, ratio=333_333)
    assert known(world, quota).energy_wh == 10_000
    assert known(world, quota).owed_wh == 3_334


def test_who_meets_its_obligation_has_its_bond_back(world):
    quota = played(world)
    first = world.quotas.quota(quota).terms.first_period
    surrender(world, quota, (world.wind(3, first), 4_000), (world.wind(3, first - 1), 1_000))
    assert known(world, quota).banked_wh == 1_000
    world.now = world.quotas.quota(quota).terms.surrender_by + 1
    world.quotas.settle(quota, BUYER, now=world.now)
    assert known(world, quota).shortfall_wh == 0
    assert (world.free(BUYER), world.free(FUND)) == (10**6, 0)
    assert world.conserved()


def test_no_more_is_taken_than_is_owed_and_may_be_banked(world):
    quota = played(world)
    first = world.quotas.quota(quota).terms.first_period
    with pytest.raises(errors.BeyondBankLimit):
        surrender(world, quota, (world.wind(3, first - 1), 1_001))
    with pytest.raises(errors.BeyondObligation):
        surrender(world, quota, (world.wind(3, first), 5_001))
    surrender(world, quota, (world.wind(3, first), 5_000))
    with pytest.raises(errors.BeyondObligation):
        surrender(world, quota, (world.wind(3, first), 1))


def test_the_penalty_is_for_what_lacks_and_at_most_the_bond(world):
    quota = played(world)
    first = world.quotas.quota(quota).terms.first_period
    surrender(world, quota, (world.wind(3, first), 4_000))
    world.now = world.quotas.quota(quota).terms.surrender_by + 1
    world.quotas.settle(quota, BUYER, now=world.now)
    assert (known(world, quota).shortfall_wh, known(world, quota).penalty_paid) == (1_000, 50_000)
    assert (world.free(BUYER), world.free(FUND)) == (950_000, 50_000)
    with pytest.raises(errors.SettledBefore):
        world.quotas.settle(quota, BUYER, now=world.now)


def test_a_bond_that_does_not_reach_is_all_that_is_taken(world):
    quota = played(world, bond=7)
    world.now = world.quotas.quota(quota).terms.surrender_by + 1
    world.quotas.settle(quota, BUYER, now=world.now)
    assert (world.free(BUYER), world.free(FUND)) == (0, 7)


def test_the_last_second_is_in_time_and_settlement_strictly_after(world):
    quota = played(world)
    first = world.quotas.quota(quota).terms.first_period
    world.now = world.quotas.quota(quota).terms.surrender_by
    with pytest.raises(errors.SurrenderNotEnded):
        world.quotas.settle(quota, BUYER, now=world.now)
    surrender(world, quota, (world.wind(3, first), 1))
    world.now += 1
    with pytest.raises(errors.SurrenderEnded):
        surrender(world, quota, (world.wind(3, first), 1))


def test_what_is_hidden_or_not_reported_counts_in_full(world):
    quota = world.open_quota()
    world.oblige(quota, BUYER, Basis.GENERATION, 10**6)
    first = world.quotas.quota(quota).terms.first_period
    values = world.post(BUYER, first, day(h3=-8, h4=MISSING, h5=70))
    world.wait_until_final()
    world.quotas.report(quota, BUYER, first, values, now=world.now)
    assert known(world, quota).energy_wh == 8 + CAPACITY_W
    with pytest.raises(errors.ReportedBefore):
        world.quotas.report(quota, BUYER, first, values, now=world.now)
    with pytest.raises(errors.OutsideQuota):
        world.quotas.report(quota, BUYER, first + 2, b"", now=world.now)
    world.now = world.quotas.quota(quota).terms.surrender_by + 1
    world.quotas.settle(quota, BUYER, now=world.now)
    assert known(world, quota).energy_wh == 8 + CAPACITY_W + SLOTS * CAPACITY_W
    assert known(world, quota).shortfall_wh == known(world, quota).energy_wh


def test_only_certificates_of_the_quotas_time_and_technology_count(world):
    quota = played(world)
    sun = world.open_quota(technologies=1 << SUN)
    assert sun == quota + 1
    first = world.quotas.quota(quota).terms.first_period
    world.produce(day(h3=-5), period=first + 2)
    world.give(BUYER, world.wind(3, first + 2), 5)
    with pytest.raises(errors.NotEligible):
        surrender(world, quota, (world.wind(3, first + 2), 1))
    with pytest.raises(errors.NotEligible):
        surrender(world, quota, (world.wind(9, first), 1))
    with pytest.raises(errors.NotObliged):
        surrender(world, sun, (world.wind(3, first), 1))


def test_what_is_surrendered_counts_for_one_quota_only(world):
    quota = played(world)
    first = world.quotas.quota(quota).terms.first_period
    token_id = world.wind(3, first)
    surrender(world, quota, (token_id, 5_000))
    assert world.certificates.claimed[BUYER, token_id] == 5_000
    with pytest.raises(errors.ERC1155InsufficientBalance):
        world.give(WIND_OWNER, token_id, 1_001)


def test_an_account_without_a_meter_is_not_obliged(world):
    quota = world.open_quota()
    with pytest.raises(errors.NoMeter):
        world.oblige(quota, FUND, Basis.CONSUMPTION, HALF)
    with pytest.raises(errors.RatioTooLarge):
        world.oblige(quota, BUYER, Basis.CONSUMPTION, 10**6 + 1)
    with pytest.raises(errors.NotObliged):
        world.post_bond(quota, FUND, 1)


def test_a_meter_whose_energy_could_overflow_is_not_obliged(world):
    huge = world.create_market(slot_seconds=2**32 - 1, period_slots=4)
    world.meters.register(world.device("huge"), huge, FUND, 0, 2**48 - 1, sender=ADMIN)
    first = world.now // (4 * (2**32 - 1)) + 1
    quota = world.open_quota(market=huge, first_period=first, periods=1, surrender_by=2**39)
    with pytest.raises(errors.TooLarge):
        world.oblige(quota, FUND, Basis.CONSUMPTION, HALF)
