"""Orders of session delegates, of any shape and in chunks cut anywhere: the contracts and the
reference model judge them the same, and a sum written on its own says so too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.order import Leg, Order, SignedOrder
from market.reference.call_data import Tie
from market.reference.delegations import Session
from tests.evm.batch import Batch, Filled
from tests.evm.round_world import GATE_IN, Trading
from tests.evm.world import DELEGATES, OPERATOR, TRADERS, Person

SEEDS = st.integers(0, 2**32 - 1)
SCALE = 1_000_000
MARGIN = 2**59
FREE = {"price_cap": 2**62, "imbalance_cap": 0, "gap_floor": 2**64 - 1, "carriers": 2}
WEIGHTS = (1, 300_000, SCALE, 2**31 - 1)
PRICES = (-(2**63), -(10**8), 0, 10**8, 2**63 - 1)
BEFORE, AFTER = 20, 21
"""Words of the state: what a delegate's counting orders buy and sell."""


def some_session(rng: Random, gate_at: int) -> Session:
    wide = rng.random() < 0.5
    return Session(
        delegate=rng.choice(DELEGATES).address,
        until=rng.choice((gate_at, gate_at + 1, 2**40 - 1, 2**40 - 1)),
        buy_wh=2**64 - 1 if wide else rng.randrange(2_000),
        sell_wh=2**64 - 1 if wide else rng.randrange(2_000),
        max_price=rng.choice((*PRICES, 2**63 - 1, 10**8 - 1, 10**8 + 1)),
        min_price=rng.choice((*PRICES, -(2**63), 10**8 - 1, 10**8 + 1)),
    )


def some_order(trade: Trading, trader: Person, rng: Random) -> Order:
    """Often at a bound's own value, or a millionth of a unit of money beside it."""
    grid = trade.world.exchange.grid(trade.market, trade.number)
    price = rng.choice((0, 10**8, -(10**8), 2**62, -(2**62))) + rng.choice((-1, 0, 0, 1))
    units = rng.choice((1, 2, 7, 500, 1_000, 1_999, 2**64 - 1))
    count = rng.choice((1, 1, 2, 3, len(grid)))
    if count == 1:
        sign = rng.choice((-1, 1))
        legs: tuple[Leg, ...] = (Leg(grid.product_id(rng.randrange(len(grid))), sign * SCALE),)
        limit = sign * price
    else:
        legs = tuple(
            Leg(
                grid.product_id(at),
                rng.choice((-1, 1)) * rng.choice((1, 300_000, SCALE, 2**31 - 1)),
            )
            for at in sorted(rng.sample(range(len(grid)), count))
        )
        limit = sum(leg.coefficient for leg in legs) * 10**8 // SCALE + rng.choice((-1, 0, 1))
    limit = max(-(2**62), min(2**62, limit))
    salt = rng.getrandbits(64)
    return Order(trade.market, trade.number, legs, units, limit, trader.address, 0, salt)


def signed_by_anybody_genuine(trade: Trading, rng: Random) -> list[SignedOrder]:
    """Every trader names up to three delegates, now or after the gate; any of them sign, or it."""
    world = trade.world
    gate_at = world.exchange.round(trade.market, trade.number).gate_at
    orders = []
    for trader in TRADERS:
        named: list[Person | None] = [None]
        for _ in range(rng.randrange(4)):
            session = some_session(rng, gate_at)
            assert world.authorise(trader, trade.market, session) is None
            named += [d for d in DELEGATES if d.address == session.delegate] * 2
        for _ in range(rng.randrange(6)):
            order = some_order(trade, trader, rng)
            if abs(order.limit) * SCALE > 2**62 * sum(abs(leg.coefficient) for leg in order.legs):
                order = replace(order, limit=0)
            orders.append(world.sign(trader, order, rng.choice(named)))
    return orders


def unfilled(trade: Trading, orders: list[SignedOrder]) -> Batch:
    """The book with no fill at prices of nothing; what counts shows in what is offered."""
    grid = trade.world.exchange.grid(trade.market, trade.number)
    book = sorted((Filled(signed, 0) for signed in orders), key=lambda filled: filled.place)
    prices = (-(2**63),) * len(grid)
    return Batch(grid, prices, (Tie(),) * len(grid), tuple(book))


