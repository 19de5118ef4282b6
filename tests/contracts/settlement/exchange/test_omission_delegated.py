"""Claims for orders that a session delegate signed, and who may rebut them."""

from __future__ import annotations

from types import SimpleNamespace

import ape
import pytest

CENT = 10_000_000
MONEY = 1_000_000


@pytest.fixture
def case(world, bonded, alice, bob, carol, dora):
    """A settled round without carol's bid of 1 kWh at 0.40, which dora signed for her."""
    world.name(bonded, carol, dora)
    round = world.open_round(bonded)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    missing = round.order(carol, 1_000, 40 * CENT, signer=dora)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.gate_and_settle(batch)
    return SimpleNamespace(
        round=round, batch=batch, order=missing, receipt=round.receipt(missing), trader=carol
    )


def rebut(world, case, who):
    signature = case.round.cancellation(who, case.order)
    return world.exchange.rebutOmission(case.order.digest, signature, sender=world.operator)


def pay(world, kit, case, signer, sender):
    return world.exchange.payOmission(
        kit.as_tuple(case.order.order), signer, case.batch.packed_prices, sender=sender
    )


def test_the_principal_is_paid_for_a_delegates_order(
    world, case, claim, kit, clock, bob, carol, dora
):
    claimed = claim(case)
    assert bytes(claimed.events[0].id) == case.order.digest
    assert world.exchange.claimOf(case.order.digest).trader == carol
    clock.next_at(claimed.timestamp + 86_401)
    free = world.free(carol)
    pay(world, kit, case, dora, bob)
    assert world.free(carol) == free + 150_000
    assert world.free(dora) == 0


def test_a_claim_is_paid_as_who_signed_it_only(world, case, claim, kit, clock, bob, carol, erik):
    claimed = claim(case)
    clock.move_to(claimed.timestamp + 86_401)
    for other in (carol, erik):
        with ape.reverts(world.exchange.NoOpenClaim):
            pay(world, kit, case, other, bob)


def test_a_dismissed_delegates_order_is_claimed_all_the_same(world, case, claim, carol, bonded):
    """It is owed what it would have been: the operator had given its receipt."""
    world.delegations.revoke(bonded, sender=carol)
    claim(case)
    assert world.exchange.claimOf(case.order.digest).claimedAt != 0


def test_an_order_that_a_stranger_signed_is_not_claimed(world, case, claim, carol, erik):
    forged = case.round.sign(carol, case.order.order, signer=erik)
    stranger = SimpleNamespace(
        **{**vars(case), "order": forged, "receipt": case.round.receipt(forged)}
    )
    with ape.reverts(world.exchange.InvalidSignature):
        claim(stranger)


def test_the_receipt_is_for_who_signed(world, case, claim, carol):
    """The principal signs the same order again: nobody gave it a receipt for that."""
    own = case.round.sign(carol, case.order.order)
    assert own.order == case.order.order
    with ape.reverts(world.exchange.InvalidSignature):
        claim(SimpleNamespace(**{**vars(case), "order": own}))


@pytest.mark.parametrize("who", ["carol", "dora"])
def test_the_trader_or_who_signed_it_rebuts_the_claim(world, case, claim, request, who):
    claim(case)
    receipt = rebut(world, case, request.getfixturevalue(who))
    assert [log.event_name for log in receipt.events] == ["OmissionRebutted"]
    with ape.reverts(world.exchange.ClaimExists):
        claim(case)


def test_neither_another_delegate_nor_anybody_else_rebuts_it(
    world, case, claim, bonded, alice, carol, erik, operator
):
    """Erik is carol's delegate by now; he did not sign that order."""
    claim(case)
    world.name(bonded, carol, erik)
    for other in (erik, alice, operator):
        with ape.reverts(world.exchange.InvalidSignature):
            rebut(world, case, other)


def test_a_former_delegate_rebuts_nothing_that_the_trader_signed(
    world, omitted, claim, bonded, carol, dora
):
    """Dora once signed for carol and works with the operator now."""
    world.name(bonded, carol, dora)
    world.delegations.revoke(bonded, sender=carol)
    claim(omitted)
    with ape.reverts(world.exchange.InvalidSignature):
        rebut(world, omitted, dora)


def test_a_former_delegate_takes_no_claim_away_by_making_it_first(
    world, omitted, claim, bonded, carol, dora, kit, clock, bob
):
    """Dora signs carol's own order too, claims it with the operator's receipt, and cancels it."""
    world.name(bonded, carol, dora)
    world.delegations.revoke(bonded, sender=carol)
    again = omitted.round.sign(carol, omitted.order.order, signer=dora)
    decoy = SimpleNamespace(
        **{**vars(omitted), "order": again, "receipt": omitted.round.receipt(again)}
    )
    claim(decoy)
    rebut(world, decoy, dora)
    claimed = claim(omitted)
    clock.next_at(claimed.timestamp + 86_401)
    free = world.free(carol)
    pay(world, kit, omitted, carol, bob)
    assert world.free(carol) == free + 150_000


def test_an_account_claims_nothing_that_its_delegate_cancelled_by_signing_it_again(
    world, case, claim, carol, dora
):
    claim(case)
    rebut(world, case, dora)
    own = case.round.sign(carol, case.order.order)
    with ape.reverts(world.exchange.InvalidSignature):
        claim(SimpleNamespace(**{**vars(case), "order": own}))


def test_a_signature_of_nobody_rebuts_nothing(world, case, claim):
    claim(case)
    for nothing in (bytes(64), b""):
        with ape.reverts(world.exchange.InvalidSignature):
            world.exchange.rebutOmission(case.order.digest, nothing, sender=world.operator)


def test_omissions_called_directly_know_no_market(world, case, connect, kit, bob):
    omissions = connect("Omissions", world.exchange.omissions())
    left, right = case.round.neighbours(case.batch, case.order)
    order = kit.as_tuple(case.order.order)
    with ape.reverts(omissions.WrongStatus):
        omissions.claimOmission(order, case.order.signature, case.receipt, left, right, sender=bob)
    with ape.reverts(omissions.NoOpenClaim):
        omissions.rebutOmission(case.order.digest, bytes(64), sender=bob)
    with ape.reverts(omissions.NoOpenClaim):
        omissions.payOmission(order, bob, case.batch.packed_prices, sender=bob)
