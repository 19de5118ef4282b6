from __future__ import annotations

import ape

INSTRUCTED, SETTLED = 1, 6
EXCUSE = 1
DAY = 86_400


def test_incentive_and_penalty_change_hands(
    world, response, token, enrolled, reported, alice, clock, stranger
):
    part = response.participationOf(reported, alice)
    assert part.incentive > 0
    assert part.penalty > 0
    escrow, held = response.programmeOf(enrolled).escrow, response.held(token)
    bond, free = response.enrolmentOf(enrolled, alice).bond, world.free(alice)
    clock.next_at(part.changedAt + DAY + 1)
    receipt = response.settle(reported, alice, sender=stranger)
    assert response.Settled(
        eventId=reported,
        account=alice.address,
        incentive=part.incentive,
        penalty=part.penalty,
    ) in (receipt.events)
    assert world.free(alice) == free + part.incentive
    assert response.enrolmentOf(enrolled, alice).bond == bond - part.penalty
    programme = response.programmeOf(enrolled)
    assert programme.escrow == escrow + part.penalty - part.incentive
    assert programme.setAside == 0
    assert response.enrolmentOf(enrolled, alice).openEvents == 0
    assert response.held(token) == held - part.incentive == token.balanceOf(response)
    assert token.allowance(response, world.ledger) == 0
    assert response.participationOf(reported, alice).status == SETTLED


def test_a_part_is_settled_once(response, reported, alice, clock, stranger):
    clock.next_at(response.participationOf(reported, alice).changedAt + DAY + 1)
    response.settle(reported, alice, sender=stranger)
    with ape.reverts(response.WrongStatus, status=SETTLED):
        response.settle(reported, alice, sender=stranger)


def test_a_report_that_may_be_disputed_waits(response, reported, alice, clock, stranger):
    deadline = response.participationOf(reported, alice).changedAt + DAY
    clock.next_at(deadline)
    with ape.reverts(response.NotSettleable, notBefore=deadline):
        response.settle(reported, alice, sender=stranger)


def test_a_dispute_that_may_be_resolved_waits_and_then_keeps(
    world, response, reported, alice, owner, clock, stranger
):
    response.dispute(reported, alice, sender=owner)
    part = response.participationOf(reported, alice)
    deadline = part.changedAt + response.RULING_WINDOW()
    clock.next_at(deadline)
    with ape.reverts(response.NotSettleable, notBefore=deadline):
        response.settle(reported, alice, sender=stranger)
    free = world.free(alice)
    clock.next_at(deadline + 1)
    response.settle(reported, alice, sender=stranger)
    assert world.free(alice) == free + part.incentive


def test_a_ruling_is_settled_at_once(response, enrolled, reported, alice, authority, stranger):
    bond = response.enrolmentOf(enrolled, alice).bond
    response.dispute(reported, alice, sender=alice)
    response.resolve(reported, alice, EXCUSE, sender=authority)
    response.settle(reported, alice, sender=stranger)
    assert response.enrolmentOf(enrolled, alice).bond == bond


def test_what_was_not_reported_is_not_settled(response, instructed, alice, stranger):
    with ape.reverts(response.WrongStatus, status=INSTRUCTED):
        response.settle(instructed, alice, sender=stranger)
