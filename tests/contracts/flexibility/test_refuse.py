from __future__ import annotations

import ape

NONE, REFUSED = 0, 2
HOUR = 3_600


def test_a_refusal_owes_nothing_and_frees_everything(
    world, response, market, enrolled, instructed, alice, today
):
    receipt = response.refuse(instructed, sender=alice)
    assert response.Refused(eventId=instructed, account=alice.address) in receipt.events
    assert response.participationOf(instructed, alice).status == REFUSED
    assert response.programmeOf(enrolled).setAside == 0
    enrolment = response.enrolmentOf(enrolled, alice)
    assert (enrolment.setAside, enrolment.openEvents) == (0, 0)
    assert world.deviations.taken(market, alice, 0, today) == 0


def test_a_refusal_comes_in_time(response, instructed, alice, today, clock, starts_at):
    deadline = starts_at(today) - HOUR
    clock.next_at(deadline + 1)
    with ape.reverts(response.RefusedTooLate, deadline=deadline):
        response.refuse(instructed, sender=alice)


def test_the_last_second_is_in_time(response, instructed, alice, today, clock, starts_at):
    clock.next_at(starts_at(today) - HOUR)
    response.refuse(instructed, sender=alice)


def test_only_who_was_instructed_refuses(response, instructed, bob):
    with ape.reverts(response.WrongStatus, status=NONE):
        response.refuse(instructed, sender=bob)


def test_a_refusal_is_final(response, instructed, alice):
    response.refuse(instructed, sender=alice)
    with ape.reverts(response.WrongStatus, status=REFUSED):
        response.refuse(instructed, sender=alice)
