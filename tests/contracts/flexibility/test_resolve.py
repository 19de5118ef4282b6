from __future__ import annotations

import ape
import pytest

REPORTED, RESOLVED = 3, 5
KEEP, EXCUSE, VOID = range(3)
DAY = 86_400


@pytest.fixture
def disputed(response, reported, alice):
    response.dispute(reported, alice, sender=alice)
    return reported


@pytest.mark.parametrize("ruling", [KEEP, EXCUSE, VOID])
def test_a_ruling_keeps_excuses_or_voids(response, disputed, alice, authority, ruling):
    before = response.participationOf(disputed, alice)
    assert before.incentive > 0
    assert before.penalty > 0
    receipt = response.resolve(disputed, alice, ruling, sender=authority)
    resolved = {"eventId": disputed, "account": alice.address, "ruling": ruling}
    assert response.Resolved(**resolved) in receipt.events
    part = response.participationOf(disputed, alice)
    assert part.status == RESOLVED
    assert part.incentive == (0 if ruling == VOID else before.incentive)
    assert part.penalty == (before.penalty if ruling == KEEP else 0)


def test_only_the_meter_authority_rules(response, disputed, alice, owner):
    for sender in (alice, owner):
        with ape.reverts(response.AccessManagedUnauthorized, caller=sender.address):
            response.resolve(disputed, alice, EXCUSE, sender=sender)


def test_only_disputes_are_ruled_on(response, reported, alice, authority):
    with ape.reverts(response.WrongStatus, status=REPORTED):
        response.resolve(reported, alice, EXCUSE, sender=authority)


def test_a_ruling_is_final(response, disputed, alice, authority):
    response.resolve(disputed, alice, KEEP, sender=authority)
    with ape.reverts(response.WrongStatus, status=RESOLVED):
        response.resolve(disputed, alice, VOID, sender=authority)


def test_a_ruling_comes_in_time(response, disputed, alice, authority, clock):
    deadline = response.participationOf(disputed, alice).changedAt + response.RULING_WINDOW()
    clock.next_at(deadline + 1)
    with ape.reverts(response.ResolvedTooLate, deadline=deadline):
        response.resolve(disputed, alice, VOID, sender=authority)


def test_the_last_second_is_in_time(response, disputed, alice, authority, clock):
    clock.next_at(response.participationOf(disputed, alice).changedAt + response.RULING_WINDOW())
    response.resolve(disputed, alice, VOID, sender=authority)
