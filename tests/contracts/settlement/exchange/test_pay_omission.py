from __future__ import annotations

import ape

CENT = 10_000_000
MONEY = 1_000_000


def pay(world, kit, case, sender, prices=None):
    return world.exchange.payOmission(
        kit.as_tuple(case.order.order),
        case.order.signer,
        case.batch.packed_prices if prices is None else prices,
        sender=sender,
    )


def test_the_owner_gets_its_surplus_from_the_operators_bond(
    world, omitted, claim, kit, clock, carol, bob
):
    """(0.40 - 0.25) a kWh on 1 kWh; anybody may bring it, the owner is paid."""
    claimed = claim(omitted)
    clock.next_at(claimed.timestamp + 86_401)
    free, bond = world.free(carol), world.ledger.bondOf(omitted.round.market, world.operator)
    receipt = pay(world, kit, omitted, bob)
    (event,) = [log for log in receipt.events if log.event_name == "OmissionPaid"]
    assert event.amount == 150_000
    assert world.free(carol) == free + 150_000
    assert world.ledger.bondOf(omitted.round.market, world.operator) == bond - 150_000


def test_a_claim_is_paid_once(world, omitted, claim, kit, clock, bob):
    claimed = claim(omitted)
    clock.next_at(claimed.timestamp + 86_401)
    pay(world, kit, omitted, bob)
    with ape.reverts(world.exchange.NoOpenClaim, id=omitted.order.digest):
        pay(world, kit, omitted, bob)
    with ape.reverts(world.exchange.ClaimExists, id=omitted.order.digest):
        claim(omitted)


def test_nothing_is_paid_while_the_claim_can_be_rebutted(world, omitted, claim, kit, clock, bob):
    claimed = claim(omitted)
    clock.next_at(claimed.timestamp + 86_400)
    with ape.reverts(world.exchange.ChallengeOpen):
        pay(world, kit, omitted, bob)


def test_prices_must_be_those_of_the_round(world, omitted, claim, kit, clock, bob):
    claimed = claim(omitted)
    clock.move_to(claimed.timestamp + 86_401)
    for wrong in (b"", bytes(16), omitted.batch.packed_prices[:-1]):
        with ape.reverts(world.exchange.PricesMismatch):
            pay(world, kit, omitted, bob, prices=wrong)


def test_without_a_claim_nothing_is_paid(world, omitted, kit, bob):
    with ape.reverts(world.exchange.NoOpenClaim, id=omitted.order.digest):
        pay(world, kit, omitted, bob)


def test_an_order_that_would_not_have_traded_is_owed_nothing(
    world, omitted, claim, kit, clock, carol, bob
):
    from types import SimpleNamespace

    low = omitted.round.order(carol, 1_000, 25 * CENT)
    case = SimpleNamespace(**{**vars(omitted), "order": low, "receipt": omitted.round.receipt(low)})
    claimed = claim(case)
    clock.next_at(claimed.timestamp + 86_401)
    free = world.free(carol)
    pay(world, kit, case, bob)
    assert world.free(carol) == free


def test_a_bond_pays_as_far_as_it_goes(world, omitted, claim, kit, clock, carol, bob):
    """1 GWh at 0.15 of surplus is 150,000 units; the bond has 100."""
    from types import SimpleNamespace

    huge = omitted.round.order(carol, 10**9, 40 * CENT)
    case = SimpleNamespace(
        **{**vars(omitted), "order": huge, "receipt": omitted.round.receipt(huge)}
    )
    claimed = claim(case)
    clock.next_at(claimed.timestamp + 86_401)
    free = world.free(carol)
    pay(world, kit, case, bob)
    assert world.free(carol) == free + 100 * MONEY
    assert world.ledger.bondOf(omitted.round.market, world.operator) == 0


def test_a_seller_and_a_coupled_order_are_paid_their_surplus(
    world, bonded, alice, bob, carol, claim, kit, clock
):
    from types import SimpleNamespace

    round = world.open_round(bonded)
    bids = [round.order(alice, 1_000, 30 * CENT, index=i) for i in range(2)]
    asks = [round.order(bob, -1_000, 20 * CENT, index=i) for i in range(2)]
    batch = round.batch([(s, 1_000) for s in bids + asks], {0: 25 * CENT, 1: 25 * CENT})
    seller = round.order(carol, -2_000, 15 * CENT)
    storage = round.coupled_order(carol, {0: 1_000_000, 1: -800_000}, 1_000, 8 * CENT)
    round.gate_and_settle(batch)
    cases = [
        SimpleNamespace(round=round, batch=batch, order=order, receipt=round.receipt(order))
        for order in (seller, storage)
    ]
    last = [claim(case) for case in cases][-1]
    clock.next_at(last.timestamp + 86_401)
    free = world.free(carol)
    for case in cases:
        pay(world, kit, case, bob)
    # 0.10 on 2 kWh; 0.08 - (0.25 - 0.8 * 0.25) on 1,000 units
    assert world.free(carol) == free + 200_000 + 30_000
