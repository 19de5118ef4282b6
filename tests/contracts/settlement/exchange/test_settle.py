from __future__ import annotations

import pytest
from eth_utils import keccak

from market.merkle import root
from market.order import Domain

CENT = 10_000_000
MONEY = 1_000_000
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def trade(round, alice, bob):
    """Alice buys 10 kWh of bob, in the middle of their limits."""
    bid = round.order(alice, 10_000, 30 * CENT)
    ask = round.order(bob, -10_000, 20 * CENT)
    return round.batch([(bid, 10_000), (ask, 10_000)], 25 * CENT)


def digest_of(batch, trader):
    (digest,) = [s.digest for s in batch.book.orders if s.order.trader == trader.address]
    return digest


# -------------------------------------------------------------------- what a settlement does


def test_a_trade_debits_the_buyer_and_locks_the_seller(world, round, trade, alice, bob):
    before = world.holdings(round.market, world.traders)
    round.gate_and_settle(trade)
    assert round.status == "Settled"
    for trader in (alice, bob):
        debit, lock = trade.effects()[trader.address]
        account = world.ledger.account(round.market, trader)
        assert (account.margin, account.locked) == (1_000 * MONEY - debit, lock)
    assert trade.effects()[alice.address] == (2_500_000 + 2_000_000, 2_000_000)
    assert trade.effects()[bob.address] == (2_000_000, 2_500_000 + 2_000_000)
    assert world.holdings(round.market, world.traders) == before


def test_positions_and_prices_are_kept_as_hashes(round, trade):
    receipt = round.gate_and_settle(trade)
    view = round.view
    assert view.positionsRoot == root(trade.position_leaves)
    assert view.positionsCount == 2
    assert view.pricesHash == keccak(trade.packed_prices)
    (settled,) = [log for log in receipt.events if log.event_name == "RoundSettled"]
    # welfare: (0.30 - 0.20) a kWh on 10 kWh
    assert (settled.gapMicro, settled.welfareMicro, settled.dust) == (0, 1_000_000, 0)


def test_what_rounding_leaves_over_is_dust(world, round, alice, bob):
    bid = round.order(alice, 333, 30 * CENT + 1)
    ask = round.order(bob, -333, 20 * CENT)
    batch = round.batch([(bid, 333), (ask, 333)], 25 * CENT)
    batch = batch.changed(prices=(25 * CENT + 0, 0))
    before = world.holdings(round.market, world.traders)
    dust = world.ledger.dust(world.token)
    round.gate_and_settle(batch)
    assert batch.dust >= 0
    assert world.ledger.dust(world.token) == dust + batch.dust
    assert world.holdings(round.market, world.traders) == before


def test_an_odd_price_leaves_exactly_one_micro_of_dust(world, round, alice, bob):
    bid = round.order(alice, 1_001, 3)
    ask = round.order(bob, -1_001, 1)
    batch = round.batch([(bid, 1_001), (ask, 1_001)], 2)
    dust = world.ledger.dust(world.token)
    round.gate_and_settle(batch)
    assert batch.dust == 1
    assert world.ledger.dust(world.token) == dust + 1


