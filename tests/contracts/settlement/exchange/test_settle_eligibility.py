"""Who counts at the gate. An order that does not has m = 0 and never blocks the batch."""

from __future__ import annotations

import pytest
from eth_utils import keccak

CENT = 10_000_000
MONEY = 1_000_000
ROLE = keccak(text="wattproof.role.eligibility")


@pytest.fixture
def fresh(world, alice, bob):
    """A market in which each test sets the margins itself."""
    return world.create_market()


def untraded(round, *orders):
    """A batch that fills nothing; at the price 0 nothing was bid or offered that counts."""
    return round.batch([(signed, 0) for signed in orders])


def test_an_order_without_margin_counts_as_nothing(world, fresh, alice, refused):
    round = world.open_round(fresh)
    bid = round.order(alice, 1_000, 30 * CENT)
    batch = untraded(round, bid)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=fresh, order=0):
        round.settle(batch.refilled({bid.digest: 1}))
    round.settle(batch)
    assert round.status == "Settled"


def test_margin_covers_orders_in_book_order(world, fresh, alice, bob, kit, refused):
    """1,000 Wh at 0.30 need 0.50 with the imbalance; the margin suffices for one of two."""
    world.back(fresh, alice, 999_999)
    world.back(fresh, bob, 10 * MONEY)
    round = world.open_round(fresh)
    bids = [round.order(alice, 1_000, 30 * CENT) for _ in range(2)]
    first, second = sorted(bids, key=lambda signed: signed.digest)
    ask = round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(first, 0), (second, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=fresh):
        round.settle(batch)
    round.settle(batch.refilled({first.digest: 1_000, second.digest: 0}))


def test_a_seller_needs_margin_for_imbalance_alone(world, fresh, alice, bob, refused):
    world.back(fresh, alice, 10 * MONEY)
    world.back(fresh, bob, 200_000)
    round = world.open_round(fresh)
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    round.gate_and_settle(round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))
    account = world.ledger.account(fresh, bob)
    assert (account.margin, account.locked) == (0, 450_000)


def test_margin_added_between_gate_and_settlement_is_refused(world, fresh, alice, refused):
    world.fund(alice, MONEY)
    round = world.open_round(fresh)
    round.close_gate(untraded(round))
    with refused("MarketFrozen", market=fresh, contract=world.ledger):
        world.ledger.addMargin(fresh, MONEY, sender=alice)


def test_an_order_of_an_old_epoch_counts_as_nothing(world, market, round, alice, bob, refused):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    world.ledger.bumpEpoch(market, sender=alice)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=market):
        round.settle(batch)
    # what is left of the book: an ask that nobody takes
    nobody = round.batch([(bid, 0), (ask, 0)], 20 * CENT)
    with refused("NotOptimal", market=market):
        round.settle(nobody)


def test_an_epoch_bumped_after_the_gate_does_not_disturb_the_round(
    world, market, round, alice, bob
):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    world.ledger.bumpEpoch(market, sender=alice)
    world.ledger.bumpEpoch(market, sender=alice)
    round.settle(batch)
    later = world.open_round(market)
    stale = later.order(alice, 1_000, 30 * CENT, epoch=0)
    current = later.order(alice, 1_000, 30 * CENT, epoch=2)
    ask = later.order(bob, -1_000, 20 * CENT)
    later.gate_and_settle(later.batch([(stale, 0), (current, 1_000), (ask, 1_000)], 25 * CENT))


def test_exit_before_the_gate_takes_the_margin_out(world, market, round, alice, bob, refused):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    world.ledger.requestExit(market, 1_000 * MONEY - 499_999, sender=alice)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=market):
        round.settle(batch)


def test_what_an_exit_leaves_still_backs_orders(world, market, round, alice, bob):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    world.ledger.requestExit(market, 1_000 * MONEY - 500_000, sender=alice)
    round.gate_and_settle(round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))


