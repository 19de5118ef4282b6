from __future__ import annotations

import ape
import pytest

NOBODY = "0x" + "00" * 20


@pytest.fixture
def pool(certificates, issue_day, wind, battery, wind_market, slot, day, alice, dave, kit):
    """Five batches of 100 Wh from alice and dave in turns: a of alice, b of dave, and so on."""
    hours = range(8, 13)
    ids = issue_day(day, {wind: kit.day_of(dict.fromkeys(hours, -100))})[wind]
    for place, token_id in enumerate(ids):
        seller = dave if place % 2 else alice
        if seller is dave:
            certificates.safeTransferFrom(alice, dave, token_id, 100, b"", sender=alice)
        certificates.offer(wind_market, slot, [token_id], [100], sender=seller)
    return ids


@pytest.fixture
def collect(certificates, wind_market, slot, stranger):
    def make(holder, most: int):
        return certificates.collect(wind_market, slot, holder, most, sender=stranger)

    return make


def test_positions_are_served_first_in_first_out_across_batches_and_sellers(
    certificates, pool, deliver, collect, wind_market, slot, alice, bob, carol, dave
):
    deliver((alice, -250), (bob, 150), (carol, 200), (dave, -100))
    parcels = {
        holder: [tuple(p) for p in certificates.parcelsOf(wind_market, slot, holder)]
        for holder in (bob, carol)
    }
    assert parcels == {bob: [(0, 150)], carol: [(150, 200)]}
    for holder in (bob, carol):
        assert not collect(holder, 9).return_value
    a, b, c, d, e = pool
    held = {
        holder: [certificates.balanceOf(holder, token_id) for token_id in (a, b, c, d, e)]
        for holder in (bob, carol)
    }
    assert held == {bob: [100, 50, 0, 0, 0], carol: [0, 50, 100, 50, 0]}
    assert certificates.poolOf(wind_market, slot) == (350, 500)


def test_collecting_by_pieces_gives_the_same(
    certificates, pool, deliver, collect, wind_market, slot, alice, bob, dave
):
    deliver((alice, -300), (bob, 450), (dave, -150))
    left = [collect(bob, 2).return_value for _ in range(3)]
    assert left == [True, True, False]
    assert [certificates.balanceOf(bob, token_id) for token_id in pool] == [100] * 4 + [50]
    with ape.reverts(certificates.NothingToCollect, holder=bob.address):
        collect(bob, 2)


def test_parcels_are_collected_in_the_order_in_which_they_came(
    certificates, pool, deliver, collect, wind_market, slot, alice, bob, carol, dave
):
    """Three parcels with another buyer's between them: pieces cross their ends."""
    for buyer, wh in ((bob, 60), (carol, 30), (bob, 90), (carol, 10), (bob, 110)):
        deliver((alice, -wh), (buyer, wh))
    parcels = [tuple(p) for p in certificates.parcelsOf(wind_market, slot, bob)]
    assert parcels == [(0, 60), (90, 90), (190, 110)]
    assert collect(bob, 3).return_value
    parcels = [tuple(p) for p in certificates.parcelsOf(wind_market, slot, bob)]
    assert parcels == [(190, 110)]
    assert [certificates.balanceOf(bob, token_id) for token_id in pool[:3]] == [70, 80, 0]
    assert collect(bob, 1).return_value
    deliver((bob, 1), (dave, -1))
    parcels = [tuple(p) for p in certificates.parcelsOf(wind_market, slot, bob)]
    assert parcels == [(200, 100), (300, 1)]
    assert not collect(bob, 5).return_value
    assert [certificates.balanceOf(bob, token_id) for token_id in pool] == [70, 90, 100, 1, 0]
    assert certificates.parcelsOf(wind_market, slot, bob) == []


def test_certificates_at_names_what_collecting_gives(
    certificates, pool, deliver, collect, wind_market, slot, alice, bob, dave
):
    deliver((alice, -170), (dave, 170))
    deliver((alice, -123), (bob, 123))
    ((start, length),) = (tuple(p) for p in certificates.parcelsOf(wind_market, slot, bob))
    ids, amounts = certificates.certificatesAt(wind_market, slot, start, length)
    assert (ids, amounts) == (pool[1:3], [30, 93])
    receipt = collect(bob, 9)
    (moved,) = (log for log in receipt.events if log.event_name == "TransferBatch")
    assert (list(moved.ids), list(moved.event_arguments["values"])) == (ids, amounts)
    assert certificates.certificatesAt(wind_market, slot, start, length) == (ids, amounts)


def test_certificates_at_leaves_out_what_lies_beyond_the_tail(
    certificates, pool, wind_market, slot
):
    at = certificates.certificatesAt
    assert at(wind_market, slot, 450, 2**128 - 1) == (pool[4:], [50])
    assert at(wind_market, slot, 500, 1) == ([], [])
    assert at(wind_market, slot, 2**128 - 1, 2**128 - 1) == ([], [])
    assert at(wind_market, slot, 100, 0) == ([], [])
    assert at(wind_market, slot, 100, 1) == (pool[1:2], [1])
    assert at(wind_market, slot, 99, 1) == (pool[:1], [1])
    assert at(wind_market, slot + 1, 0, 1) == ([], [])


def test_any_number_of_batches_may_be_asked_for(
    certificates, pool, deliver, collect, alice, bob, dave
):
    deliver((alice, -300), (bob, 500), (dave, -200))
    assert not collect(bob, 2**256 - 1).return_value
    assert [certificates.balanceOf(bob, token_id) for token_id in pool] == [100] * 5


def test_no_batch_is_not_asked_for(certificates, pool, deliver, collect, alice, bob):
    deliver((alice, -100), (bob, 100))
    with ape.reverts(certificates.ZeroAmount):
        collect(bob, 0)


def test_who_bought_nothing_has_nothing_to_collect(certificates, pool, collect, bob):
    for holder in (bob, NOBODY):
        with ape.reverts(certificates.NothingToCollect):
            collect(holder, 1)


def test_what_the_contract_holds_is_what_nobody_has_collected(
    certificates, pool, deliver, collect, alice, bob
):
    deliver((alice, -150), (bob, 150))
    assert sum(certificates.balanceOf(certificates, token_id) for token_id in pool) == 500
    collect(bob, 1)
    assert sum(certificates.balanceOf(certificates, token_id) for token_id in pool) == 400
    collect(bob, 1)
    assert sum(certificates.balanceOf(certificates, token_id) for token_id in pool) == 350


def test_expired_certificates_are_collected_and_then_expire(
    certificates, pool, deliver, collect, alice, bob, clock, expiry, stranger
):
    deliver((alice, -100), (bob, 100))
    clock.next_at(expiry)
    collect(bob, 1)
    assert certificates.balanceOf(bob, pool[0]) == 100
    certificates.expire(bob, pool[:1], sender=stranger)
    assert certificates.batchOf(pool[0]).expiredWh == 100


def test_who_refuses_keeps_its_parcel_and_stops_nobody(
    certificates, receiver, pool, deliver, collect, wind_market, slot, alice, bob, stranger
):
    receiver.refuse(True, sender=stranger)
    deliver((alice, -150), (receiver, 150))
    deliver((alice, -50), (bob, 50))
    with ape.reverts(receiver.Refused):
        collect(receiver, 9)
    collect(bob, 9)
    receiver.refuse(False, sender=stranger)
    collect(receiver, 9)
    assert certificates.balanceOf(receiver, pool[0]) == 100
    assert certificates.balanceOf(bob, pool[1]) == 50