def test_prices_below_zero_pay_the_buyer(world, round, alice, bob):
    bid = round.order(alice, 4_000, -5 * CENT)
    ask = round.order(bob, -4_000, -10 * CENT)
    batch = round.batch([(bid, 4_000), (ask, 4_000)], -7 * CENT - CENT // 2)
    round.gate_and_settle(batch)
    assert batch.effects()[alice.address] == (800_000, 300_000 + 800_000)
    assert world.ledger.account(round.market, alice).locked == 1_100_000


def test_an_order_of_both_sides_by_one_trader_is_netted_in_one_leaf(world, round, alice, bob):
    orders = [
        (round.order(alice, 3_000, 30 * CENT), 3_000),
        (round.order(alice, -2_000, 20 * CENT, index=1), 2_000),
        (round.order(bob, -3_000, 20 * CENT), 3_000),
        (round.order(bob, 2_000, 30 * CENT, index=1), 2_000),
    ]
    batch = round.batch(orders, {0: 25 * CENT, 1: 25 * CENT})
    round.gate_and_settle(batch)
    assert round.view.positionsRoot == root(batch.position_leaves)
    assert round.view.positionsCount == 2


def test_an_empty_book_settles(round):
    batch = round.batch([])
    round.gate_and_settle(batch)
    assert round.status == "Settled"
    assert round.view.positionsRoot == bytes(32)


def test_a_product_nobody_traded_carries_an_indicative_price(round, alice, bob, refused):
    bid = round.order(alice, 1_000, 10 * CENT)
    ask = round.order(bob, -1_000, 21 * CENT)
    batch = round.batch([(bid, 0), (ask, 0)], 15 * CENT + CENT // 2)
    round.close_gate(batch)
    with refused("WrongPrice", market=round.market, product=0):
        round.settle(batch.changed(prices=(15 * CENT, 0)))
    round.settle(batch)
    assert round.view.positionsCount == 0


def test_the_batch_of_the_python_core_is_the_same(round, trade):
    from market.outcome import Clearing
    from market.rules import MarketRules
    from market.settlement import Settlement

    rules = MarketRules(
        carriers=1,
        zones=1,
        slot_seconds=900,
        period_slots=96,
        price_cap=100 * CENT,
        imbalance_cap=20 * CENT,
        shortfall_bp=500,
        surplus_bp=500,
        gap_floor_micro=1_000,
        gap_cap_micro=1_000_000,
    )
    maxima = tuple(signed.order.max_units for signed in trade.book.orders)
    clearing = Clearing(prices=trade.prices, fills=trade.fills, indicative=(False, True))
    settlement = Settlement.build(trade.book, maxima, clearing, rules)
    assert settlement.results() == trade.results
    assert settlement.orders() == trade.orders
    assert settlement.positions_root == root(trade.position_leaves)
    assert settlement.prices_hash == keccak(trade.packed_prices)


# -------------------------------------------------------------------- ties


@pytest.fixture
def tie(round, alice, bob, carol, kit):
    """Three bids at the price share 1,000 Wh that bob offers below it; 1,501 are wanted."""
    bids = [
        round.order(alice, 300, 25 * CENT),
        round.order(carol, 500, 25 * CENT),
        round.order(carol, 701, 25 * CENT),
    ]
    ask = round.order(bob, -1_000, 25 * CENT - 2)
    offered, filled = 1_501, 1_000
    shares = {b.digest: divmod(b.order.max_units * filled, offered) for b in bids}
    missing = filled - sum(share for share, _ in shares.values())
    ranked = sorted(bids, key=lambda b: (-shares[b.digest][1], b.digest))
    extra = ranked[:missing]
    cut = (shares[extra[-1].digest][1], extra[-1].digest) if extra else ((1 << 128) - 1, bytes(32))
    fills = [(b, shares[b.digest][0] + (b in extra)) for b in bids]
    # lo = highest bid not full, hi = lowest filled bid
    return round.batch([*fills, (ask, 1_000)], 25 * CENT, {0: kit.Tie(1, offered, filled, *cut)})


def test_tied_orders_share_by_largest_remainder(round, tie):
    round.gate_and_settle(tie)
    assert round.status == "Settled"


def test_a_wh_moved_between_tied_orders_is_refused(round, tie, alice, carol, refused):
    round.close_gate(tie)
    first, second = [s.digest for s in tie.book.orders if s.order.trader == carol.address]
    fills = dict(zip([s.digest for s in tie.book.orders], tie.fills, strict=True))
    mine = digest_of(tie, alice)
    for giver, taker in ((mine, first), (first, mine), (first, second), (second, first)):
        moved = tie.refilled({giver: fills[giver] - 1, taker: fills[taker] + 1})
        with refused("NotOptimal", market=round.market):
            round.settle(moved)
    round.settle(tie)


def test_another_cut_cannot_favour_an_order(round, tie, kit, refused):
    round.close_gate(tie)
    true = tie.ties[0]
    everybody = kit.Tie(1, true.offered, true.filled, 0, b"\xff" * 32)
    nobody = kit.Tie(1, true.offered, true.filled)
    for cut in (everybody, nobody):
        with refused("NotOptimal", market=round.market):
            round.settle(tie.changed(ties={0: cut}))


def test_sums_of_a_tie_that_are_not_the_orders_are_refused(round, tie, kit, refused):
    round.close_gate(tie)
    true = tie.ties[0]
    doubled = kit.Tie(1, 2 * true.offered, 2 * true.filled, 2 * true.cut_remainder, true.cut_hash)
    with refused("WrongTie", market=round.market, product=0):
        round.settle(tie.changed(ties={0: doubled}))


def test_a_tie_must_be_named(round, tie, refused):
    round.close_gate(tie)
    with refused("NotOptimal", market=round.market):
        round.settle(tie.changed(ties={}))


def test_a_tie_that_is_wholly_filled_is_not_a_tie(round, trade, kit, refused):
    round.close_gate(trade)
    with refused("MalformedResults", market=round.market, product=0):
        round.settle(trade.changed(ties={0: kit.Tie(1, 10_000, 10_000)}))


def test_the_side_that_is_not_rationed_is_full(round, alice, bob, kit, refused):
    """Less than the maximum volume at the price: both sides partly filled."""
    bid = round.order(alice, 1_000, 25 * CENT)
    ask = round.order(bob, -1_000, 25 * CENT)
    batch = round.batch([(bid, 500), (ask, 500)], 25 * CENT, {0: kit.Tie(1, 1_000, 500)})
    round.close_gate(batch)
    with refused("NotOptimal", market=round.market):
        round.settle(batch)
    round.settle(round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT))


# -------------------------------------------------------------------- what the operator may not do


def test_a_price_moved_by_one_is_refused(round, trade, refused):
    round.close_gate(trade)
    for moved in (25 * CENT - 1, 25 * CENT + 1):
        with refused("WrongPrice", market=round.market, product=0):
            round.settle(trade.changed(prices=(moved, 0)))


def test_nobody_is_filled_beyond_what_it_signed(round, trade, alice, bob, refused):
    round.close_gate(trade)
    over = {digest_of(trade, alice): 10_001, digest_of(trade, bob): 10_001}
    with refused("FillAboveMaximum", market=round.market, order=0):
        round.settle(trade.refilled(over))


def test_nobody_pays_more_than_its_limit(round, trade, refused):
    round.close_gate(trade)
    for price in (31 * CENT, 19 * CENT):
        with refused("CostAboveLimit", market=round.market):
            round.settle(trade.changed(prices=(price, 0)))


def test_energy_from_nowhere_is_refused(round, alice, bob, refused):
    bid = round.order(alice, 1_000, 30 * CENT)
    ask = round.order(bob, -1_001, 20 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_001)], 25 * CENT)
    round.close_gate(batch)
    with refused("NotBalanced", market=round.market, product=0):
        round.settle(batch)


