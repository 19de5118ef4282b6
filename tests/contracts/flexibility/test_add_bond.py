from __future__ import annotations

import ape


def test_a_bond_grows(world, response, token, enrolled, alice):
    world.give(alice, 1_000)
    before, held = response.enrolmentOf(enrolled, alice).bond, response.held(token)
    receipt = response.addBond(enrolled, 1_000, sender=alice)
    added = {"programme": enrolled, "account": alice.address, "amount": 1_000}
    assert response.BondAdded(**added) in receipt.events
    assert response.enrolmentOf(enrolled, alice).bond == before + 1_000
    assert response.held(token) == held + 1_000


def test_only_enrolled_accounts_have_a_bond(response, enrolled, bob):
    with ape.reverts(response.NotEnrolled, account=bob.address):
        response.addBond(enrolled, 1, sender=bob)


def test_nothing_is_not_added(response, enrolled, alice):
    with ape.reverts(response.ZeroAmount):
        response.addBond(enrolled, 0, sender=alice)
