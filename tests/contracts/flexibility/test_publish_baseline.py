from __future__ import annotations

import ape
from eth_utils import keccak

HOUR = 3_600
NONE = 0


def test_a_baseline_is_kept_as_a_hash_and_announced_in_full(response, kit, published, owner, alice):
    values = kit.packed(kit.usual_day(0))
    receipt = response.publishBaseline(published, alice, values, sender=owner)
    announced = {"eventId": published, "account": alice.address, "values": values}
    assert response.BaselinePublished(**announced) in receipt.events
    assert response.participationOf(published, alice).publishedHash == keccak(values)


def test_it_is_published_once(response, kit, published, owner, alice):
    response.publishBaseline(published, alice, kit.packed(kit.usual_day(0)), sender=owner)
    with ape.reverts(response.BaselinePublishedBefore, account=alice.address):
        response.publishBaseline(published, alice, kit.packed([0] * 24), sender=owner)


def test_it_comes_while_the_account_can_still_refuse(
    response, kit, published, owner, alice, today, clock, starts_at
):
    values = kit.packed(kit.usual_day(0))
    clock.next_at(starts_at(today) - 2 * HOUR + 1)
    with ape.reverts(response.NoticeTooShort, startsAt=starts_at(today)):
        response.publishBaseline(published, alice, values, sender=owner)


def test_it_has_a_value_for_every_slot(response, kit, published, owner, alice):
    with ape.reverts(response.BadLength, length=92):
        response.publishBaseline(published, alice, kit.packed([0] * 23), sender=owner)


def test_only_the_owner_publishes(response, published, alice):
    with ape.reverts(response.NotOwner, caller=alice.address):
        response.publishBaseline(published, alice, b"", sender=alice)


def test_a_computed_baseline_is_not_published(response, kit, instructed, owner, alice):
    with ape.reverts(response.BaselineIsComputed):
        response.publishBaseline(instructed, alice, kit.packed([0] * 24), sender=owner)


def test_nothing_is_published_for_who_was_not_instructed(response, kit, published, owner, bob):
    with ape.reverts(response.WrongStatus, status=NONE):
        response.publishBaseline(published, bob, kit.packed([0] * 24), sender=owner)