def test_a_better_order_left_out_of_the_fills_is_refused(round, alice, bob, carol, refused):
    bids = [round.order(alice, 1_000, 30 * CENT), round.order(carol, 1_000, 40 * CENT)]
    ask = round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bids[0], 1_000), (bids[1], 0), (ask, 1_000)], 30 * CENT)
    round.close_gate(batch)
    with refused("NotOptimal", market=round.market):
        round.settle(batch)


def test_an_order_dropped_from_the_committed_book_is_missed(round, trade, alice, refused):
    round.close_gate(trade)
    smaller = round.batch([(s, 0) for s in trade.book.orders if s.order.trader == alice.address])
    with refused("WrongBook", market=round.market):
        round.settle(smaller)


def test_an_order_added_to_the_committed_book_is_noticed(round, trade, carol, refused):
    round.close_gate(trade)
    larger = [(s, f) for s, f in zip(trade.book.orders, trade.fills, strict=True)]
    larger.append((round.order(carol, 1, CENT), 0))
    with refused("WrongBook", market=round.market):
        round.settle(round.batch(larger, 25 * CENT))


def test_an_order_exchanged_for_another_is_noticed(round, trade, alice, bob, refused):
    round.close_gate(trade)
    other = [(s, 10_000) for s in trade.book.orders if s.order.trader == bob.address]
    other.append((round.order(alice, 10_000, 30 * CENT), 10_000))
    with refused("WrongBook", market=round.market):
        round.settle(round.batch(other, 25 * CENT))


