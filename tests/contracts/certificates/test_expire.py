from __future__ import annotations

import ape


def test_anyone_takes_expired_certificates_out(
    certificates, issued, alice, stranger, clock, expiry
):
    clock.next_at(expiry)
    receipt = certificates.expire(alice, issued.ids, sender=stranger)
    for token_id, wh in zip(issued.ids, issued.amounts, strict=True):
        assert certificates.Expired(holder=alice.address, id=token_id, amount=wh) in receipt.events
        assert certificates.balanceOf(alice, token_id) == 0
        batch = certificates.batchOf(token_id)
        assert (batch.issuedWh, batch.retiredWh, batch.expiredWh) == (wh, 0, wh)


def test_nothing_expires_a_second_early(certificates, issued, alice, stranger, clock, expiry):
    clock.next_at(expiry - 1)
    with ape.reverts(certificates.NotExpired, id=issued.ids[0], expiresAt=expiry):
        certificates.expire(alice, issued.ids, sender=stranger)


def test_what_was_retired_does_not_expire(certificates, issued, alice, stranger, clock, expiry):
    certificates.retire(alice, issued.ids[:1], [1_000], alice, "", sender=alice)
    clock.next_at(expiry)
    certificates.expire(alice, issued.ids[:1], sender=stranger)
    batch = certificates.batchOf(issued.ids[0])
    assert (batch.issuedWh, batch.retiredWh, batch.expiredWh) == (4_000, 1_000, 3_000)
    assert certificates.claimedBalanceOf(alice, issued.ids[0]) == 1_000


def test_two_who_tidy_up_do_not_stop_each_other(
    certificates, issued, alice, stranger, clock, expiry
):
    """What is gone already is passed over, also where a list names it twice."""
    clock.next_at(expiry)
    certificates.expire(alice, issued.ids[:1], sender=stranger)
    certificates.expire(alice, issued.ids + issued.ids, sender=stranger)
    assert certificates.batchOf(issued.ids[0]).expiredWh == 4_000
    assert certificates.batchOf(issued.ids[1]).expiredWh == 6_000
    for ids in (issued.ids, []):
        with ape.reverts(certificates.ZeroAmount):
            certificates.expire(alice, ids, sender=stranger)


def test_what_is_for_sale_expires_once_it_is_collected(
    certificates, offered, deliver, wind_market, slot, alice, dave, stranger, clock, expiry
):
    """Also a sale after the expiry is delivered: the round was verified before."""
    clock.move_to(expiry + 5)
    with ape.reverts(certificates.ERC1155InvalidSender, sender=certificates.address):
        certificates.expire(certificates, offered.ids, sender=stranger)
    deliver((alice, -5_000), (dave, 5_000))
    certificates.collect(wind_market, slot, dave, 9, sender=stranger)
    certificates.expire(dave, offered.ids, sender=stranger)
    assert certificates.batchOf(offered.ids[0]).expiredWh == 4_000
    assert certificates.batchOf(offered.ids[1]).expiredWh == 1_000


def test_an_unknown_device_has_no_certificates_to_expire(certificates, alice, stranger, kit):
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        certificates.expire(alice, [kit.certificate_id(stranger.address, 1, 1)], sender=stranger)
