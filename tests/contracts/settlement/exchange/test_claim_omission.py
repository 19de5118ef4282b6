from __future__ import annotations

from types import SimpleNamespace

import ape
import pytest

from market.messages import Receipt

CENT = 10_000_000


def test_a_receipted_order_missing_from_the_book_opens_a_claim(world, omitted, claim, carol):
    receipt = claim(omitted)
    (event,) = [log for log in receipt.events if log.event_name == "OmissionClaimed"]
    assert bytes(event.id) == omitted.order.digest
    claimed = world.exchange.claimOf(omitted.order.digest)
    assert claimed.trader == carol.address
    assert claimed.claimedAt == receipt.timestamp


def test_an_order_that_is_in_the_book_was_not_omitted(world, omitted, claim):
    """However the neighbours are chosen."""
    round, batch = omitted.round, omitted.batch
    inside = batch.book.orders[0]
    receipt = round.receipt(inside)
    choices = [(a, b) for a in (-1, 0, 1) for b in (0, 1, 2)]
    for left, right in choices:
        with ape.reverts(world.exchange.WrongNeighbours):
            claim(
                omitted,
                order=inside,
                receipt=receipt,
                neighbours=(round.neighbour(batch, left), round.neighbour(batch, right)),
            )


def test_neighbours_must_be_adjacent_and_around_the_order(world, omitted, claim):
    round, batch = omitted.round, omitted.batch
    left, right = round.neighbours(batch, omitted.order)
    end = round.neighbour(batch, -1)
    for wrong in (
        (end, end),
        (right, left),
        (left, left),
        (right, right),
        (end, right),
        (left, end),
    ):
        if wrong == (left, right):
            continue
        with ape.reverts(world.exchange.WrongNeighbours):
            claim(omitted, neighbours=wrong)


def test_a_leaf_that_is_not_in_the_book_proves_nothing(world, omitted, claim):
    left, right = omitted.round.neighbours(omitted.batch, omitted.order)
    for real in (left, right):
        if not real[0]:
            continue
        forged = (True, real[1], real[2], b"\1" * 32, real[4])
        shorter = (True, real[1], real[2], real[3], real[4][:-1])
        longer = (True, real[1], real[2], real[3], [*real[4], b"\0" * 32])
        for wrong in (forged, shorter, longer):
            pair = (wrong, right) if real is left else (left, wrong)
            with ape.reverts(world.exchange.WrongNeighbours):
                claim(omitted, neighbours=pair)


def test_an_order_left_out_of_an_empty_book(world, bonded, alice, claim):
    round = world.open_round(bonded)
    missing = round.order(alice, 1_000, 40 * CENT)
    batch = round.batch([])
    round.gate_and_settle(batch)
    claim(SimpleNamespace(round=round, batch=batch, order=missing, receipt=round.receipt(missing)))
    assert world.exchange.claimOf(missing.digest).claimedAt != 0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_every_gap_of_a_book_can_be_shown(world, bonded, carol, claim, size):
    """First, last and every place between, in books whose trees promote odd nodes."""
    round = world.open_round(bonded)
    orders = [round.order(carol, 1_000 + i, CENT) for i in range(size + 1)]
    orders.sort(key=lambda signed: signed.digest)
    place = (size * 7) % (size + 1)
    missing = orders.pop(place)
    # None of them is covered by capacity to trade: nothing is filled, ties are rationed to nothing.
    batch = unfilled(round, orders)
    round.gate_and_settle(batch)
    claim(SimpleNamespace(round=round, batch=batch, order=missing, receipt=round.receipt(missing)))


def unfilled(round, orders):
    """Bids at one limit that nobody answers: the price is the limit, all are tied and empty."""
    tie = SimpleTie(1, sum(signed.order.max_units for signed in orders))
    return round.batch([(signed, 0) for signed in orders], CENT, {0: tie})


class SimpleTie:
    def __init__(self, side, offered):
        self.side, self.offered, self.filled = side, offered, 0
        self.cut_remainder, self.cut_hash = (1 << 128) - 1, bytes(32)