def test_an_order_twice_is_refused(round, trade, kit, refused):
    round.close_gate(trade)
    grid, signed = trade.book.grid, trade.book.orders[0]
    once = kit.encode_order(grid, signed, 10_000)
    with refused("OrdersNotSorted", market=round.market, order=1):
        round.settle(trade, orders=kit.group_header(signed.order.trader, 2) + once + once)
    group = kit.group_header(signed.order.trader, 1) + once
    with refused("OrdersNotSorted", market=round.market, order=1):
        round.settle(trade, orders=group + group)


def test_traders_out_of_place_are_refused(round, trade, kit, refused):
    round.close_gate(trade)
    groups = [
        kit.group_header(s.order.trader, 1) + kit.encode_order(trade.book.grid, s, 10_000)
        for s in trade.book.orders
    ]
    with refused("OrdersNotSorted", market=round.market, order=1):
        round.settle(trade, orders=b"".join(reversed(groups)))


def test_a_changed_recipient_is_no_longer_signed(round, trade, carol, kit, refused):
    """The only account an order can move is its signer's: naming another breaks the signature."""
    round.close_gate(trade)
    order = kit.encode_order(trade.book.grid, trade.book.orders[0], 10_000)
    with refused("BadSignature", market=round.market, order=0):
        round.settle(trade, orders=kit.group_header(carol.address, 1) + order)


def test_a_product_cannot_be_listed_twice(round, trade, kit, refused):
    """Results have one place a product and no names: a second price has nowhere to stand."""
    round.close_gate(trade)
    with refused("MalformedResults", market=round.market):
        round.settle(trade, results=kit.encode_results((*trade.prices, 24 * CENT)))
    with refused("MalformedResults", market=round.market):
        round.settle(trade, results=kit.encode_results(trade.prices[:1]))


def test_a_product_outside_the_round_is_refused(round, trade, kit, refused):
    round.close_gate(trade)
    data = bytearray(trade.orders)
    data[22 + 37 : 22 + 39] = (2).to_bytes(2, "big")
    with refused("MalformedBatch", market=round.market, order=0):
        round.settle(trade, orders=bytes(data))


def test_bytes_too_few_or_too_many_are_refused(round, trade, refused):
    round.close_gate(trade)
    for wrong in (trade.orders + b"\0", trade.orders[:22], b"\1" * 21):
        with refused("MalformedBatch", market=round.market):
            round.settle(trade, orders=wrong)
    # What is cut off reads as zero, and no key signs that.
    with refused("BadSignature", market=round.market):
        round.settle(trade, orders=trade.orders[:-40])
    with refused("WrongBook", market=round.market):
        round.settle(trade, orders=b"")


def test_an_order_of_no_units_is_refused(round, trade, alice, refused):
    round.close_gate(trade)
    nothing = round.order(alice, 1, CENT, max_units=0)
    with refused("MalformedBatch", market=round.market, order=0):
        round.settle(round.batch([(nothing, 0)]))


def test_a_round_settles_once(round, trade, refused):
    round.gate_and_settle(trade)
    with refused("WrongStatus", market=round.market, status=4):
        round.settle(trade)


def test_only_the_operator_settles(round, trade, bob, refused):
    round.close_gate(trade)
    with refused("NotOperator", market=round.market, caller=bob.address):
        round.settle(trade, sender=bob)


def test_before_the_gate_is_committed_nothing_settles(round, trade, refused):
    with refused("WrongStatus", market=round.market, status=1):
        round.settle(trade)


def test_the_engine_refuses_direct_calls(world, round, trade, connect, refused):
    round.close_gate(trade)
    engine = connect("SettlementEngine", world.exchange.engine())
    with refused("NotOperator", market=round.market, contract=engine):
        engine.settle(
            round.market, round.number, trade.results, trade.orders, sender=world.operator
        )


# -------------------------------------------------------------------- deadlines