def judged(trade: Trading, batch: Batch) -> Iterator[tuple[bool, int, int]]:
    """Of every order whether it counts, and what its trader's delegate bought and sold up to there.
    This market has no role, no capacity, and an imbalance price of nothing."""
    trader, margin, bought, sold = "", 0, 0, 0
    gate_at = trade.world.exchange.round(trade.market, trade.number).gate_at
    for filled in batch.orders:
        signed, order = filled.signed, filled.signed.order
        if order.trader != trader:
            trader, margin, bought, sold = order.trader, MARGIN, 0, 0
        need = max(0, -(-order.limit * order.max_units // SCALE))
        takes, gives = energy(order)
        counts = need <= margin
        if signed.delegate is not None:
            session = trade.world.delegations.session_of(trade.market, trader, trade.number)
            counts = (
                counts
                and signed.delegate == session.delegate
                and gate_at < session.until
                and order.limit * order.max_units
                <= session.max_price * takes - session.min_price * gives
                and bought + takes <= session.buy_wh
                and sold + gives <= session.sell_wh
            )
            if counts:
                bought, sold = bought + takes, sold + gives
        margin -= need if counts else 0
        yield counts, bought, sold


def energy(order: Order) -> tuple[int, int]:
    """Wh that the order takes and gives when it is filled, every leg rounded up."""
    whole = [-(-abs(leg.coefficient) * order.max_units // SCALE) for leg in order.legs]
    takes = sum(wh for wh, leg in zip(whole, order.legs, strict=True) if leg.coefficient > 0)
    return takes, sum(whole) - takes


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_every_order_is_judged_the_same_in_chunks_cut_anywhere(seed):
    rng = Random(seed)
    trade = Trading(rng, MARGIN, **FREE)
    batch = unfilled(trade, signed_by_anybody_genuine(trade, rng))
    trade.world.wait(GATE_IN)
    for trader in TRADERS:
        # too late for this round, whatever it says
        if rng.random() < 0.5:
            session = some_session(rng, trade.world.now)
            trade.world.authorise(trader, trade.market, session)
    trade.close_gate(batch)
    expected = list(judged(trade, batch))
    end = len(batch.orders)
    cuts = sorted({rng.randrange(end + 1) for _ in range(4)} - {0, end})
    state = b""
    for start, stop in pairwise([0, *cuts, end]):
        place = (trade.market, trade.number, batch.results, state, batch.chunk(start, stop))
        refusal = trade.world.do("Exchange", "verifyChunk", *place, sender=OPERATOR)
        if refusal is not None:
            # Nothing was filled: only a round of nothing that counts is settled by that.
            assert stop == end
            assert refusal in ("GapTooLarge", "NotOptimal", "WrongPrice", "MalformedBatch")
            return
        trade.world.check_state()
        progress = trade.world.exchange.round(trade.market, trade.number).progress
        assert progress is not None
        state = progress.to_bytes()
        words = [int.from_bytes(state[32 * i : 32 * i + 32], "big") for i in (BEFORE, AFTER)]
        if stop:
            assert tuple(words) == expected[stop - 1][1:]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_an_order_beyond_its_session_is_never_filled_and_one_within_may_be(seed):
    """One order at a time: a fill of one unit is refused as too much exactly where it is beyond."""
    rng = Random(seed)
    trade = Trading(rng, MARGIN, **FREE)
    batch = unfilled(trade, signed_by_anybody_genuine(trade, rng))
    trade.world.wait(GATE_IN)
    trade.close_gate(batch)
    place = (trade.market, trade.number)
    for at, (counts, *_) in enumerate(judged(trade, batch)):
        orders = list(batch.orders)
        orders[at] = replace(orders[at], fill=1)
        filled = replace(batch, orders=tuple(orders))
        arguments = (*place, batch.results, filled.call_data)
        refusal = trade.world.do("Exchange", "settle", *arguments, sender=OPERATOR)
        assert (refusal == "FillAboveMaximum") == (not counts), orders[at]
        if refusal is None:
            # a unit of legs that round to nothing
            break


@pytest.mark.parametrize("seed", range(8))
def test_whoever_was_ever_named_blocks_nothing_and_a_stranger_is_refused(seed):
    """The last of many names counts; every other signature stands in the book with nothing."""
    rng = Random(seed)
    trade = Trading(rng, MARGIN, **FREE)
    world, trader = trade.world, TRADERS[0]
    gate_at = world.exchange.round(trade.market, trade.number).gate_at
    wide = Session(DELEGATES[0].address, 2**40 - 1, 2**64 - 1, 2**64 - 1, 2**63 - 1, -(2**63))
    for delegate in DELEGATES[:2]:
        session = replace(wide, delegate=delegate.address)
        assert world.authorise(trader, trade.market, session) is None
    if rng.random() < 0.5:
        assert world.do("Delegations", "revoke", trade.market, sender=trader) is None
    order = replace(some_order(trade, trader, rng), limit=0, max_units=1_000)
    genuine = [world.sign(trader, order, who) for who in (None, *DELEGATES[:2])]
    batch = unfilled(trade, genuine)
    stranger = unfilled(trade, [*genuine, world.sign(trader, order, DELEGATES[2])])
    world.wait(gate_at - world.now)
    trade.close_gate(stranger)
    assert trade.settle(stranger.results, stranger.call_data) == "BadSignature"
    assert trade.settle(batch.results, batch.call_data) == "WrongBook"
    assert world.force(genuine[1]) == "WrongStatus"
