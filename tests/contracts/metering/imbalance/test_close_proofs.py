"""What shows an account's position in a round, or that it has none."""

from __future__ import annotations

from dataclasses import dataclass

import ape
import pytest

CENT = 10_000_000
PRICE = 30 * CENT


@dataclass
class Held:
    """A market with one settled round in which traders 1, 2, 4 and 5 have positions."""

    market: object
    traders: tuple

    @property
    def round(self):
        return self.market.rounds[0]

    def close(self, account, *proofs, **changes):
        return self.market.close(account, proofs=list(proofs), **changes)


@pytest.fixture
def held(market, traders, make_trade):
    market.settle(
        make_trade(traders[1], traders[4], 1_000, PRICE),
        make_trade(traders[5], traders[2], 500, PRICE, slot=2),
    )
    market.after_posting()
    return Held(market, tuple(traders))


# ---------------------------------------------------------------------- the account's own leaf


def test_every_leaf_closes_with_its_proof(held):
    for place in (1, 2, 4, 5):
        account = held.traders[place]
        held.market.close(account)
        assert held.market.locked(account) == 0


def test_another_accounts_leaf_is_refused(imbalance, held):
    """With its own entries or with those of the leaf: it is not the account's."""
    mine, other = held.traders[1], held.traders[2]
    leaves, entries = held.round.proof_of(other)
    with ape.reverts(imbalance.WrongProof, round=1):
        held.close(mine, (leaves, entries))
    with ape.reverts(imbalance.WrongProof, round=1):
        held.close(mine, (leaves, held.round.proof_of(mine)[1]))


@pytest.mark.parametrize("field", ["index", "trader", "lock", "chain", "proof"])
def test_a_leaf_with_anything_altered_is_refused(imbalance, held, field):
    account = held.traders[2]
    ((index, trader, lock, chain, proof),), entries = held.round.proof_of(account)
    altered = {
        "index": (index + 1, trader, lock, chain, proof),
        "trader": (index, held.traders[4].address, lock, chain, proof),
        "lock": (index, trader, lock + 1, chain, proof),
        "chain": (index, trader, lock, bytes(32), proof),
        "proof": (index, trader, lock, chain, [bytes(32), *proof[1:]]),
    }[field]
    with ape.reverts(imbalance.WrongProof, round=1):
        held.close(account, ([altered], entries))


@pytest.mark.parametrize("cut", ["shorter", "longer", "none"])
def test_a_proof_of_another_length_is_refused(imbalance, held, cut):
    account = held.traders[2]
    ((index, trader, lock, chain, proof),), entries = held.round.proof_of(account)
    other = {"shorter": proof[:-1], "longer": [*proof, bytes(32)], "none": []}[cut]
    with ape.reverts(imbalance.WrongProof, round=1):
        held.close(account, ([(index, trader, lock, chain, other)], entries))


@pytest.mark.parametrize("index", [4, 2**32, 2**255])
def test_an_index_beyond_the_leaves_is_refused(imbalance, held, index):
    account = held.traders[5]
    ((_, trader, lock, chain, proof),), entries = held.round.proof_of(account)
    with ape.reverts(imbalance.WrongProof, round=1):
        held.close(account, ([(index, trader, lock, chain, proof)], entries))


def test_altered_entries_are_refused(imbalance, held):
    account = held.traders[1]
    leaves, entries = held.round.proof_of(account)
    product, quantity = entries[:8], int.from_bytes(entries[8:], "big", signed=True)
    for wrong in (
        b"",
        entries + entries,
        product + (quantity + 1).to_bytes(16, "big", signed=True),
        product + (-quantity).to_bytes(16, "big", signed=True),
        (int.from_bytes(product, "big") + 1).to_bytes(8, "big") + entries[8:],
    ):
        with ape.reverts(imbalance.WrongEntries, round=1):
            held.close(account, (leaves, wrong))


def test_half_an_entry_is_refused(held):
    leaves, entries = held.round.proof_of(held.traders[1])
    with ape.reverts():
        held.close(held.traders[1], (leaves, entries[:-1]))


# ---------------------------------------------------------------------- no leaf


def test_an_account_without_any_position_has_nothing_to_close(imbalance, held):
    for place in (0, 3, 6):
        with ape.reverts(imbalance.NothingToClose):
            held.market.close(held.traders[place])


