from __future__ import annotations

import ape

DAY = 86_400
PUBLICATION_DAYS = 7


def test_an_account_is_obliged_with_the_meter_it_has(world, quotas, terms, government, plant, kit):
    quotas.openQuota(terms(), sender=government)
    quota = quotas.quotaCount()
    receipt = quotas.oblige(quota, plant, kit.GENERATION, 300_000, sender=government)
    device = world.meter_of[plant.address].device
    told = {"quota": quota, "account": plant.address, "device": device}
    assert quotas.Obliged(**told, basis=kit.GENERATION, ratio=300_000) in receipt.events
    obligation = quotas.obligationOf(quota, plant)
    assert (obligation.device, obligation.basis, obligation.ratio) == (
        device,
        kit.GENERATION,
        300_000,
    )
    assert not obligation.settled
    assert quotas.owedWh(quota, plant) == 0


def test_only_the_government_obliges(quotas, quota, stranger):
    with ape.reverts(quotas.AccessManagedUnauthorized, caller=stranger.address):
        quotas.oblige(quota, stranger, 0, 1, sender=stranger)


def test_the_ratio_changes_until_seven_days_before(
    quotas, quota, government, plant, first, clock, kit
):
    quotas.oblige(quota, plant, kit.GENERATION, 100_000, sender=government)
    clock.next_at((first - PUBLICATION_DAYS) * DAY)
    quotas.oblige(quota, plant, kit.CONSUMPTION, 0, sender=government)
    obligation = quotas.obligationOf(quota, plant)
    assert (obligation.basis, obligation.ratio) == (kit.CONSUMPTION, 0)


def test_a_second_later_nothing_changes_any_more(
    quotas, quota, government, plant, wind, first, clock, kit
):
    late = (first - PUBLICATION_DAYS) * DAY + 1
    for one in (plant, wind):
        clock.next_at(late)
        with ape.reverts(quotas.PublishedTooLate, startsAt=first * DAY):
            quotas.oblige(quota, one, kit.GENERATION, 1, sender=government)
        late += 1


def test_a_ratio_is_at_most_all(quotas, quota, government, plant, kit):
    with ape.reverts(quotas.RatioTooLarge, ratio=1_000_001):
        quotas.oblige(quota, plant, kit.GENERATION, 1_000_001, sender=government)
    quotas.oblige(quota, plant, kit.GENERATION, 1_000_000, sender=government)


def test_whoever_has_no_meter_is_not_obliged(quotas, quota, government, stranger, kit):
    with ape.reverts(quotas.NoMeter, account=stranger.address):
        quotas.oblige(quota, stranger, kit.CONSUMPTION, 1, sender=government)


def test_a_meter_in_another_market_does_not_count(world, quotas, quota, government, stranger, kit):
    world.install_meter(world.create_market(), stranger)
    with ape.reverts(quotas.NoMeter, account=stranger.address):
        quotas.oblige(quota, stranger, kit.CONSUMPTION, 1, sender=government)


def test_an_unknown_quota_obliges_nobody(quotas, quota, government, plant, kit):
    unknown = quotas.quotaCount() + 1
    with ape.reverts(quotas.UnknownQuota, quota=unknown):
        quotas.oblige(unknown, plant, kit.GENERATION, 1, sender=government)


def test_a_meter_too_large_to_sum_up_is_not_obliged(
    world, quotas, terms, government, stranger, works, first, kit
):
    """Else a report, or the settlement, could be refused for ever."""
    period = 10 * DAY
    market = world.create_market(slotSeconds=period, periodSlots=1)
    most = (2**64 - 1) // (400 * 240)
    world.install_meter(market, works, most)
    world.install_meter(market, stranger, most + 1)
    begins = first * DAY // period + 1
    ten_years = terms(
        market=market, firstPeriod=begins, periods=400, surrenderBy=(begins + 401) * period
    )
    quotas.openQuota(ten_years, sender=government)
    quota = quotas.quotaCount()
    quotas.oblige(quota, works, kit.CONSUMPTION, 1_000_000, sender=government)
    with ape.reverts(quotas.TooLarge):
        quotas.oblige(quota, stranger, kit.CONSUMPTION, 1, sender=government)


def test_the_longest_quota_of_the_finest_periods_obliges(
    world, quotas, terms, government, works, stranger, first, kit
):
    """400 periods of 256 slots are more slots than 16 bits count."""
    market = world.create_market(slotSeconds=900, periodSlots=256)
    world.install_meter(market, works)
    period = 900 * 256
    begins = first * DAY // period + 1
    due = (begins + 400) * period + 7 * DAY
    quotas.openQuota(
        terms(market=market, firstPeriod=begins, periods=400, surrenderBy=due), sender=government
    )
    quota = quotas.quotaCount()
    quotas.oblige(quota, works, kit.CONSUMPTION, 1_000_000, sender=government)
    world.clock.move_to(due + 1)
    quotas.settle(quota, works, sender=stranger)
    most = kit.CAPACITY_W * 900 // 3_600 * 256 * 400
    assert quotas.obligationOf(quota, works).shortfallWh == most
