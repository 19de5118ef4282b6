from __future__ import annotations

import ape
import pytest

DAY = 86_400
PUBLICATION_DAYS = 7
NO_ADDRESS = "0x" + "00" * 20
CARRIER, FIRST, PERIODS, PENALTY, BANK_LIMIT, TECHNOLOGIES = (
    "carrier",
    "firstPeriod",
    "periods",
    "penalty",
    "bankLimit",
    "technologies",
)


def test_terms_are_published_and_kept_for_ever(world, quotas, terms, government):
    before = quotas.quotaCount()
    receipt = quotas.openQuota(terms(), sender=government)
    assert quotas.quotaCount() == before + 1
    kept, asset = quotas.quotaOf(before + 1)
    assert (tuple(kept), asset) == (terms(), world.token.address)
    opened = receipt.events.filter(quotas.QuotaOpened)
    told = [(it.quota, tuple(it.terms)[:-1], it.asset) for it in opened]
    assert told == [(before + 1, terms()[:-1], world.token.address)]


def test_only_the_government_opens_quotas(quotas, terms, stranger):
    with ape.reverts(quotas.AccessManagedUnauthorized, caller=stranger.address):
        quotas.openQuota(terms(), sender=stranger)


def test_seven_days_before_is_early_enough(quotas, terms, government, first, clock):
    clock.next_at((first - PUBLICATION_DAYS) * DAY)
    quotas.openQuota(terms(), sender=government)


def test_a_second_later_is_too_late(quotas, terms, government, first, clock):
    clock.next_at((first - PUBLICATION_DAYS) * DAY + 1)
    with ape.reverts(quotas.PublishedTooLate, startsAt=first * DAY):
        quotas.openQuota(terms(), sender=government)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({CARRIER: 1}, "carrier: the market has no such one"),
        ({PERIODS: 0}, "periods: 1 to 400"),
        ({PERIODS: 401}, "periods: 1 to 400"),
        ({PENALTY: 2**62 + 1}, "penalty: at most 2^62 nano per kWh"),
        ({BANK_LIMIT: 1_000_001}, "bankLimit: at most a million millionths"),
        ({TECHNOLOGIES: 0}, "technologies: bits 1 to 255, at least one"),
        ({TECHNOLOGIES: 0b101}, "technologies: bits 1 to 255, at least one"),
    ],
)
def test_terms_out_of_their_bounds_are_refused(quotas, terms, government, changes, what):
    with ape.reverts(quotas.BadTerms, what=what):
        quotas.openQuota(terms(**changes), sender=government)


def test_terms_at_their_bounds_are_taken(quotas, terms, government, first):
    widest = terms(
        periods=400,
        penalty=2**62,
        bankLimit=1_000_000,
        bankSeconds=2**32 - 1,
        surrenderBy=(first + 400 + 7) * DAY,
        technologies=2**256 - 2,
    )
    quotas.openQuota(widest, sender=government)
    kept, _ = quotas.quotaOf(quotas.quotaCount())
    assert tuple(kept) == widest


def test_a_day_is_left_to_surrender_after_the_last_reading_is_final(
    world, quotas, terms, government, first, kit
):
    windows = sum(
        getattr(world.meters, name)()
        for name in ("POST_WINDOW", "DISPUTE_WINDOW", "RESOLVE_WINDOW")
    )
    earliest = (first + kit.PERIODS) * DAY + windows + quotas.SURRENDER_WINDOW()
    with ape.reverts(
        quotas.BadTerms, what="surrenderBy: leave a day after the last reading is final"
    ):
        quotas.openQuota(terms(surrenderBy=earliest - 1), sender=government)
    quotas.openQuota(terms(surrenderBy=earliest), sender=government)


def test_periods_that_no_meter_can_number_are_refused(world, quotas, terms, government):
    """Nobody could report them, so they would count as the full capacity."""
    market = world.create_market(slotSeconds=1, periodSlots=1)
    last = terms(market=market, firstPeriod=2**32 - 3, surrenderBy=2**40 - 1)
    quotas.openQuota(last, sender=government)
    beyond = terms(market=market, firstPeriod=2**32 - 2, surrenderBy=2**40 - 1)
    with ape.reverts(quotas.BadTerms, what="periods: numbered below 2^32"):
        quotas.openQuota(beyond, sender=government)


def test_a_compliance_period_beyond_all_clocks_is_refused(quotas, terms, government):
    with ape.reverts(quotas.BadTerms):
        quotas.openQuota(terms(firstPeriod=2**32 - 3, surrenderBy=2**40 - 1), sender=government)


def test_penalties_go_to_somebody(quotas, terms, government):
    with ape.reverts(quotas.ZeroAddress):
        quotas.openQuota(terms(beneficiary=NO_ADDRESS), sender=government)


def test_a_market_that_does_not_exist_has_no_quota(world, quotas, terms, government):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(world.exchange.UnknownMarket, market=unknown):
        quotas.openQuota(terms(market=unknown), sender=government)


def test_a_quota_that_was_never_opened_has_no_terms(quotas, quota):
    for number in (0, quotas.quotaCount() + 1):
        with ape.reverts(quotas.UnknownQuota, quota=number):
            quotas.quotaOf(number)
