"""Settlements, honest and not: the contracts and the reference model say the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.certificate import CertificateError, check
from market.order import Leg, Order
from market.outcome import Clearing
from market.reference.call_data import Tie
from market.settlement import Settlement, decode_orders, decode_results
from tests.evm import trading
from tests.evm.batch import Batch, Filled
from tests.evm.round_world import GATE_IN, Trading, production_book
from tests.evm.trading import (
    EXACT,
    FEW_LEVELS,
    GARBLED,
    LIMITS_OF_TYPES,
    MANY_LEVELS,
    MAY_PASS,
)
from tests.evm.world import OPERATOR, TRADERS, Person

SEEDS = st.integers(0, 2**32 - 1)
FREE_LIMITS = {"price_cap": 2**62, "imbalance_cap": 0}
EVERYTHING_PASSES = {"gap_floor": 2**64 - 1}

BIDDINGS = pytest.mark.parametrize(
    ("bidding", "rules", "margin"),
    [
        pytest.param(FEW_LEVELS, {}, 10**9, id="few price levels"),
        pytest.param(MANY_LEVELS, {"carriers": 2, "zones": 2}, 10**9, id="many price levels"),
        pytest.param(FEW_LEVELS, {}, 100_000, id="little margin"),
        pytest.param(LIMITS_OF_TYPES, FREE_LIMITS, 2**60, id="limits of types"),
    ],
)


@BIDDINGS
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_the_right_result_settles(bidding, rules, margin, seed):
    trade = Trading(Random(seed), margin, **rules)
    batch = trade.one_product_batch(bidding)
    assert trade.settle(batch.results, batch.call_data) is None
    trade.check_effects(batch, margin)
    assert trade.settle(batch.results, batch.call_data) == "WrongStatus"


@BIDDINGS
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_every_departure_from_the_right_result_is_refused_for_the_same_reason(
    bidding, rules, margin, seed
):
    rng = Random(seed)
    trade = Trading(rng, margin, **rules)
    batch = trade.one_product_batch(bidding)
    if not batch.orders:
        return
    for depart in EXACT:
        wrong = depart(batch, rng)
        if wrong is not None:
            assert trade.settle(*wrong) is not None, depart.__name__
    for depart in GARBLED:
        wrong = depart(batch, rng)
        if wrong is not None:
            assert trade.settle(*wrong, same_refusal=False) is not None, depart.__name__
    trade.world.check_state()
    for depart in MAY_PASS:
        wrong = depart(batch, rng)
        if wrong is not None and trade.settle(*wrong, same_refusal=False) is None:
            break
    else:
        assert trade.settle(batch.results, batch.call_data) is None
    trade.check_effects(batch, margin)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, margin=st.sampled_from((10**9, 300_000)))
def test_the_production_code_makes_the_same_call_data(seed, margin):
    trade = Trading(Random(seed), margin, carriers=2)
    batch = trade.one_product_batch(FEW_LEVELS)
    book, maxima = production_book(trade, batch)
    assert (book.root, book.count) == (batch.root, len(batch.orders))
    assert maxima == tuple(o.maximum for o in batch.orders)
    clearing = Clearing(batch.prices, tuple(o.fill for o in batch.orders), ())
    settlement = Settlement.build(book, maxima, clearing, trade.rules)
    forced = [o.signed.digest for o in batch.orders if o.forced]
    assert settlement.results() == batch.results
    assert settlement.orders(forced) == batch.call_data
    certificate = check(book, maxima, clearing, trade.rules)
    assert certificate.gap_micro == 0

    assert trade.settle(settlement.results(), settlement.orders(forced)) is None
    outcome = trade.world.exchange.round(trade.market, trade.number).outcome
    assert outcome is not None
    assert (outcome.positions_root, outcome.prices_hash) == (
        settlement.positions_root,
        settlement.prices_hash,
    )
    assert (outcome.dust, outcome.welfare) == (settlement.dust_micro, certificate.welfare_micro)


OF_THE_RESULT = (
    trading.price_moved,
    trading.fill_moved,
    trading.fill_above_maximum,
    trading.unit_given_to_another,
    trading.volume_withheld,
)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_the_certificate_refuses_the_results_that_the_contract_refuses(seed):
    rng = Random(seed)
    trade = Trading(rng)
    batch = trade.one_product_batch(FEW_LEVELS)
    if not batch.orders:
        return
    book, maxima = production_book(trade, batch)
    for depart in OF_THE_RESULT:
        wrong = depart(batch, rng)
        if wrong is None:
            continue
        assert trade.settle(*wrong) is not None
        prices, _ = decode_results(wrong[0], len(batch.grid))
        orders = decode_orders(wrong[1], trade.market, trade.number, batch.grid)
        clearing = Clearing(prices, tuple(order.fill for order in orders), ())
        with pytest.raises(CertificateError):
            check(book, maxima, clearing, trade.rules)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_a_round_in_chunks_ends_like_a_round_at_once(seed):
    rng = Random(seed)
    trade = Trading(rng)
    batch = trade.one_product_batch(FEW_LEVELS)
    effects = trade.verify_in_chunks(batch)
    trade.world.check_state()
    assert trade.settle(batch.results, batch.call_data) == "WrongStatus"
    applications = list(enumerate(effects))
    rng.shuffle(applications)
    stranger = TRADERS[0]
    for chunk, data in applications:
        arguments = (trade.market, trade.number, chunk)
        assert (
            trade.world.do("Exchange", "applyChunk", *arguments, data + bytes(36), sender=stranger)
            == "EffectsMismatch"
        )
        trade.must("Exchange", "applyChunk", *arguments, data, sender=stranger)
        assert trade.world.do("Exchange", "applyChunk", *arguments, data, sender=stranger) in (
            "EffectsMismatch",
            "WrongStatus",
        )
    trade.check_effects(batch, 10**9)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_a_round_left_halfway_through_its_verification_is_void_and_frees_the_margins(seed):
    rng = Random(seed)
    trade = Trading(rng)
    batch = trade.one_product_batch(FEW_LEVELS)
    if len(batch.orders) < 2:
        return
    stop = rng.randrange(1, len(batch.orders))
    world, place = trade.world, (trade.market, trade.number)
    trade.must(
        "Exchange", "verifyChunk", *place, batch.results, b"", batch.chunk(0, stop), sender=OPERATOR
    )
    progress = world.exchange.round(*place).progress
    assert progress is not None
    rest = (batch.results, progress.to_bytes(), batch.chunk(stop, len(batch.orders)))
    for wrong in (
        (batch.results, b"", rest[2]),
        (batch.results, rest[1] + bytes(32), rest[2]),
        (batch.results, bytes(len(rest[1])), rest[2]),
        (bytes(len(batch.results)), rest[1], rest[2]),
    ):
        refusal = world.do(
            "Exchange", "verifyChunk", *place, *wrong, sender=OPERATOR, same_refusal=False
        )
        assert refusal is not None
    assert trade.settle(batch.results, batch.call_data) == "ChunksStarted"
    assert world.do("Ledger", "addMargin", trade.market, 1, sender=TRADERS[0]) == "MarketFrozen"
    world.wait(trade.params.settle_window)
    assert world.do("Exchange", "verifyChunk", *place, *rest, sender=OPERATOR) == "WrongStatus"
    world.check_state()
    world.fund(TRADERS[0], 1)
    trade.must("Ledger", "addMargin", trade.market, 1, sender=TRADERS[0])
    trade.must("Exchange", "voidRound", *place, sender=TRADERS[1])
    assert world.do("Exchange", "voidRound", *place, sender=TRADERS[1]) == "WrongStatus"
    world.check_state()
    world.check_invariants()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, in_chunks=st.booleans())
def test_coupled_rounds_settle_within_the_allowance_and_not_beyond(seed, in_chunks):
    rng = Random(seed)
    trade = Trading(rng, 10**12, **(EVERYTHING_PASSES if seed % 2 else {}))
    batch = trade.coupled_batch()
    if in_chunks and seed % 2:
        for chunk, data in enumerate(trade.verify_in_chunks(batch)):
            place = (trade.market, trade.number, chunk)
            trade.must("Exchange", "applyChunk", *place, data, sender=TRADERS[0])
        trade.check_effects(batch, 10**12)
        return
    refusal = trade.settle(batch.results, batch.call_data)
    book, maxima = production_book(trade, batch)
    clearing = Clearing(batch.prices, tuple(o.fill for o in batch.orders), ())
    if refusal is None:
        certificate = check(book, maxima, clearing, trade.rules)
        outcome = trade.world.exchange.round(trade.market, trade.number).outcome
        assert outcome is not None
        assert (outcome.gap, outcome.welfare) == (certificate.gap_micro, certificate.welfare_micro)
        trade.check_effects(batch, 10**12)
    else:
        assert refusal == "GapTooLarge"
        with pytest.raises(CertificateError, match="gap"):
            check(book, maxima, clearing, trade.rules)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_departures_in_coupled_rounds_are_refused_for_the_same_reason(seed):
    rng = Random(seed)
    trade = Trading(rng, 10**12, **EVERYTHING_PASSES)
    batch = trade.coupled_batch()
    for depart in EXACT:
        wrong = depart(batch, rng)
        # Prices and volumes may differ within the allowance, which is without end here.
        if wrong is not None and depart not in OF_THE_RESULT:
            assert trade.settle(*wrong) is not None, depart.__name__
    for depart in GARBLED:
        wrong = depart(batch, rng)
        if wrong is not None:
            assert trade.settle(*wrong, same_refusal=False) is not None, depart.__name__
    for depart in (*OF_THE_RESULT, *MAY_PASS):
        wrong = depart(batch, rng)
        if wrong is not None and trade.settle(*wrong, same_refusal=False) is None:
            break
    trade.world.check_state()
    trade.world.check_invariants()


@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize(
    ("floor", "cap", "allowed_micro"), [(0, 5, 5), (7, 5, 7), (0, 100, 10), (11, 5, 11)]
)
def test_the_gap_is_allowed_up_to_floor_cap_and_millionth_and_no_further(
    floor, cap, allowed_micro, beyond
):
    """Ten million micro of welfare, so that its millionth part is ten."""
    trade = Trading(Random(0), 10**12, gap_floor=floor, gap_cap=cap)
    grid = trade.world.exchange.grid(trade.market, trade.number)
    first, second = grid.product_id(0), grid.product_id(1)
    price, units = 10**8, 10**6
    left_out = allowed_micro * 10**6 + beyond

    def filled(trader: Person, legs: dict[int, int], most: int, limit: int, fill: int) -> Filled:
        order = Order(
            trade.market,
            trade.number,
            tuple(Leg(product, sign * 10**6) for product, sign in legs.items()),
            most,
            limit,
            trader.address,
            epoch=0,
            salt=1,
        )
        return Filled(trade.world.sign(trader, order), most, fill)

    orders = [
        filled(TRADERS[0], {first: 1, second: -1}, units, 10**7, units),
        filled(TRADERS[1], {first: -1}, units, -price, units),
        filled(TRADERS[2], {second: 1}, units, price, units),
        filled(TRADERS[3], {first: 1}, left_out, price + 1, 0),
    ]
    orders.sort(key=lambda order: order.place)
    prices = (price, price, 0, 0)
    batch = Batch(grid, prices, (Tie(),) * len(grid), tuple(orders))
    trade.world.wait(GATE_IN)
    trade.close_gate(batch)
    refusal = trade.settle(batch.results, batch.call_data)
    assert refusal == ("GapTooLarge" if beyond else None)
    if not beyond:
        outcome = trade.world.exchange.round(trade.market, trade.number).outcome
        assert outcome is not None
        assert (outcome.gap, outcome.welfare) == (allowed_micro, 10**7)
    trade.world.check_state()


def test_a_market_without_tolerance_takes_no_order_of_several_legs():
    """One such order would let the operator choose among prices and ties; it cannot bring one."""
    trade = Trading(Random(5), gap_floor=0, gap_cap=0)
    batch = trade.coupled_batch()
    arguments = (trade.market, trade.number, batch.results, batch.call_data)
    assert trade.world.do("Exchange", "settle", *arguments, sender=OPERATOR) == "MalformedBatch"
    chunk = (trade.market, trade.number, batch.results, b"", batch.call_data)
    assert trade.world.do("Exchange", "verifyChunk", *chunk, sender=OPERATOR) == "MalformedBatch"
    trade.world.check_state()


def test_nobody_forces_an_order_of_several_legs_into_a_market_without_tolerance():
    trade = Trading(Random(5), gap_floor=0, gap_cap=0)
    grid = trade.world.exchange.grid(trade.market, trade.number)
    trader = TRADERS[0]
    legs = (Leg(grid.product_id(0), 10**6), Leg(grid.product_id(1), -(10**6)))
    order = Order(trade.market, trade.number, legs, 1, 0, trader.address, 0, 1)
    assert trade.world.force(trade.world.sign(trader, order)) == "MalformedOrder"
