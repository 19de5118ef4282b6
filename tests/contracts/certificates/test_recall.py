from __future__ import annotations

import ape
import pytest


@pytest.fixture
def recall(certificates, wind_market, slot):
    """`recall(account, wh)`, asked for and completed; no round is open."""

    def make(account, wh: int):
        certificates.requestRecall(wind_market, slot, wh, sender=account)
        return certificates.completeRecall(wind_market, slot, sender=account)

    return make


def test_a_recall_takes_the_next_positions(certificates, offered, recall, wind_market, slot, alice):
    receipt = recall(alice, 5_000)
    assigned = certificates.Assigned(
        market=wind_market, slot=slot, to=alice.address, start=0, length=5_000
    )
    assert assigned in receipt.events
    assert certificates.poolOf(wind_market, slot) == (5_000, 10_000)
    assert certificates.offerOf(wind_market, slot, alice).offered == 5_000
    assert [tuple(p) for p in certificates.parcelsOf(wind_market, slot, alice)] == [(0, 5_000)]
    certificates.collect(wind_market, slot, alice, 9, sender=alice)
    assert certificates.balanceOf(alice, offered.ids[0]) == 4_000
    assert certificates.balanceOf(alice, offered.ids[1]) == 1_000


def test_certificates_of_a_class_are_alike(
    certificates, issued, recall, wind_market, slot, alice, dave
):
    """Who offered first does not get its own back, but what is next."""
    certificates.safeTransferFrom(alice, dave, issued.ids[0], 4_000, b"", sender=alice)
    certificates.offer(wind_market, slot, issued.ids[:1], [4_000], sender=dave)
    certificates.offer(wind_market, slot, issued.ids[1:], [4_000], sender=alice)
    recall(alice, 4_000)
    recall(dave, 4_000)
    for holder in (alice, dave):
        certificates.collect(wind_market, slot, holder, 9, sender=holder)
    assert certificates.balanceOf(alice, issued.ids[0]) == 4_000
    assert certificates.balanceOf(dave, issued.ids[1]) == 4_000


def test_no_more_comes_back_than_was_offered(
    certificates, offered, recall, wind_market, slot, alice
):
    recall(alice, 2**112 - 1)
    assert certificates.poolOf(wind_market, slot) == (10_000, 10_000)
    assert certificates.offerOf(wind_market, slot, alice).offered == 0


def test_one_who_offered_nothing_gets_nothing(
    certificates, offered, recall, wind_market, slot, dave
):
    recall(dave, 5_000)
    assert certificates.poolOf(wind_market, slot) == (0, 10_000)
    with ape.reverts(certificates.NothingToCollect, holder=dave.address):
        certificates.collect(wind_market, slot, dave, 9, sender=dave)


def test_a_recall_waits_for_the_rounds_that_can_still_sell(
    certificates, offered, open_round, wind_market, slot, alice, dave
):
    sale = open_round(dave)
    sale.close((alice, -3_000), (dave, 3_000))
    certificates.requestRecall(wind_market, slot, 9_000, sender=alice)
    assert certificates.sellable(wind_market, sale.number, slot, alice) == 10_000
    assert certificates.sellable(wind_market, sale.number + 1, slot, alice) == 1_000
    with ape.reverts(certificates.RecallNotDue):
        certificates.completeRecall(wind_market, slot, sender=alice)
    sale.settle()
    certificates.completeRecall(wind_market, slot, sender=alice)
    assert certificates.poolOf(wind_market, slot) == (10_000, 10_000)
    parcels = [tuple(p) for p in certificates.parcelsOf(wind_market, slot, alice)]
    assert parcels == [(3_000, 7_000)]


def test_a_recall_works_after_the_expiry(
    certificates, offered, recall, wind_market, slot, alice, clock, expiry
):
    clock.move_to(expiry + 1)
    recall(alice, 10_000)
    certificates.collect(wind_market, slot, alice, 9, sender=alice)
    assert certificates.balanceOf(alice, offered.ids[1]) == 6_000
    with ape.reverts(certificates.CertificateExpired):
        certificates.offer(wind_market, slot, offered.ids, offered.amounts, sender=alice)


def test_one_recall_is_pending_at_a_time(certificates, offered, wind_market, slot, alice):
    certificates.requestRecall(wind_market, slot, 1, sender=alice)
    with ape.reverts(certificates.RecallPending):
        certificates.requestRecall(wind_market, slot, 1, sender=alice)
    certificates.completeRecall(wind_market, slot, sender=alice)
    with ape.reverts(certificates.NoRecallPending):
        certificates.completeRecall(wind_market, slot, sender=alice)
