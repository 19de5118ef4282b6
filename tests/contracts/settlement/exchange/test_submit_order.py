from __future__ import annotations

from dataclasses import replace

import ape
import pytest

from market.order import Leg, SignedOrder

CENT = 10_000_000
SCALE = 1_000_000


def submit(world, kit, signed, sender, signature=None):
    return world.exchange.submitOrder(
        kit.as_tuple(signed.order), signature or signed.signature, sender=sender
    )


def test_the_hash_is_the_one_of_the_python_core(world, round, alice, kit):
    for signed in (
        round.order(alice, 1_000, 30 * CENT),
        round.order(alice, -7, -5 * CENT, index=1),
        round.coupled_order(alice, {0: SCALE, 1: -800_000}, 2**64 - 1, -1),
    ):
        assert bytes(world.exchange.orderHash(kit.as_tuple(signed.order))) == signed.digest
    assert bytes(world.exchange.domainSeparator()) == world.domain.separator


def test_anybody_brings_a_signed_order_and_the_book_must_hold_it(
    world, round, alice, bob, carol, kit, refused
):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    receipt = submit(world, kit, bid, carol)
    (event,) = [log for log in receipt.events if log.event_name == "OrderForced"]
    assert bytes(event.orderHash) == bid.digest
    assert bytes(event.signature) == bid.signature
    assert world.exchange.isForced(bid.digest)
    assert round.view.forcedCount == 1
    without = round.batch([(ask, 0)])
    round.close_gate(without)
    with refused("ForcedOrderMissing", market=round.market):
        round.settle(round.batch([(ask, 0)], 20 * CENT, {0: kit.Tie(2, 1_000, 0)}))


def test_a_book_with_the_forced_order_settles(round, world, alice, bob, kit, refused):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    submit(world, kit, bid, alice)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT, forced=[bid])
    round.close_gate(batch)
    with refused("ForcedOrderMissing", market=round.market):
        round.settle(batch.changed(forced=frozenset()))
    with refused("NotForced", market=round.market):
        round.settle(batch.changed(forced=frozenset({bid.digest, ask.digest})))
    with refused("NotForced", market=round.market):
        round.settle(batch.changed(forced=frozenset({ask.digest})))
    round.settle(batch)


def test_a_book_smaller_than_the_forced_orders_is_refused(world, round, alice, kit):
    submit(world, kit, round.order(alice, 1_000, 30 * CENT), alice)
    with ape.reverts(world.exchange.InvalidCommitment):
        round.close_gate(round.batch([]))


def test_a_forced_order_without_margin_counts_as_nothing(world, round, kit):
    poor = world.traders[4]
    bid = round.order(poor, 1_000, 30 * CENT)
    submit(world, kit, bid, poor)
    round.gate_and_settle(round.batch([(bid, 0)], forced=[bid]))
    assert round.status == "Settled"


def test_an_order_is_forced_once(world, round, alice, kit):
    bid = round.order(alice, 1_000, 30 * CENT)
    submit(world, kit, bid, alice)
    with ape.reverts(world.exchange.AlreadyForced, orderHash=bid.digest):
        submit(world, kit, bid, alice)


def test_a_forced_order_carries_its_traders_signature(world, round, alice, bob, kit):
    bid = round.order(alice, 1_000, 30 * CENT)
    forged = SignedOrder.sign(world.domain, bid.order, bob.private_key)
    for signature in (forged.signature, bid.signature[:63], bid.signature + b"\0", bytes(64)):
        with ape.reverts(world.exchange.InvalidSignature):
            submit(world, kit, bid, alice, signature)


def test_after_the_gate_nothing_is_forced(world, round, alice, kit, clock):
    bid = round.order(alice, 1_000, 30 * CENT)
    clock.next_at(round.gate_at)
    with ape.reverts(world.exchange.OutsideWindow):
        submit(world, kit, bid, alice)


def test_an_order_for_a_round_that_is_not_open_is_refused(world, round, alice, kit):
    bid = round.order(alice, 1_000, 30 * CENT, round=round.number + 1)
    with ape.reverts(world.exchange.WrongStatus, status=0):
        submit(world, kit, bid, alice)


