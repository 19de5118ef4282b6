from __future__ import annotations

import ape


def test_the_operator_commits_the_book_from_the_gate_on(world, round, alice):
    batch = round.batch([(round.order(alice, 1_000, 5), 0)])
    with ape.reverts(world.exchange.OutsideWindow):
        world.clock.next_at(round.gate_at - 1)
        world.exchange.closeGate(
            round.market, round.number, batch.book.root, 1, sender=world.operator
        )
    round.close_gate(batch)
    assert round.status == "Gated"
    assert (bytes(round.view.bookRoot), round.view.count) == (batch.book.root, 1)


def test_the_last_second_of_grace_still_counts(round):
    round.close_gate(round.batch([]), late=300)
    assert round.status == "Gated"


def test_after_the_grace_the_round_is_void(world, round):
    with ape.reverts(world.exchange.WrongStatus, status=5):
        round.close_gate(round.batch([]), late=301)


def test_only_the_operator_commits(world, round, bob):
    with ape.reverts(world.exchange.NotOperator, caller=bob.address):
        round.close_gate(round.batch([]), sender=bob)


def test_a_book_is_committed_once(world, round, alice):
    round.close_gate(round.batch([]))
    with ape.reverts(world.exchange.WrongStatus, status=2):
        round.close_gate(round.batch([(round.order(alice, 1_000, 5), 0)]))


def test_an_empty_book_has_no_root_and_a_book_has_one(world, round):
    world.clock.next_at(round.gate_at)
    for root, count in ((b"\1" * 32, 0), (bytes(32), 1)):
        with ape.reverts(world.exchange.InvalidCommitment):
            world.exchange.closeGate(round.market, round.number, root, count, sender=world.operator)
