from __future__ import annotations

import ape

LAPSED, REPORTED = 7, 3
HOUR, DAY = 3_600, 86_400


def test_a_part_that_was_never_reported_lapses(
    world, response, market, enrolled, instructed, alice, today, clock, stranger
):
    deadline = world.deviations.claimBy(market, today)
    clock.next_at(deadline)
    with ape.reverts(response.NotLapsed, claimBy=deadline):
        response.lapse(instructed, alice, sender=stranger)
    clock.next_at(deadline + 1)
    receipt = response.lapse(instructed, alice, sender=stranger)
    assert response.Lapsed(eventId=instructed, account=alice.address) in receipt.events
    assert response.participationOf(instructed, alice).status == LAPSED
    assert response.programmeOf(enrolled).setAside == 0
    enrolment = response.enrolmentOf(enrolled, alice)
    assert (enrolment.setAside, enrolment.openEvents) == (0, 0)


def test_it_lapses_a_year_later_too(
    world, response, market, enrolled, instructed, alice, today, clock, stranger
):
    clock.next_at(world.deviations.claimBy(market, today) + 365 * DAY)
    response.lapse(instructed, alice, sender=stranger)
    response.leaveProgramme(enrolled, sender=alice)


def test_a_part_without_a_published_baseline_lapses_before_the_event(
    world, response, market, published, alice, today, clock, starts_at, stranger
):
    clock.next_at(starts_at(today) - 2 * HOUR)
    with ape.reverts(response.NotLapsed):
        response.lapse(published, alice, sender=stranger)
    clock.next_at(starts_at(today) - 2 * HOUR + 1)
    response.lapse(published, alice, sender=stranger)
    assert world.deviations.taken(market, alice, 0, today) == 0


def test_a_part_with_a_published_baseline_does_not(
    response, kit, published, owner, alice, today, clock, starts_at, stranger
):
    response.publishBaseline(published, alice, kit.packed([0] * 24), sender=owner)
    clock.next_at(starts_at(today) - 2 * HOUR + 1)
    with ape.reverts(response.NotLapsed):
        response.lapse(published, alice, sender=stranger)


def test_what_was_reported_does_not_lapse(
    world, response, market, reported, alice, today, clock, stranger
):
    clock.next_at(world.deviations.claimBy(market, today) + 1)
    with ape.reverts(response.WrongStatus, status=REPORTED):
        response.lapse(reported, alice, sender=stranger)
