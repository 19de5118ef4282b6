from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

MONEY = 1_000_000


@pytest.fixture
def funded_bob(world, bob):
    world.give(bob, 100 * MONEY)
    return bob


def test_an_account_enrols_with_the_bond_of_the_longest_event(
    response, token, kit, programme, funded_bob, market
):
    bond = -(-5_000 * 4 * kit.PENALTY // 10**6)
    assert response.bondFor(programme, 5_000) == bond
    before, held = token.balanceOf(funded_bob), response.held(token)
    receipt = response.enrol(programme, 5_000, 3, sender=funded_bob)
    assert response.Enrolled(
        programme=programme, account=funded_bob.address, capacityW=5_000, since=3, bond=bond
    ) in (receipt.events)
    enrolment = response.enrolmentOf(programme, funded_bob)
    assert (enrolment.capacityW, enrolment.since, enrolment.bond) == (5_000, 3, bond)
    assert (enrolment.setAside, enrolment.openEvents) == (0, 0)
    assert enrolment.available
    assert token.balanceOf(funded_bob) == before - bond
    assert response.held(token) == held + bond


def test_an_account_enrols_once(response, programme, funded_bob):
    response.enrol(programme, 5_000, 0, sender=funded_bob)
    with ape.reverts(response.EnrolledBefore, account=funded_bob.address):
        response.enrol(programme, 1, 0, sender=funded_bob)


def test_an_account_without_a_meter_does_not_enrol(response, programme, stranger):
    with ape.reverts(response.NoDevice, account=stranger.address):
        response.enrol(programme, 5_000, 0, sender=stranger)


def test_no_more_is_enrolled_than_the_meter_can_swing(response, kit, programme, funded_bob):
    most = 2 * kit.CAPACITY_W
    with ape.reverts(response.BeyondMeter, most=most):
        response.enrol(programme, most + 1, 0, sender=funded_bob)
    response.enrol(programme, most, 0, sender=funded_bob)


def test_a_capacity_of_nothing_does_not_enrol(response, programme, bob):
    with ape.reverts(response.ZeroAmount):
        response.enrol(programme, 0, 0, sender=bob)


def test_baseline_days_do_not_begin_in_the_future(world, response, programme, funded_bob):
    with ape.reverts(response.SinceInFuture, period=world.today):
        response.enrol(programme, 5_000, world.today + 1, sender=funded_bob)
    response.enrol(programme, 5_000, world.today, sender=funded_bob)


def test_an_unknown_programme_enrols_nobody(response, programme, bob):
    with ape.reverts(response.UnknownProgramme, programme=programme + 1):
        response.enrol(programme + 1, 5_000, 0, sender=bob)


def test_without_the_tokens_nobody_enrols(world, response, programme, bob):
    world.token.approve(response, 0, sender=bob)
    with ape.reverts():
        response.enrol(programme, 5_000, 0, sender=bob)
    assert response.enrolmentOf(programme, bob).capacityW == 0


def test_a_programme_may_ask_for_a_credential(world, response, terms, owner, accounts, funded_bob):
    role = keccak(text="wattproof.role.flexible_load")
    response.createProgramme(terms(role=role), sender=owner)
    programme = response.programmeCount()
    with ape.reverts(response.NotCredentialed, account=funded_bob.address, role=role):
        response.enrol(programme, 5_000, 0, sender=funded_bob)
    issuer = accounts[10]
    world.credentials.accredit(issuer, role, sender=world.admin)
    content = keccak(text="a flexible load")
    world.credentials.grant(content, funded_bob, role, 2**32 - 1, sender=issuer)
    response.enrol(programme, 5_000, 0, sender=funded_bob)
