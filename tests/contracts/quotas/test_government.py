"""A government whose calls are public for three days before they are executed."""

from __future__ import annotations

import ape
import pytest

DAY = 86_400
DELAY = 3 * DAY
WEEK = 7 * DAY


@pytest.fixture
def slow(world, accounts, kit):
    """A member of the government with a delay."""
    member = accounts[11]
    world.manager.grantRole(kit.GOVERNMENT_ROLE, member, DELAY, sender=world.admin)
    return member


@pytest.fixture
def later(terms, first):
    """Terms of a quota that begins a month later."""
    return terms(firstPeriod=first + 30, surrenderBy=(first + 50) * DAY)


@pytest.fixture
def opening(quotas, later):
    """The call that opens it."""
    return quotas.openQuota.encode_input(later)


def test_an_announced_call_is_executed_after_its_delay(world, quotas, quota, slow, opening, clock):
    before = quotas.quotaCount()
    world.manager.schedule(quotas, opening, 0, sender=slow)
    due = clock.now + DELAY
    operation = world.manager.hashOperation(slow, quotas, opening)
    clock.next_at(due - 1)
    with ape.reverts(world.manager.AccessManagerNotReady, operationId=operation):
        world.manager.execute(quotas, opening, sender=slow)
    assert quotas.quotaCount() == before
    clock.next_at(due)
    world.manager.execute(quotas, opening, sender=slow)
    assert quotas.quotaCount() == before + 1


def test_or_sent_to_the_registry_itself(world, quotas, slow, opening, later, clock):
    world.manager.schedule(quotas, opening, clock.now + DELAY + 60, sender=slow)
    due, before = clock.now + DELAY + 60, quotas.quotaCount()
    clock.next_at(due - 1)
    with ape.reverts(world.manager.AccessManagerNotReady):
        quotas.openQuota(later, sender=slow)
    clock.next_at(due)
    quotas.openQuota(later, sender=slow)
    assert quotas.quotaCount() == before + 1


def test_an_announcement_is_used_up(world, quotas, slow, opening, later, clock):
    world.manager.schedule(quotas, opening, 0, sender=slow)
    clock.move_to(clock.now + DELAY)
    quotas.openQuota(later, sender=slow)
    with ape.reverts(world.manager.AccessManagerNotScheduled):
        quotas.openQuota(later, sender=slow)


def test_an_unannounced_call_is_refused(world, quotas, slow, opening):
    with ape.reverts(world.manager.AccessManagerNotScheduled):
        world.manager.execute(quotas, opening, sender=slow)


def test_another_call_than_the_announced_one_is_refused(
    world, quotas, terms, first, slow, opening, clock
):
    world.manager.schedule(quotas, opening, 0, sender=slow)
    clock.move_to(clock.now + DELAY)
    other = quotas.openQuota.encode_input(
        terms(firstPeriod=first + 31, surrenderBy=(first + 50) * DAY)
    )
    with ape.reverts(world.manager.AccessManagerNotScheduled):
        world.manager.execute(quotas, other, sender=slow)


def test_nothing_is_announced_with_less_than_the_delay(world, quotas, slow, opening, clock):
    with ape.reverts(world.manager.AccessManagerUnauthorizedCall):
        world.manager.schedule(quotas, opening, clock.now + DELAY - 1, sender=slow)


def test_an_announcement_lapses_after_a_week(world, quotas, slow, opening, clock):
    world.manager.schedule(quotas, opening, 0, sender=slow)
    clock.move_to(clock.now + DELAY + WEEK)
    with ape.reverts(world.manager.AccessManagerExpired):
        world.manager.execute(quotas, opening, sender=slow)


def test_an_administrator_takes_an_announcement_back(world, quotas, slow, opening, clock):
    world.manager.schedule(quotas, opening, 0, sender=slow)
    world.manager.cancel(slow, quotas, opening, sender=world.admin)
    clock.move_to(clock.now + DELAY)
    with ape.reverts(world.manager.AccessManagerNotScheduled):
        world.manager.execute(quotas, opening, sender=slow)


def test_what_was_announced_in_time_can_come_too_late(
    world, quotas, quota, slow, plant, first, clock, kit
):
    """The seven days before the compliance period are counted from the execution."""
    call = quotas.oblige.encode_input(quota, plant, kit.GENERATION, 1_000_000)
    world.manager.schedule(quotas, call, 0, sender=slow)
    assert clock.now <= first * DAY - WEEK < clock.now + DELAY
    clock.move_to(clock.now + DELAY)
    with ape.reverts(quotas.PublishedTooLate, startsAt=first * DAY):
        quotas.oblige(quota, plant, kit.GENERATION, 1_000_000, sender=slow)
    assert quotas.obligationOf(quota, plant).ratio == kit.PLANT_RATIO
