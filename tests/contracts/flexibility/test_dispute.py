from __future__ import annotations

import ape
import pytest

INSTRUCTED, DISPUTED = 1, 4
DAY = 86_400


@pytest.mark.parametrize("party", ["alice", "owner"])
def test_both_sides_may_dispute(response, reported, alice, request, party):
    who = request.getfixturevalue(party)
    receipt = response.dispute(reported, alice, sender=who)
    disputed = {"eventId": reported, "account": alice.address, "by": who.address}
    assert response.Disputed(**disputed) in receipt.events
    part = response.participationOf(reported, alice)
    assert (part.status, part.changedAt) == (DISPUTED, receipt.timestamp)


def test_nobody_else_disputes(response, reported, alice, bob):
    with ape.reverts(response.NotParty, caller=bob.address):
        response.dispute(reported, alice, sender=bob)


def test_a_report_is_disputed_once(response, reported, alice, owner):
    response.dispute(reported, alice, sender=owner)
    with ape.reverts(response.WrongStatus, status=DISPUTED):
        response.dispute(reported, alice, sender=alice)


def test_a_dispute_comes_in_time(response, reported, alice, clock):
    deadline = response.participationOf(reported, alice).changedAt + DAY
    clock.next_at(deadline + 1)
    with ape.reverts(response.DisputedTooLate, deadline=deadline):
        response.dispute(reported, alice, sender=alice)


def test_the_last_second_is_in_time(response, reported, alice, clock):
    clock.next_at(response.participationOf(reported, alice).changedAt + DAY)
    response.dispute(reported, alice, sender=alice)


def test_what_was_not_reported_is_not_disputed(response, instructed, alice):
    with ape.reverts(response.WrongStatus, status=INSTRUCTED):
        response.dispute(instructed, alice, sender=alice)
