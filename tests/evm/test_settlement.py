"""Settlements, honest and not: the contracts and the reference model say the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.order import SignedOrder
from market.reference import MarketParams
from tests.evm import trading
from tests.evm.batch import Batch, clear, judge, positions
from tests.evm.trading import (
    EXACT,
    FEW_LEVELS,
    GARBLED,
    LIMITS_OF_TYPES,
    MANY_LEVELS,
    MAY_PASS,
    Bidding,
)
from tests.evm.world import OPERATOR, TRADERS, World

SEEDS = st.integers(0, 2**32 - 1)
GATE_IN = 600
FREE_LIMITS = {"price_cap": 2**62, "imbalance_cap": 0}
EVERYTHING_PASSES = {"gap_floor": 2**64 - 1}


class Trading:
    """A world whose traders have margin in one market, and its open round."""

    def __init__(self, rng: Random, margin: int = 10**9, **rules: object) -> None:
        self.rng = rng
        self.world = World()
        self.market = self.world.create_market(**rules)
        for trader in TRADERS:
            self.world.fund(trader, margin)
            self.must("Ledger", "addMargin", self.market, margin, sender=trader)
        self.number = self.world.open_round(self.market, GATE_IN)

    @property
    def params(self) -> MarketParams:
        return self.world.exchange.market(self.market)

    def must(self, contract: str, function: str, *arguments: object, **how: object) -> None:
        refusal = self.world.do(contract, function, *arguments, **how)  # type: ignore[arg-type]
        assert refusal is None, f"{contract}.{function}: {refusal}"

    def force(self, orders: list[SignedOrder]) -> None:
        for signed in orders:
            if self.rng.random() < 0.2:
                self.world.force(signed)

    def close_gate(self, batch: Batch) -> None:
        count = len(batch.orders)
        self.must(
            "Exchange", "closeGate", self.market, self.number, batch.root, count, sender=OPERATOR
        )

    def one_product_batch(self, bidding: Bidding) -> Batch:
        """Orders up to the gate, the gate, and the right result."""
        orders = trading.one_product_orders(
            self.world, self.market, self.number, TRADERS, self.rng, bidding
        )
        self.force(orders)
        self.world.wait(GATE_IN)
        book = judge(self.world.exchange, self.market, self.number, orders)
        batch = clear(self.world.exchange.grid(self.market, self.number), book)
        self.close_gate(batch)
        return batch

    def settle(self, results: bytes, orders: bytes, *, same_refusal: bool = True) -> str | None:
        return self.world.do(
            "Exchange",
            "settle",
            self.market,
            self.number,
            results,
            orders,
            sender=OPERATOR,
            same_refusal=same_refusal,
        )

    def check_effects(self, batch: Batch, margin: int) -> None:
        """Every account is where the definitions put it, and nothing is lost."""
        for position in positions(batch, self.params.imbalance_cap):
            word = self.world.ledger.account(self.market, position.trader)
            assert (word.margin, word.locked) == (margin - position.debit, position.lock)
        self.world.check_state()
        self.world.check_invariants()


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
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_the_right_result_settles(bidding, rules, margin, seed):
    trade = Trading(Random(seed), margin, **rules)
    batch = trade.one_product_batch(bidding)
    assert trade.settle(batch.results, batch.call_data) is None
    trade.check_effects(batch, margin)
    assert trade.settle(batch.results, batch.call_data) == "WrongStatus"


@BIDDINGS
@settings(max_examples=8, deadline=None)
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
