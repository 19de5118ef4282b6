"""What the exchange tells the certificates once a round is verified."""

from __future__ import annotations

import ape
from eth_utils import keccak


def test_only_the_exchange_delivers(certificates, offered, wind_market, slot, alice, kit):
    everything = kit.effects((alice, 10_000))
    with ape.reverts(certificates.NotExchange, caller=alice.address):
        certificates.deliver(wind_market, 1, slot, everything, sender=alice)


def test_a_delivery_says_what_the_exchange_said(
    certificates, offered, deliver, wind_market, slot, alice, dave, kit
):
    receipt = deliver((alice, -1), (dave, 1))
    (told,) = (log for log in receipt.events if log.event_name == "Delivered")
    assert told.effectsHash == keccak(kit.effects((alice, -1), (dave, 1)))


def test_chunks_are_delivered_in_any_order(
    certificates, offered, deliver, wind_market, slot, alice, dave
):
    """The buyer's comes before the seller's: what the pool holds is enough."""
    deliver((dave, 7_000))
    assert certificates.offerOf(wind_market, slot, alice).offered == 10_000
    deliver((alice, -7_000))
    assert certificates.offerOf(wind_market, slot, alice).offered == 3_000
    assert certificates.poolOf(wind_market, slot) == (7_000, 10_000)


def test_who_traded_nothing_gets_nothing(certificates, offered, deliver, wind_market, slot, dave):
    deliver((dave, 0))
    assert certificates.parcelsOf(wind_market, slot, dave) == []
    assert certificates.poolOf(wind_market, slot) == (0, 10_000)


def test_nobody_sells_more_than_it_offered(certificates, offered, deliver, alice, dave):
    with ape.reverts(certificates.InsufficientOffer, account=alice.address):
        deliver((alice, -10_001), (dave, 10_001))


def test_a_sale_is_delivered_after_the_expiry(
    certificates, offered, deliver, wind_market, slot, alice, dave, clock, expiry
):
    clock.move_to(expiry)
    deliver((alice, -10_000), (dave, 10_000))
    assert [tuple(p) for p in certificates.parcelsOf(wind_market, slot, dave)] == [(0, 10_000)]


def test_a_sale_is_delivered_to_whoever_refuses_tokens(
    certificates, receiver, offered, deliver, wind_market, slot, alice, stranger
):
    receiver.refuse(True, sender=stranger)
    deliver((alice, -10_000), (receiver, 10_000))
    parcels = [tuple(p) for p in certificates.parcelsOf(wind_market, slot, receiver)]
    assert parcels == [(0, 10_000)]
