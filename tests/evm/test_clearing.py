"""What the production clearing decides, the contracts settle."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from market.certificate import check
from market.clearing import clear
from market.order import Leg, Order
from market.settlement import Settlement
from market.synthetic import random_orders, sign_all
from tests.evm.round_world import GATE_IN, Trading, production_book
from tests.evm.trading import FEW_LEVELS, LIMITS_OF_TYPES, MANY_LEVELS
from tests.evm.world import OPERATOR, TRADERS, Person

SEEDS = st.integers(0, 2**32 - 1)
KEYS = [bytes.fromhex(trader.key[2:]) for trader in TRADERS]


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, bidding=st.sampled_from((FEW_LEVELS, MANY_LEVELS, LIMITS_OF_TYPES)))
def test_the_production_clearing_finds_the_one_right_result(seed, bidding):
    rules = {"price_cap": 2**62, "imbalance_cap": 0} if bidding is LIMITS_OF_TYPES else {}
    trade = Trading(Random(seed), **rules)
    batch = trade.one_product_batch(bidding)
    book, maxima = production_book(trade, batch)
    clearing = clear(book, maxima, trade.rules)
    assert clearing.prices == batch.prices
    assert clearing.fills == tuple(order.fill for order in batch.orders)
    forced = [order.signed.digest for order in batch.orders if order.forced]
    settlement = Settlement.build(book, maxima, clearing, trade.rules)
    assert trade.settle(settlement.results(), settlement.orders(forced)) is None
    trade.world.check_state()


def two_sided(trade: Trading, product: int, trader: Person, sells: bool) -> Order:
    """An offer that makes up for whatever whole Wh are missing."""
    sign = -1 if sells else 1
    return Order(
        market=trade.market,
        round=trade.number,
        legs=(Leg(product, sign * 10**6),),
        max_units=50_000,
        limit=-310_000_000 if sells else 90_000_000,
        trader=trader.address,
        epoch=0,
        salt=0,
    )


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, orders=st.integers(2, 40))
def test_the_contract_settles_coupled_rounds_that_the_production_clearing_cleared(seed, orders):
    rng = Random(seed)
    trade = Trading(rng, 10**12, carriers=2)
    grid = trade.world.exchange.grid(trade.market, trade.number)
    place = {"market": trade.market, "round": trade.number}
    unsigned = random_orders(
        rng, grid, orders, keys=KEYS, multi_leg_share=0.4, price_step=10**6, **place
    )
    signed = sign_all(unsigned, trade.world.exchange.domain)
    # Single orders of every product, with which whole Wh can always be balanced.
    signed += [
        trade.world.sign(trader, two_sided(trade, grid.product_id(index), trader, sells))
        for index in range(len(grid))
        for trader, sells in zip(TRADERS, (True, False), strict=False)
    ]
    trade.world.wait(GATE_IN)
    book, maxima = production_book(trade, signed)
    assert maxima == tuple(each.order.max_units for each in book.orders)
    clearing = clear(book, maxima, trade.rules)
    certificate = check(book, maxima, clearing, trade.rules)
    settlement = Settlement.build(book, maxima, clearing, trade.rules)
    commitment = (trade.market, trade.number, book.root, book.count)
    trade.must("Exchange", "closeGate", *commitment, sender=OPERATOR)
    assert trade.settle(settlement.results(), settlement.orders()) is None
    outcome = trade.world.exchange.round(trade.market, trade.number).outcome
    assert outcome is not None
    assert (outcome.gap, outcome.welfare) == (certificate.gap_micro, certificate.welfare_micro)
    assert outcome.dust == settlement.dust_micro
    trade.world.check_state()
    trade.world.check_invariants()