def test_a_missed_deadline_voids_the_round_and_frees_the_margins(
    world, round, trade, clock, alice, refused
):
    round.close_gate(trade)
    clock.move_to(round.gate_at + 3_600)
    assert round.status == "Void"
    with refused("WrongStatus", market=round.market, status=5):
        round.settle(trade)
    assert not world.exchange.isFrozen(round.market)
    world.ledger.requestExit(round.market, 1_000 * MONEY, sender=alice)
    clock.next_at(clock.now + 86_400)
    free = world.free(alice)
    world.ledger.completeExit(round.market, sender=alice)
    assert world.free(alice) == free + 1_000 * MONEY


def test_the_last_second_still_settles(round, trade, clock):
    round.close_gate(trade)
    clock.next_at(round.gate_at + 3_599)
    round.settle(trade)
    assert round.status == "Settled"


# -------------------------------------------------------------------- signatures


def resigned(batch, place, signature):
    from dataclasses import replace

    orders = list(batch.book.orders)
    orders[place] = replace(orders[place], signature=signature)
    return batch.changed(book=replace(batch.book, orders=tuple(orders)))


def test_a_malleated_signature_is_refused(round, trade, refused):
    round.close_gate(trade)
    signature = trade.book.orders[0].signature
    rest = int.from_bytes(signature[32:], "big")
    s, parity = rest & ((1 << 255) - 1), rest >> 255
    high = ORDER_OF_CURVE - s
    # The compact form has no room for it: the top bit of s is the parity.
    twin = signature[:32] + ((1 - parity) << 255 | (high & ((1 << 255) - 1))).to_bytes(32, "big")
    with refused("BadSignature", market=round.market, order=0):
        round.settle(resigned(trade, 0, twin))


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64], ids=["zeros", "ones"])
def test_a_signature_of_nobody_is_refused(round, trade, signature, refused):
    round.close_gate(trade)
    with refused("BadSignature", market=round.market, order=0):
        round.settle(resigned(trade, 0, signature))


def test_an_order_signed_for_another_chain_or_exchange_is_refused(
    world, round, trade, bob, alice, refused
):
    ask = next(s for s in trade.book.orders if s.order.trader == bob.address)
    domain = world.domain
    for foreign in (
        Domain(domain.chain_id + 1, domain.exchange),
        Domain(domain.chain_id, world.ledger.address),
    ):
        replayed = round.order(alice, 10_000, 30 * CENT, domain=foreign)
        own = round.order(alice, 10_000, 30 * CENT, salt=replayed.order.salt)
        disguised = type(own)(own.order, replayed.signature, own.digest)
        batch = round.batch([(disguised, 10_000), (ask, 10_000)], 25 * CENT)
        if round.status == "Open":
            round.close_gate(batch)
        with refused("BadSignature", market=round.market):
            round.settle(batch)


def test_an_order_of_an_earlier_round_is_refused(world, market, alice, kit, refused):
    first = world.open_round(market)
    bid = first.order(alice, 1_000, 30 * CENT)
    unfilled = {0: kit.Tie(1, 1_000, 0)}
    first.gate_and_settle(first.batch([(bid, 0)], 30 * CENT, unfilled))
    second = world.open_round(market)
    own = second.order(alice, 1_000, 30 * CENT, salt=bid.order.salt)
    disguised = type(own)(own.order, bid.signature, own.digest)
    batch = second.batch([(disguised, 0)], 30 * CENT, unfilled)
    second.close_gate(batch)
    with refused("BadSignature", market=market, order=0):
        second.settle(batch)


def test_an_account_that_delegated_to_hostile_code_is_only_a_key(
    world, round, trade, chain, alice, bob, deploy
):
    """EIP-7702: the trader's address carries code that refuses every call; none is made."""
    hostile = deploy("test/RefusesEverything")
    for trader in (alice, bob):
        code = "0xef0100" + hostile.address[2:].lower()
        chain.provider.make_request("anvil_setCode", [trader.address, code])
    round.gate_and_settle(trade)
    assert round.status == "Settled"
    assert world.ledger.account(round.market, bob).locked == trade.effects()[bob.address][1]