def test_only_the_operators_receipt_counts(world, omitted, claim, carol, bob):
    for key in (carol.private_key, bob.private_key):
        with ape.reverts(world.exchange.InvalidSignature):
            claim(omitted, receipt=omitted.round.receipt(omitted.order, key=key))
    time, signature = omitted.receipt
    with ape.reverts(world.exchange.InvalidSignature):
        claim(omitted, receipt=(time - 1, signature))


def test_a_receipt_from_the_gate_on_does_not_count(world, omitted, claim):
    late = omitted.round.receipt(omitted.order, omitted.round.gate_at)
    with ape.reverts(world.exchange.ReceiptTooLate):
        claim(omitted, receipt=late)


def test_a_receipt_is_for_one_order(world, omitted, claim, carol):
    other = omitted.round.order(carol, 1_000, 50 * CENT)
    with ape.reverts(world.exchange.InvalidSignature):
        claim(omitted, order=other)


def test_an_order_that_its_trader_did_not_sign_was_rightly_left_out(world, omitted, claim, bob):
    forged = type(omitted.order).sign(world.domain, omitted.order.order, bob.private_key)
    with ape.reverts(world.exchange.InvalidSignature):
        claim(omitted, order=forged)


def test_an_ill_formed_order_was_rightly_left_out(world, omitted, claim, carol):
    odd = omitted.round.order(carol, 1_000, 101 * CENT)
    with ape.reverts(world.exchange.MalformedOrder):
        claim(omitted, order=odd, receipt=omitted.round.receipt(odd))


def test_an_omission_is_claimed_once(world, omitted, claim):
    claim(omitted)
    with ape.reverts(world.exchange.ClaimExists, id=omitted.order.digest):
        claim(omitted)


def test_nothing_is_owed_before_the_round_is_settled(world, bonded, alice, claim):
    round = world.open_round(bonded)
    missing = round.order(alice, 1_000, 40 * CENT)
    batch = round.batch([])
    case = SimpleNamespace(round=round, batch=batch, order=missing, receipt=round.receipt(missing))
    with ape.reverts(world.exchange.WrongStatus, status=1):
        claim(case)
    round.close_gate(batch)
    with ape.reverts(world.exchange.WrongStatus, status=2):
        claim(case)


def test_a_void_round_owes_nothing(world, bonded, alice, claim, clock):
    round = world.open_round(bonded)
    missing = round.order(alice, 1_000, 40 * CENT)
    case = SimpleNamespace(
        round=round, batch=round.batch([]), order=missing, receipt=round.receipt(missing)
    )
    clock.move_to(round.gate_at + 3_600)
    with ape.reverts(world.exchange.WrongStatus, status=5):
        claim(case)
    world.exchange.voidRound(round.market, round.number, sender=alice)
    with ape.reverts(world.exchange.WrongStatus, status=5):
        claim(case)


def test_the_book_of_another_round_shows_no_gap_in_this_one(world, bonded, omitted, claim):
    """An order that its own round holds is not missing because the next round has none."""
    round = world.open_round(bonded)
    empty = round.batch([])
    round.gate_and_settle(empty)
    inside = omitted.batch.book.orders[0]
    with ape.reverts(world.exchange.WrongNeighbours):
        claim(
            omitted,
            order=inside,
            receipt=omitted.round.receipt(inside),
            neighbours=round.neighbours(empty, inside),
        )


def test_a_receipt_for_another_round_does_not_count(world, omitted, claim):
    receipt = omitted.round.receipt(omitted.order)
    elsewhere = Receipt(
        omitted.round.market, omitted.round.number + 1, omitted.order.digest, receipt[0]
    )
    signature = elsewhere.sign(world.domain, world.operator.private_key)
    with ape.reverts(world.exchange.InvalidSignature):
        claim(omitted, receipt=(receipt[0], signature))


def test_a_strangers_flowgate_order_is_owed_no_place_in_a_book(world, line, linked, claim, carol):
    """Even where the operator was careless enough to receipt it."""
    world.post_bond(linked.market, world.operator, 1)
    line.round.gate_and_settle(line.batch)
    strange = line.round.order(carol, -1_000, 0, index=2)
    case = SimpleNamespace(
        round=line.round, batch=line.batch, order=strange, receipt=line.round.receipt(strange)
    )
    with ape.reverts(world.exchange.MalformedOrder):
        claim(case)
