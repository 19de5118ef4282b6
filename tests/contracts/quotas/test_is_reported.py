from __future__ import annotations

import ape
import pytest

HOUR = 3_600
DAY = 86_400
MOST_PERIODS = 400
EDGES = (0, 1, 255, 256, 257, 399)


@pytest.fixture
def hourly(world, quotas, terms, government, stranger, first, kit):
    """The longest quota: 400 periods of one hour, none of which has a reading; its number and its
    first period."""
    market = world.create_market(slotSeconds=HOUR, periodSlots=1)
    world.install_meter(market, stranger)
    begins = first * 24
    due = (begins + MOST_PERIODS) * HOUR + 7 * DAY
    longest = terms(market=market, firstPeriod=begins, periods=MOST_PERIODS, surrenderBy=due)
    quotas.openQuota(longest, sender=government)
    quota = quotas.quotaCount()
    quotas.oblige(quota, stranger, kit.CONSUMPTION, 1_000_000, sender=government)
    world.clock.move_to((begins + MOST_PERIODS) * HOUR + world.meters.POST_WINDOW() + 1)
    return quota, begins


def test_every_period_of_the_longest_quota_is_told_apart(quotas, hourly, stranger, kit):
    quota, begins = hourly
    for done, edge in enumerate(EDGES):
        assert not quotas.isReported(quota, stranger, begins + edge)
        quotas.report(quota, stranger, begins + edge, b"", sender=stranger)
        assert [quotas.isReported(quota, stranger, begins + one) for one in EDGES] == [
            number <= done for number in range(len(EDGES))
        ]
    for edge in EDGES:
        with ape.reverts(quotas.ReportedBefore, period=begins + edge):
            quotas.report(quota, stranger, begins + edge, b"", sender=stranger)
    obligation = quotas.obligationOf(quota, stranger)
    assert obligation.reportedPeriods == len(EDGES)
    assert obligation.energyWh == len(EDGES) * kit.CAPACITY_W


def test_nothing_is_reported_outside_or_of_others(quotas, hourly, stranger, plant):
    quota, begins = hourly
    quotas.report(quota, stranger, begins, b"", sender=stranger)
    assert not quotas.isReported(quota, stranger, begins - 1)
    assert not quotas.isReported(quota, stranger, begins + MOST_PERIODS)
    assert not quotas.isReported(quota, plant, begins)
    with ape.reverts(quotas.UnknownQuota, quota=quota + 1):
        quotas.isReported(quota + 1, stranger, begins)