@pytest.fixture
def twice(market, traders, make_trade):
    """Two rounds of one period: in the first traders 1, 2, 4 and 5, in the second 0, 3 and 6."""
    market.settle(
        make_trade(traders[1], traders[4], 1_000, PRICE),
        make_trade(traders[5], traders[2], 500, PRICE, slot=2),
    )
    market.settle(
        make_trade(traders[0], traders[3], 1_000, PRICE),
        make_trade(traders[0], traders[6], 1_000, PRICE),
    )
    market.after_posting()
    return market


@pytest.mark.parametrize("place", range(7))
def test_neighbours_show_that_a_round_holds_nothing(twice, traders, place):
    """Before the first leaf, between two, and after the last one."""
    twice.close(traders[place])
    assert twice.locked(traders[place]) == 0


def test_a_position_is_not_hidden_behind_its_neighbours(imbalance, twice, traders):
    """Leaves 0 and 2 are no neighbours; leaf 0 alone is not the last one."""
    first, second = twice.rounds
    account = traders[2]
    hidden = (
        [first.leaf(0), first.leaf(2)],
        [first.leaf(0)],
        [first.leaf(2)],
        [first.leaf(3)],
        [],
        [first.leaf(2), first.leaf(0)],
        [first.leaf(0), first.leaf(1), first.leaf(2)],
        [first.leaf(0), first.leaf(1)],
        [first.leaf(1), first.leaf(2)],
    )
    for leaves in hidden:
        with ape.reverts(imbalance.WrongProof, round=1):
            twice.close(account, proofs=[(leaves, b""), second.proof_of(account)])


def test_the_edges_hide_nothing_either(imbalance, twice, traders):
    first, second = twice.rounds
    for account, leaves in (
        (traders[1], [first.leaf(1)]),  # first leaf hidden behind the second
        (traders[5], [first.leaf(2)]),  # last leaf hidden behind the one before
        (traders[0], [first.leaf(3)]),  # stands before all, shown after all
        (traders[6], [first.leaf(0)]),  # stands after all, shown before all
        (traders[3], [first.leaf(1)]),  # stands between, shown one neighbour only
        (traders[3], []),
    ):
        with ape.reverts(imbalance.WrongProof, round=1):
            twice.close(account, proofs=[(leaves, b""), second.proof_of(account)])


def test_neighbours_of_another_round_show_nothing(imbalance, twice, traders):
    first, second = twice.rounds
    with ape.reverts(imbalance.WrongProof, round=2):
        twice.close(traders[2], proofs=[first.proof_of(traders[2]), first.proof_of(traders[2])])
    with ape.reverts(imbalance.WrongProof, round=1):
        twice.close(traders[3], proofs=[second.proof_of(traders[3]), second.proof_of(traders[3])])


def test_an_absent_account_brings_no_entries(imbalance, twice, traders):
    first, second = twice.rounds
    leaves, _ = first.proof_of(traders[3])
    entries = second.proof_of(traders[3])[1]
    with ape.reverts(imbalance.WrongEntries, round=1):
        twice.close(traders[3], proofs=[(leaves, entries), second.proof_of(traders[3])])


def test_a_round_without_positions_needs_no_leaves(market, seller, buyer, make_trade):
    market.settle()
    market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.after_posting()
    assert market.rounds[0].proof_of(seller) == ([], b"")
    market.close(seller)
    assert market.locked(seller) == 0


def test_a_round_without_positions_takes_no_leaves(imbalance, market, seller, buyer, make_trade):
    market.settle()
    _, traded = market.rounds[0], market.settle(make_trade(seller, buyer, 1_000, PRICE))
    market.after_posting()
    with ape.reverts(imbalance.WrongProof, round=1):
        market.close(seller, proofs=[([traded.leaf(0)], b""), traded.proof_of(seller)])


def test_a_round_of_one_position_shows_the_others_absent(market, traders, make_trade):
    """A trader who bought from itself holds the only leaf."""
    lonely = traders[3]
    market.settle(make_trade(lonely, lonely, 1_000, PRICE))
    market.settle(make_trade(traders[1], traders[5], 1_000, PRICE))
    market.after_posting()
    assert len(market.rounds[0].leaves) == 1
    for account in (traders[1], traders[5], lonely):
        market.close(account)
        assert market.locked(account) == 0
