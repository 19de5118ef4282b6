from __future__ import annotations

import ape


def test_the_bond_returns_into_the_free_balance(world, response, token, enrolled, alice):
    bond, before = response.enrolmentOf(enrolled, alice).bond, world.free(alice)
    held = response.held(token)
    receipt = response.leaveProgramme(enrolled, sender=alice)
    assert response.Left(programme=enrolled, account=alice.address, bond=bond) in receipt.events
    assert world.free(alice) == before + bond
    assert response.held(token) == held - bond
    assert response.enrolmentOf(enrolled, alice).capacityW == 0


def test_nobody_leaves_an_open_event(response, enrolled, instructed, alice):
    with ape.reverts(response.EventsOpen, openEvents=1):
        response.leaveProgramme(enrolled, sender=alice)
    response.refuse(instructed, sender=alice)
    response.leaveProgramme(enrolled, sender=alice)


def test_nobody_leaves_twice(response, enrolled, alice):
    response.leaveProgramme(enrolled, sender=alice)
    with ape.reverts(response.NotEnrolled, account=alice.address):
        response.leaveProgramme(enrolled, sender=alice)


def test_who_left_may_come_again(world, response, enrolled, alice):
    response.leaveProgramme(enrolled, sender=alice)
    world.give(alice, response.bondFor(enrolled, 100))
    response.enrol(enrolled, 100, 0, sender=alice)
    assert response.enrolmentOf(enrolled, alice).capacityW == 100
