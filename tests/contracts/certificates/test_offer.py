from __future__ import annotations

import ape
import pytest


def test_what_is_offered_takes_the_next_positions(certificates, issued, wind_market, slot, alice):
    receipt = certificates.offer(wind_market, slot, issued.ids, [3_000, 6_000], sender=alice)
    place = {"market": wind_market, "slot": slot}
    for token_id, start, wh in zip(issued.ids, (0, 3_000), (3_000, 6_000), strict=True):
        assert certificates.Pooled(**place, id=token_id, start=start, amount=wh) in receipt.events
    assert certificates.Offered(**place, account=alice.address, amount=9_000) in receipt.events
    assert certificates.poolOf(wind_market, slot) == (0, 9_000)
    assert certificates.offerOf(wind_market, slot, alice).offered == 9_000
    assert certificates.sellable(wind_market, 1, slot, alice) == 9_000
    assert certificates.balanceOf(alice, issued.ids[0]) == 1_000
    assert certificates.balanceOf(certificates, issued.ids[0]) == 3_000
    assert certificates.certificatesAt(wind_market, slot, 0, 9_000) == (issued.ids, [3_000, 6_000])


def test_offers_line_up_behind_each_other(certificates, issued, wind_market, slot, alice, dave):
    certificates.safeTransferFrom(alice, dave, issued.ids[1], 6_000, b"", sender=alice)
    certificates.offer(wind_market, slot, issued.ids[:1], [1_000], sender=alice)
    certificates.offer(wind_market, slot, issued.ids[1:], [2_000], sender=dave)
    certificates.offer(wind_market, slot, issued.ids[:1], [500], sender=alice)
    found = certificates.certificatesAt(wind_market, slot, 0, 9_999)
    assert found == ([issued.ids[0], issued.ids[1], issued.ids[0]], [1_000, 2_000, 500])
    assert certificates.offerOf(wind_market, slot, alice).offered == 1_500
    assert certificates.offerOf(wind_market, slot, dave).offered == 2_000


def test_one_id_twice_in_a_list_is_offered_twice(certificates, issued, wind_market, slot, alice):
    twice = issued.ids[:1] * 2
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        certificates.offer(wind_market, slot, twice, [2_001, 2_000], sender=alice)
    certificates.offer(wind_market, slot, twice, [2_000, 2_000], sender=alice)
    assert certificates.poolOf(wind_market, slot) == (0, 4_000)
    assert certificates.balanceOf(certificates, issued.ids[0]) == 4_000


def test_a_holder_offers_only_what_it_holds(certificates, issued, wind_market, slot, alice, dave):
    for seller, wh in ((alice, 4_001), (dave, 1)):
        with ape.reverts(certificates.ERC1155InsufficientBalance):
            certificates.offer(wind_market, slot, issued.ids[:1], [wh], sender=seller)


def test_only_the_slots_vintage_is_offered(certificates, issued, wind_market, slot, alice):
    for other in (slot - 1, slot + 1, 0, 2**32 - 1):
        with ape.reverts(certificates.OtherClass, id=issued.ids[0]):
            certificates.offer(wind_market, other, issued.ids, issued.amounts, sender=alice)


def test_only_the_markets_technology_is_offered(
    certificates, issue_day, solar, day, wind_market, slot, bob, kit
):
    ids = issue_day(day, {solar: kit.day_of({12: -3_000})})[solar]
    with ape.reverts(certificates.OtherClass, id=ids[0]):
        certificates.offer(wind_market, slot, ids, [3_000], sender=bob)


def test_only_the_markets_zone_is_offered(
    certificates, registrar, produced, wind_market, slot, alice, kit
):
    certificates.correct(produced.device, kit.WIND, kit.SOUTH, sender=registrar)
    certificates.issue(produced.device, produced.day, 10, 1, produced.values, sender=alice)
    token_id = kit.certificate_id(produced.device, produced.day, 10)
    with ape.reverts(certificates.OtherClass, id=token_id):
        certificates.offer(wind_market, slot, [token_id], [1], sender=alice)


def test_what_a_store_gave_is_offered_like_any_other(
    certificates, world, battery, wind, account_day, wind_market, slot, alice, carol, day, kit
):
    world.measure(
        day,
        {
            wind: kit.day_of({10: -4_000}),
            battery: kit.day_of({0: -10_000, 10: 4_000, 18: -3_600}),
        },
    )
    certificates.issue(wind, day, 0, 24, world.reading(wind, day), sender=carol)
    given = kit.certificate_id(wind, day, 10)
    certificates.safeTransferFrom(alice, carol, given, 4_000, b"", sender=alice)
    account_day(day, [(10, given, 4_000)])
    out = kit.certificate_id(battery, day, 18)
    certificates.offer(wind_market, slot, [out], [3_600], sender=carol)
    assert certificates.certificatesAt(wind_market, slot, 0, 1) == ([out], [1])


def test_expired_certificates_are_not_offered(
    certificates, issued, wind_market, slot, alice, clock, expiry
):
    clock.next_at(expiry - 1)
    certificates.offer(wind_market, slot, issued.ids[:1], [1], sender=alice)
    clock.next_at(expiry)
    with ape.reverts(certificates.CertificateExpired, id=issued.ids[0], expiresAt=expiry):
        certificates.offer(wind_market, slot, issued.ids[:1], [1], sender=alice)


def test_an_unbound_market_takes_no_certificates(
    world, certificates, issued, market, slot, alice, kit
):
    unbound = world.create_market(kit.CERTIFICATE_MARKET, capacitySource=certificates.address)
    for other in (unbound, market, unbound + 1):
        with ape.reverts(certificates.NotBound, market=other):
            certificates.offer(other, slot, issued.ids, issued.amounts, sender=alice)


def test_a_frozen_market_takes_no_certificates(
    certificates, issued, open_round, wind_market, slot, alice, clock
):
    """What counts in a round does not grow from its gate on."""
    sale = open_round()
    clock.next_at(sale.gate_at)
    with ape.reverts(certificates.MarketFrozen, market=wind_market):
        certificates.offer(wind_market, slot, issued.ids, issued.amounts, sender=alice)


@pytest.mark.parametrize("amounts", [[4_000], [], [1, 2, 3]])
def test_every_offered_id_has_an_amount(certificates, issued, wind_market, slot, alice, amounts):
    with ape.reverts(certificates.LengthMismatch, ids=2, amounts=len(amounts)):
        certificates.offer(wind_market, slot, issued.ids, amounts, sender=alice)


def test_an_offer_of_nothing_is_none(certificates, issued, wind_market, slot, alice):
    for ids, amounts in (([], []), (issued.ids, [0, 1]), (issued.ids, [1, 0])):
        with ape.reverts(certificates.ZeroAmount):
            certificates.offer(wind_market, slot, ids, amounts, sender=alice)


def test_positions_do_not_wrap(certificates, issued, wind_market, slot, alice):
    """Two amounts that add up to 1 in 96, 112, 128 or 256 bits."""
    for bits in (96, 112, 128, 256):
        for amounts in ([2**bits - 4_000, 4_001], [4_000, 2**bits - 3_999]):
            with ape.reverts(certificates.OfferTooLarge):
                certificates.offer(wind_market, slot, issued.ids, amounts, sender=alice)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        certificates.offer(wind_market, slot, issued.ids[:1], [2**96 - 1], sender=alice)


def test_certificates_of_an_unknown_device_are_not_offered(
    certificates, wind_market, slot, day, stranger, kit
):
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        certificates.offer(
            wind_market,
            slot,
            [kit.certificate_id(stranger.address, day, 1)],
            [1],
            sender=stranger,
        )
