from __future__ import annotations

import ape


def test_an_account_that_is_not_available_takes_no_instruction(
    response, enrolled, event, owner, alice
):
    receipt = response.setAvailable(enrolled, False, sender=alice)
    changed = {"programme": enrolled, "account": alice.address, "available": False}
    assert response.AvailabilityChanged(**changed) in receipt.events
    with ape.reverts(response.NotAvailable, account=alice.address):
        response.instruct(event, alice, 3_000, sender=owner)
    response.setAvailable(enrolled, True, sender=alice)
    response.instruct(event, alice, 3_000, sender=owner)


def test_an_instruction_outlives_a_change_of_mind(response, enrolled, instructed, alice):
    response.setAvailable(enrolled, False, sender=alice)
    assert response.enrolmentOf(enrolled, alice).openEvents == 1
    with ape.reverts(response.EventsOpen, openEvents=1):
        response.leaveProgramme(enrolled, sender=alice)


def test_only_the_enrolled_say_so(response, enrolled, stranger):
    with ape.reverts(response.NotEnrolled, account=stranger.address):
        response.setAvailable(enrolled, True, sender=stranger)
