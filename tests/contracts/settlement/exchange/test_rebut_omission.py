from __future__ import annotations

import ape

from market.messages import Cancellation


def test_the_traders_signed_cancellation_ends_the_claim(world, omitted, claim, kit, clock):
    claim(omitted)
    signature = omitted.round.cancellation(omitted.trader, omitted.order)
    receipt = world.exchange.rebutOmission(omitted.order.digest, signature, sender=world.operator)
    assert [log.event_name for log in receipt.events] == ["OmissionRebutted"]
    clock.move_to(clock.now + 86_401)
    with ape.reverts(world.exchange.NoOpenClaim, id=omitted.order.digest):
        world.exchange.payOmission(
            kit.as_tuple(omitted.order.order),
            omitted.order.signer,
            omitted.batch.packed_prices,
            sender=omitted.trader,
        )
    with ape.reverts(world.exchange.ClaimExists, id=omitted.order.digest):
        claim(omitted)


def test_a_cancellation_by_another_or_of_another_order_does_not(world, omitted, claim, alice):
    claim(omitted)
    round, trader = omitted.round, omitted.trader
    other = round.order(trader, 1_000, 7)
    elsewhere = Cancellation(round.market, round.number + 1, omitted.order.digest)
    for signature in (
        round.cancellation(alice, omitted.order),
        round.cancellation(trader, other),
        elsewhere.sign(world.domain, trader.private_key),
        omitted.order.signature,
    ):
        with ape.reverts(world.exchange.InvalidSignature):
            world.exchange.rebutOmission(omitted.order.digest, signature, sender=world.operator)


def test_after_the_challenge_window_it_is_too_late(world, omitted, claim, clock):
    claimed = claim(omitted)
    signature = omitted.round.cancellation(omitted.trader, omitted.order)
    clock.next_at(claimed.timestamp + 86_401)
    with ape.reverts(world.exchange.ChallengeOver):
        world.exchange.rebutOmission(omitted.order.digest, signature, sender=world.operator)


def test_without_a_claim_there_is_nothing_to_rebut(world, omitted):
    signature = omitted.round.cancellation(omitted.trader, omitted.order)
    with ape.reverts(world.exchange.NoOpenClaim, id=omitted.order.digest):
        world.exchange.rebutOmission(omitted.order.digest, signature, sender=world.operator)
