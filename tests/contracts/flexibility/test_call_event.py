from __future__ import annotations

import ape
import pytest

HOUR = 3_600


def test_an_event_is_numbered_and_announced(response, enrolled, owner, today):
    before = response.eventCount()
    receipt = response.callEvent(enrolled, today, 14, 4, sender=owner)
    number = response.eventCount()
    assert number == before + 1
    called = {"programme": enrolled, "period": today, "firstSlot": 14, "slots": 4}
    assert response.EventCalled(eventId=number, **called) in receipt.events
    window = response.eventOf(number)
    assert (window.programme, window.period) == (enrolled, today)
    assert (window.firstSlot, window.slots) == (14, 4)


def test_only_the_owner_calls(response, enrolled, alice, today):
    with ape.reverts(response.NotOwner, caller=alice.address):
        response.callEvent(enrolled, today, 14, 4, sender=alice)


@pytest.mark.parametrize(
    ("first_slot", "slots"),
    [(14, 0), (14, 5), (22, 3), (3, 1), (2**16 - 1, 4)],
    ids=["no slot", "too long", "over midnight", "before the adjustment", "another day"],
)
def test_a_window_that_cannot_be_is_refused(response, enrolled, owner, today, first_slot, slots):
    with ape.reverts(response.BadWindow):
        response.callEvent(enrolled, today, first_slot, slots, sender=owner)


def test_notice_is_given_to_the_last_second(response, enrolled, owner, today, clock, starts_at):
    clock.next_at(starts_at(today) - 2 * HOUR)
    response.callEvent(enrolled, today, 14, 4, sender=owner)
    clock.next_at(starts_at(today) - 2 * HOUR + 1)
    with ape.reverts(response.NoticeTooShort, startsAt=starts_at(today)):
        response.callEvent(enrolled, today, 14, 4, sender=owner)


def test_an_unknown_programme_has_no_events(response, enrolled, owner, today):
    with ape.reverts(response.UnknownProgramme, programme=enrolled + 9):
        response.callEvent(enrolled + 9, today, 14, 4, sender=owner)