@pytest.mark.parametrize(
    "change",
    [
        lambda o: replace(o, max_units=0),
        lambda o: replace(o, legs=()),
        lambda o: replace(o, legs=(Leg(o.legs[0].product, SCALE - 1),)),
        lambda o: replace(o, legs=(Leg(o.legs[0].product + 2, SCALE),)),
        lambda o: replace(o, legs=(Leg(o.legs[0].product - 1, SCALE),)),
        lambda o: replace(o, legs=(Leg(o.legs[0].product + (1 << 32), SCALE),)),
        lambda o: replace(o, legs=(Leg(o.legs[0].product + (1 << 48), SCALE),)),
        lambda o: replace(o, legs=(o.legs[0], o.legs[0])),
        lambda o: replace(o, legs=(Leg(o.legs[0].product + 1, SCALE), o.legs[0])),
        lambda o: replace(o, legs=(o.legs[0], Leg(o.legs[0].product + 1, 0))),
        lambda o: replace(o, limit=100 * CENT + 1),
        lambda o: replace(o, limit=-(1 << 63)),
    ],
    ids=[
        "no units",
        "no legs",
        "odd coefficient",
        "late slot",
        "early slot",
        "other zone",
        "other carrier",
        "product twice",
        "unsorted",
        "zero coefficient",
        "above cap",
        "least limit",
    ],
)
def test_an_ill_formed_order_cannot_be_forced(world, round, alice, kit, change):
    """What is forced must be possible to settle, or it would block the round."""
    order = change(round.order(alice, 1_000, 30 * CENT).order)
    signed = SignedOrder.sign(world.domain, order, alice.private_key)
    with ape.reverts(world.exchange.MalformedOrder):
        submit(world, kit, signed, alice)


def test_the_networks_carriers_are_forced_in_by_its_account_alone(
    world, linked, alice, kit, refused
):
    round = world.open_round(linked.market, slots=2)
    flowgate = 4  # the first product of carrier 1
    for strange in (
        round.order(alice, -1_000, 0, index=flowgate),
        round.order(alice, 1_000, 0, index=flowgate + 3),
        round.coupled_order(alice, {0: SCALE, 3: -SCALE, flowgate: SCALE}, 10, 0),
    ):
        with refused("MalformedOrder", market=linked.market):
            submit(world, kit, strange, alice)
    submit(world, kit, round.coupled_order(alice, {0: SCALE, 3: -SCALE}, 10, 0), alice)
    own = round.coupled_order(linked.network, {0: SCALE, 3: -SCALE, flowgate: SCALE}, 10, 0)
    submit(world, kit, own, alice)
    assert round.view.forcedCount == 2


def test_a_delegates_order_is_forced_under_an_id_of_its_own(world, round, alice, dora, kit, bob):
    world.name(round.market, alice, dora)
    own = round.order(alice, 1_000, 30 * CENT)
    delegated = round.sign(alice, own.order, signer=dora)
    receipt = submit(world, kit, delegated, bob)
    (event,) = [log for log in receipt.events if log.event_name == "OrderForced"]
    assert bytes(event.orderHash) == delegated.digest
    assert world.exchange.isForced(delegated.digest)
    assert not world.exchange.isForced(own.digest)
    with ape.reverts(world.exchange.AlreadyForced, orderHash=delegated.digest):
        submit(world, kit, delegated, bob)
    submit(world, kit, own, bob)
    assert round.view.forcedCount == 2


def test_an_order_of_a_delegate_that_was_dismissed_is_forced_too(world, round, alice, dora, kit):
    """It is genuine, for ever; in the book it counts with nothing."""
    world.name(round.market, alice, dora)
    world.delegations.revoke(round.market, sender=alice)
    submit(world, kit, round.order(alice, 1_000, 30 * CENT, signer=dora), alice)


def test_an_order_that_no_named_delegate_signed_is_refused(
    world, round, alice, bob, dora, erik, kit
):
    world.name(round.market, alice, dora)
    world.name(world.create_market(), alice, erik)
    world.name(round.market, bob, erik)
    order = round.order(alice, 1_000, 30 * CENT, signer=erik)
    for signature in (order.signature, bytes(64)):
        with ape.reverts(world.exchange.InvalidSignature):
            submit(world, kit, order, alice, signature)