def test_exit_after_the_gate_does_not_disturb_the_round(
    world, market, round, alice, bob, clock, refused
):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    world.ledger.requestExit(market, 1_000 * MONEY, sender=alice)
    with refused("ExitNotDue", market=market, contract=world.ledger):
        world.ledger.completeExit(market, sender=alice)
    round.settle(batch)
    clock.next_at(clock.now + 86_400)
    free = world.free(alice)
    world.ledger.completeExit(market, sender=alice)
    assert world.free(alice) == free + 1_000 * MONEY - 450_000
    assert world.ledger.account(market, alice).margin == 0


def test_a_limit_beyond_the_cap_counts_as_nothing(round, alice, bob, refused):
    bid = round.order(alice, 1_000, 100 * CENT + 1)
    ask = round.order(bob, -1_000, 100 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 100 * CENT)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=round.market):
        round.settle(batch)


@pytest.fixture
def licensed(world, alice, bob):
    """A market that asks for a credential, which alice and bob hold."""
    world.credentials.accredit(world.admin, ROLE, sender=world.admin)
    market = world.create_market(role=ROLE)
    for name, trader in (("alice", alice), ("bob", bob)):
        world.back(market, trader, 10 * MONEY)
        world.credentials.grant(
            keccak(text=name), trader, ROLE, world.clock.now + 86_400, sender=world.admin
        )
    return market


def crossing(round, alice, bob):
    bid, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    return round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)


def test_holders_of_the_credential_trade(world, licensed, alice, bob):
    round = world.open_round(licensed)
    round.gate_and_settle(crossing(round, alice, bob))


def test_a_stranger_without_credential_counts_as_nothing(world, licensed, carol, bob, refused):
    world.back(licensed, carol, 10 * MONEY)
    round = world.open_round(licensed)
    batch = crossing(round, carol, bob)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=licensed):
        round.settle(batch)


def test_a_credential_revoked_before_the_gate_opens_nothing(
    world, licensed, alice, bob, kit, refused
):
    round = world.open_round(licensed)
    batch = crossing(round, alice, bob)
    world.credentials.revoke(keccak(text="alice"), sender=world.admin)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=licensed):
        round.settle(batch)
    orders = [(signed, 0) for signed in batch.book.orders]
    round.settle(round.batch(orders, 20 * CENT, {0: kit.Tie(2, 1_000, 0)}))
    assert round.status == "Settled"


def test_a_credential_revoked_after_the_gate_does_not_disturb_the_round(
    world, licensed, alice, bob, clock
):
    round = world.open_round(licensed)
    batch = crossing(round, alice, bob)
    round.close_gate(batch)
    clock.next_at(round.gate_at + 1)
    world.credentials.revoke(keccak(text="alice"), sender=world.admin)
    round.settle(batch)
    assert round.status == "Settled"


def test_nobody_sells_more_than_its_attested_capacity(world, alice, bob, deploy, kit, refused):
    source = deploy("test/FixedCapacity")
    market = world.create_market(capacitySource=source.address, capacityUnitWh=100)
    for trader in (alice, bob):
        world.back(market, trader, 10 * MONEY)
    source.attest(bob, 1_599, sender=bob)
    world.ledger.syncCapacity(market, bob, sender=alice)
    assert world.ledger.account(market, bob).capacity == 15
    round = world.open_round(market)
    asks = [round.order(bob, -1_000, 20 * CENT, index=i) for i in range(2)]
    bids = [round.order(alice, 1_000, 30 * CENT, index=i) for i in range(2)]
    counts = min(asks, key=lambda signed: signed.digest)
    both = round.batch([(s, 1_000) for s in asks + bids], {0: 25 * CENT, 1: 25 * CENT})
    round.close_gate(both)
    with refused("FillAboveMaximum", market=market):
        round.settle(both)
    place = asks.index(counts)
    fills = [(s, 1_000 if s in (counts, bids[place]) else 0) for s in asks + bids]
    prices = {place: 25 * CENT, 1 - place: 30 * CENT}
    round.settle(round.batch(fills, prices, {1 - place: kit.Tie(1, 1_000, 0)}))
    with refused("MarketFrozen", market=market, contract=world.ledger):
        frozen = world.open_round(market)
        frozen.close_gate(untraded(frozen))
        world.ledger.syncCapacity(market, bob, sender=alice)
