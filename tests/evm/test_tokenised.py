"""Markets of tokens: money and tokens move together, or not at all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Book
from market.eligibility import TraderFacts, effective_maxima
from market.order import Leg, Order, SignedOrder
from market.outcome import Clearing
from market.reference import Status
from market.reference.exchange import MAX_TOKENISED_CHUNK_TRADERS
from market.reference.token import ZERO_ADDRESS
from market.reference.tokenised import MAX_OFFER
from market.settlement import Settlement, decode_effects, encode_effects
from tests.evm.chain import GAS_LIMIT
from tests.evm.token_world import GATE_IN, TOKENS, TokenTrading, expected
from tests.evm.trading import EXACT, FEW_LEVELS, MANY_LEVELS, SCALE
from tests.evm.world import ADMIN, DAY, OPERATOR, TRADERS, Person

ALICE, BOB, CAROL = TRADERS[:3]
SEEDS = st.integers(0, 2**32 - 1)
PRICE = 10**8
MANY = 10**6


def order(
    trade: TokenTrading, person: Person, units: int, price: int, salt: int = 0
) -> SignedOrder:
    """Buys `units` at most at `price`, or sells them where negative."""
    product = trade.world.exchange.grid(trade.market, trade.number).product_id(0)
    signed = Order(
        market=trade.market,
        round=trade.number,
        legs=(Leg(product, SCALE if units > 0 else -SCALE),),
        max_units=abs(units),
        limit=price if units > 0 else -price,
        trader=person.address,
        epoch=0,
        salt=salt,
    )
    return trade.world.sign(person, signed)


def quiet(offers: dict[Person, int]) -> TokenTrading:
    """A market in which exactly these amounts are held and offered, and an open round."""
    trade = TokenTrading(Random(0), minted=(0,))
    for trader, amount in offers.items():
        trade.must(TOKENS, "mint", trade.slot, trader.address, amount, sender=ADMIN)
        trade.offer(trader, amount)
    trade.open_round()
    return trade


@pytest.mark.parametrize("bidding", [FEW_LEVELS, MANY_LEVELS], ids=["ties", "many prices"])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_a_settled_round_moves_tokens_with_the_money(bidding, seed):
    trade = TokenTrading(Random(seed))
    trade.open_round()
    before = trade.holdings()
    batch = trade.gate(trade.orders(bidding))
    assert trade.settle(batch.results, batch.call_data) is None
    assert trade.holdings() == expected(before, batch)
    assert trade.world.escrow(trade.slot) == trade.world.offered(trade.slot)
    trade.check()
    record = trade.world.exchange.round(trade.market, trade.number)
    assert record.outcome is not None
    assert record.outcome.positions_root == bytes(32)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_chunks_applied_in_any_order_move_the_same(seed):
    rng = Random(seed)
    trade = TokenTrading(rng)
    trade.open_round()
    before = trade.holdings()
    batch = trade.gate(trade.orders(FEW_LEVELS))
    end = len(batch.orders)
    parts = trade.verify(
        batch, sorted({rng.randrange(1, end) for _ in range(3)}) if end > 1 else []
    )
    assert trade.status() is Status.VERIFIED
    for chunk in rng.sample(range(len(parts)), len(parts)):
        sender = rng.choice(TRADERS)
        trade.do("requestRecall", MAX_OFFER, sender=sender)
        assert trade.do("completeRecall", sender=sender) == "RecallNotDue"
        assert trade.do("offer", 1, sender=sender) == "MarketFrozen"
        trade.apply(chunk, parts[chunk])
        trade.world.check_tokens((trade.slot,))
    assert trade.status() is Status.SETTLED
    assert trade.holdings() == expected(before, batch)
    trade.check()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_departures_from_the_right_result_are_refused_and_move_nothing(seed):
    rng = Random(seed)
    trade = TokenTrading(rng)
    trade.open_round()
    batch = trade.gate(trade.orders(FEW_LEVELS))
    if not batch.orders:
        return
    before = trade.holdings()
    for depart in EXACT:
        wrong = depart(batch, rng)
        if wrong is not None:
            assert trade.settle(*wrong) is not None, depart.__name__
    assert trade.holdings() == before
    assert trade.settle(batch.results, batch.call_data) is None
    trade.check()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, chunk=st.integers(1, 9))
def test_the_production_code_makes_the_same_call_data_and_effects(seed, chunk):
    trade = TokenTrading(Random(seed))
    trade.open_round()
    batch = trade.gate(trade.orders(FEW_LEVELS))
    exchange, params = trade.world.exchange, trade.world.exchange.market(trade.market)
    grid = exchange.grid(trade.market, trade.number)
    book = Book.build(trade.market, trade.number, grid, [o.signed for o in batch.orders])
    facts = {
        trader.address: TraderFacts(
            exchange.ledger.available(trade.market, trade.number, trader.address),
            0,
            eligible=True,
            capacity_wh=trade.world.tokens.sellable(
                trade.market, trade.number, trade.slot, trader.address
            ),
        )
        for trader in TRADERS
    }
    maxima = effective_maxima(book, facts, params.rules)
    assert maxima == tuple(o.maximum for o in batch.orders)
    clearing = Clearing(batch.prices, tuple(o.fill for o in batch.orders), ())
    settlement = Settlement.build(book, maxima, clearing, params.rules)
    assert settlement.orders() == batch.call_data
    assert settlement.positions == ()
    written = encode_effects(settlement.effects, tokenised=True)
    assert decode_effects(written, tokenised=True) == settlement.effects
    cuts = list(range(chunk, len(batch.orders), chunk))
    verified = trade.verify(batch, cuts)
    if batch.orders:
        assert [effects for _, effects in settlement.chunks(chunk)] == verified
    assert b"".join(verified) == written


def test_a_chunk_of_tokens_is_never_too_large_to_apply():
    """Otherwise a verified round is never settled. Everybody here sells, buys more than that, and
    holds no token and no free balance yet: no effect costs more."""
    trade = quiet({ALICE: 10_000})
    crowd = [Person.named(f"resident {i}") for i in range(MAX_TOKENISED_CHUNK_TRADERS + 1)]
    orders = [order(trade, ALICE, -2 * len(crowd), SCALE)]
    for person in crowd:
        trade.world.fund(person, 100)
        trade.must("Ledger", "addMargin", trade.market, 100, sender=person)
        trade.must(TOKENS, "mint", trade.slot, person.address, 1, sender=ADMIN)
        trade.offer(person, 1)
        orders += [order(trade, person, -1, SCALE), order(trade, person, 3, 3 * SCALE)]
    batch = trade.gate(orders)
    assert {o.fill for o in batch.orders} == {1, 3, 2 * len(crowd)}
    end = len(batch.orders)
    most = next(
        at
        for at in range(end)
        if len({o.signed.order.trader for o in batch.orders[: at + 1]})
        > MAX_TOKENISED_CHUNK_TRADERS
    )
    place = (trade.market, trade.number, batch.results, b"")
    whole = trade.world.do("Exchange", "verifyChunk", *place, batch.call_data, sender=OPERATOR)
    assert whole == "ChunkTooLarge"
    for chunk, effects in enumerate(trade.verify(batch, [most])):
        trade.apply(chunk, effects)
        assert trade.world.chain.gas_used < GAS_LIMIT * 3 // 4
    assert trade.status() is Status.SETTLED
    assert trade.holdings()[ALICE.address][3] == 10_000 - 2 * len(crowd)


# What a seller may try


def test_an_order_for_more_than_was_offered_counts_for_nothing_and_stops_nobody():
    trade = quiet({ALICE: 100, BOB: 100})
    trade.must(TOKENS, "mint", trade.slot, ALICE.address, MANY, sender=ADMIN)  # held, not offered
    batch = trade.gate(
        [order(trade, ALICE, -101, 0), order(trade, BOB, -100, 0), order(trade, CAROL, 300, PRICE)]
    )
    assert sorted(o.maximum for o in batch.orders) == [0, 100, 300]
    assert trade.settle(batch.results, batch.call_data) is None
    assert (trade.offered(ALICE), trade.offered(BOB), trade.held(CAROL)) == (100, 0, 100)
    trade.check()


def test_two_orders_of_one_seller_do_not_sell_the_same_token():
    trade = quiet({ALICE: 100})
    orders = [order(trade, ALICE, -60, 0, salt) for salt in range(2)]
    batch = trade.gate([*orders, order(trade, BOB, 200, PRICE)])
    assert sorted(o.maximum for o in batch.orders) == [0, 60, 200]
    assert trade.settle(batch.results, batch.call_data) is None
    assert (trade.offered(ALICE), trade.held(BOB)) == (40, 60)
    trade.check()


def test_the_operator_cannot_fill_an_order_beyond_what_was_offered():
    trade = quiet({ALICE: 10})
    batch = trade.gate([order(trade, ALICE, -60, 0), order(trade, BOB, 60, PRICE)])
    forged = replace(batch, orders=tuple(replace(o, fill=60) for o in batch.orders))
    assert trade.settle(forged.results, forged.call_data) == "FillAboveMaximum"
    assert trade.settle(batch.results, batch.call_data) is None
    assert (trade.offered(ALICE), trade.held(BOB)) == (10, 0)
    trade.check()


def test_nothing_is_offered_between_gate_and_settlement():
    trade = quiet({ALICE: 10})
    trade.must(TOKENS, "mint", trade.slot, ALICE.address, 50, sender=ADMIN)
    batch = trade.gate([order(trade, ALICE, -60, 0), order(trade, BOB, 60, PRICE)])
    assert trade.do("offer", 50, sender=ALICE) == "MarketFrozen"
    assert trade.settle(batch.results, batch.call_data) is None
    assert trade.held(BOB) == 0
    assert trade.do("offer", 50, sender=ALICE) is None
    trade.check()


def test_a_recall_after_the_gate_does_not_take_back_what_is_sold():
    trade = quiet({ALICE: 100})
    batch = trade.gate([order(trade, ALICE, -70, 0), order(trade, BOB, 70, PRICE)])
    assert trade.do("requestRecall", 100, sender=ALICE) is None
    assert trade.do("completeRecall", sender=ALICE) == "RecallNotDue"
    assert trade.settle(batch.results, batch.call_data) is None
    assert trade.do("completeRecall", sender=ALICE) is None
    assert (trade.offered(ALICE), trade.held(ALICE), trade.held(BOB)) == (0, 30, 70)
    trade.check()


def test_a_recall_before_the_gate_takes_its_tokens_out_of_that_round():
    trade = quiet({ALICE: 100})
    assert trade.do("requestRecall", 60, sender=ALICE) is None
    assert trade.do("requestRecall", 60, sender=ALICE) == "RecallPending"
    batch = trade.gate([order(trade, ALICE, -41, 0), order(trade, BOB, 70, PRICE)])
    assert [o.maximum for o in batch.orders if o.signed.order.trader == ALICE.address] == [0]
    # No earlier round can still sell them: they may leave while this one settles.
    assert trade.do("completeRecall", sender=ALICE) is None
    assert (trade.offered(ALICE), trade.held(ALICE)) == (40, 60)
    assert trade.settle(batch.results, batch.call_data) is None
    trade.check()


def test_recalled_tokens_wait_for_a_round_that_can_still_sell_them():
    trade = quiet({ALICE: 100})
    batch = trade.gate([order(trade, ALICE, -70, 0), order(trade, BOB, 70, PRICE)])
    assert trade.do("requestRecall", 50, sender=ALICE) is None
    sellable = trade.world.tokens.sellable
    place = (trade.slot, ALICE.address)
    assert sellable(trade.market, trade.number, *place) == 100
    assert sellable(trade.market, trade.number + 1, *place) == 50
    parts = trade.verify(batch, [])
    assert trade.do("completeRecall", sender=ALICE) == "RecallNotDue"
    trade.apply(0, parts[0])
    assert trade.do("completeRecall", sender=ALICE) is None
    assert (trade.offered(ALICE), trade.held(ALICE)) == (0, 30)
    trade.check()


def test_a_void_round_gives_every_offer_back():
    trade = quiet({ALICE: 100})
    trade.gate([order(trade, ALICE, -70, 0), order(trade, BOB, 70, PRICE)])
    assert trade.do("requestRecall", 100, sender=ALICE) is None
    trade.world.wait(trade.world.exchange.market(trade.market).settle_window)
    assert trade.status() is Status.VOID
    assert trade.do("completeRecall", sender=ALICE) is None
    assert trade.held(ALICE) == 100
    trade.check()


def test_tokens_are_delivered_however_late_a_verified_round_is_applied():
    trade = quiet({ALICE: 100})
    batch = trade.gate([order(trade, ALICE, -70, 0), order(trade, BOB, 70, PRICE)])
    parts = trade.verify(batch, [])
    trade.world.wait(30 * DAY)
    trade.apply(0, parts[0], sender=CAROL)
    assert trade.held(BOB) == 70
    trade.check()


def test_somebody_who_buys_and_sells_in_one_round_gets_the_difference():
    trade = quiet({ALICE: 100})
    batch = trade.gate(
        [
            order(trade, ALICE, -100, PRICE),
            order(trade, ALICE, 30, 3 * PRICE, 1),
            order(trade, BOB, 70, 2 * PRICE, 2),
        ]
    )
    assert trade.settle(batch.results, batch.call_data) is None
    assert (trade.offered(ALICE), trade.held(ALICE), trade.held(BOB)) == (30, 0, 70)
    trade.check()


def test_only_the_exchange_delivers_and_pays_for_it():
    trade = quiet({ALICE: 100})
    for stranger in (ADMIN, OPERATOR, ALICE):
        arguments = (trade.market, trade.number, trade.slot)
        refusal = trade.world.do(
            TOKENS,
            "deliver",
            *arguments,
            b"",
            sender=stranger,
            model_arguments=(*arguments, []),
        )
        assert refusal == "NotExchange"
        refusal = trade.world.do(
            "Ledger",
            "applyDelivered",
            trade.market,
            b"",
            0,
            sender=stranger,
            model_arguments=(trade.market, [], 0),
        )
        assert refusal == "NotExchange"


def test_a_round_of_tokens_trades_one_class():
    trade = quiet({})
    trade.gate([])
    assert trade.settle((0).to_bytes(9, "big"), b"") is None
    arguments = (trade.market, trade.world.now + GATE_IN, trade.slot, 2)
    assert trade.world.do("Exchange", "openRound", *arguments, sender=OPERATOR) == "InvalidSlots"


def test_capacity_is_not_synced_where_tokens_are_offered():
    trade = quiet({})
    arguments = (trade.market, ALICE.address)
    assert trade.world.do("Ledger", "syncCapacity", *arguments, sender=BOB) == "NoCapacitySource"


@pytest.mark.parametrize("amount", [0, MAX_OFFER + 1])
def test_an_offer_or_recall_of_an_impossible_amount_is_refused(amount):
    trade = quiet({})
    name = "ZeroAmount" if amount == 0 else "OfferTooLarge"
    assert trade.do("offer", amount, sender=ALICE) == name
    assert trade.do("requestRecall", amount, sender=ALICE) == name
    assert trade.do("completeRecall", sender=ALICE) == "NoRecallPending"


def test_nobody_offers_more_than_it_holds():
    trade = quiet({})
    held = trade.held(ALICE)
    assert trade.do("offer", held + 1, sender=ALICE) == "InsufficientTokens"


# Money that comes from elsewhere


def test_deposited_margin_backs_the_account_it_was_meant_for():
    trade = quiet({})
    world, asset = trade.world, trade.world.token.address
    world.must("SettlementToken", "mint", CAROL.address, 500, sender=ADMIN)
    world.must("SettlementToken", "approve", world.ledger.address, 500, sender=CAROL)
    before = world.ledger.account(trade.market, BOB.address).margin
    free = world.ledger.free[asset, BOB.address]
    world.must("Ledger", "depositMargin", trade.market, 400, BOB.address, sender=CAROL)
    assert world.ledger.account(trade.market, BOB.address).margin == before + 400
    assert world.ledger.free[asset, BOB.address] == free
    assert world.token.balance_of(CAROL.address) == 100
    trade.check()


@pytest.mark.parametrize(
    ("market", "amount", "to", "refusal"),
    [
        (9, 1, BOB.address, "UnknownMarket"),
        (1, 0, BOB.address, "ZeroAmount"),
        (1, 1, ZERO_ADDRESS, "ZeroAddress"),
        (1, 2**63, BOB.address, "DepositCapExceeded"),
        (1, 1, BOB.address, "ERC20InsufficientAllowance"),
    ],
)
def test_a_deposit_of_margin_that_cannot_be_is_refused(market, amount, to, refusal):
    trade = quiet({})
    arguments = (market, amount, to)
    assert trade.world.do("Ledger", "depositMargin", *arguments, sender=CAROL) == refusal
    trade.check()


def test_margin_is_not_deposited_between_gate_and_settlement():
    trade = quiet({})
    trade.gate([])
    arguments = (trade.market, 1, BOB.address)
    assert trade.world.do("Ledger", "depositMargin", *arguments, sender=CAROL) == "MarketFrozen"
