"""Credits from the meter to the buyer: issued, offered, sold in a round, redeemed, spent."""

from __future__ import annotations

from random import Random

import pytest

from market.order import Leg, Order, SignedOrder
from market.reference import Status
from market.reference.meters import encode_values
from market.reference.verification import encode_effects
from tests.evm.batch import Batch, clear, judge
from tests.evm.credit_world import (
    MALLS,
    PUBLISHED,
    REDEMPTION,
    CreditWorld,
    less,
    usual_day,
)
from tests.evm.world import ADMIN, DAY, ISSUER, OPERATOR, TRADERS, Person

SCALE = 1_000_000
CENT = 10_000_000
"""Nano per kWh: a hundredth of a unit of money."""
MONEY = 1_000_000
SELLER, OTHER_SELLER = MALLS[0], MALLS[1]
BUYER, OTHER_BUYER = TRADERS[3], TRADERS[4]
GATE_IN = 600


class CreditTrading:
    """Two malls that have earned 8,000 credits each, two buyers with margin, and the market."""

    def __init__(self, days_to_expiry: int = 20) -> None:
        self.world = CreditWorld(history_days=0)
        period = self.world.today + 1
        self.expiry = (period + days_to_expiry) * DAY
        self.slot = self.expiry // DAY - 1
        self.series = self.world.open_series(self.expiry, rule=PUBLISHED, escrow=16_000 * MONEY)
        window = self.world.announce(self.series, period, 14, 4, 16_000)
        baseline = encode_values(usual_day(0))
        for mall in (SELLER, OTHER_SELLER):
            published = (window, mall.address, baseline)
            self.must("publishBaseline", *published, sender=ISSUER)
            self.must("join", window, 8_000, 0, sender=mall)
        self.world.chain.now = (period + 1) * DAY
        for mall in (SELLER, OTHER_SELLER):
            self.world.must_post(mall, period, less(usual_day(0), 2_000, range(14, 18)))
        self.world.wait(DAY + 1)
        for mall in (SELLER, OTHER_SELLER):
            claim = self.world.claim(window, mall, published=baseline, baseline_readings=())
            assert self.world.issue(window, mall, claim) is None
            assert self.held(mall) == 8_000
        for buyer in (BUYER, OTHER_BUYER, SELLER):
            self.world.fund(buyer, 10 * MONEY)
            margin = (self.world.sale, 10 * MONEY)
            self.world.must("Ledger", "addMargin", *margin, sender=buyer)

    def must(self, function: str, *arguments: object, sender: Person) -> None:
        refusal = self.call(function, *arguments, sender=sender)
        assert refusal is None, f"{function}: {refusal}"

    def call(self, function: str, *arguments: object, sender: Person) -> str | None:
        return self.world.call(function, *arguments, sender=sender)

    def offer(self, person: Person, amount: int) -> str | None:
        return self.call("offer", self.world.sale, self.slot, amount, sender=person)

    def held(self, person: Person) -> int:
        return self.world.credits.balances[person.address, self.series]

    def tokens(self, person: Person) -> int:
        return self.world.token.balances[person.address]

    def free(self, person: Person) -> int:
        return self.world.ledger.free[self.world.token.address, person.address]

    def margin(self, person: Person, market: int) -> int:
        return self.world.ledger.account(market, person.address).margin

    def open_round(self) -> int:
        opened = (self.world.sale, self.world.now + GATE_IN, self.slot, 1)
        self.world.must("Exchange", "openRound", *opened, sender=OPERATOR)
        return self.world.exchange.last_round(self.world.sale)

    def order(self, person: Person, wh: int, price: int, salt: int = 0) -> SignedOrder:
        """Positive buys at up to `price` nano per kWh, negative sells at least at it."""
        sign = 1 if wh > 0 else -1
        number = self.world.exchange.last_round(self.world.sale)
        product = self.world.exchange.grid(self.world.sale, number).product_id(0)
        legs = (Leg(product, sign * SCALE),)
        limit = sign * price
        order = Order(self.world.sale, number, legs, abs(wh), limit, person.address, 0, salt)
        return self.world.sign(person, order)

    def gate(self, *orders: SignedOrder) -> Batch:
        """Closes the gate over these orders; returns the right result."""
        number = self.world.exchange.last_round(self.world.sale)
        self.world.chain.now = self.world.exchange.round(self.world.sale, number).gate_at
        book = judge(self.world.exchange, self.world.sale, number, orders)
        batch = clear(self.world.exchange.grid(self.world.sale, number), book)
        committed = (self.world.sale, number, batch.root, len(batch.orders))
        self.world.must("Exchange", "closeGate", *committed, sender=OPERATOR)
        return batch

    def settle(self, batch: Batch) -> None:
        number = self.world.exchange.last_round(self.world.sale)
        sent = (self.world.sale, number, batch.results, batch.call_data)
        self.world.must("Exchange", "settle", *sent, sender=OPERATOR)

    def verify(self, batch: Batch, *cuts: int) -> list[bytes]:
        """Verifies in parts cut at these orders; returns every part's effects."""
        number = self.world.exchange.last_round(self.world.sale)
        state, parts = b"", []
        for start, stop in zip((0, *cuts), (*cuts, len(batch.orders)), strict=True):
            chunk = (self.world.sale, number, batch.results, state, batch.chunk(start, stop))
            self.world.must("Exchange", "verifyChunk", *chunk, sender=OPERATOR)
            record = self.world.exchange.round(self.world.sale, number)
            assert record.progress is not None
            state = record.progress.to_bytes()
            parts.append(encode_effects(record.chunks[-1], tokenised=True))
        return parts

    def apply(self, chunk: int, effects: bytes) -> None:
        number = self.world.exchange.last_round(self.world.sale)
        applied = (self.world.sale, number, chunk, effects)
        self.world.must("Exchange", "applyChunk", *applied, sender=TRADERS[5])

    def check(self) -> None:
        self.world.check_state()
        self.world.check_invariants()
        self.world.check_credits()
        self.world.check_credit_invariants()


def test_a_buyer_redeems_and_spends_what_it_bought_in_a_settled_round():
    trade = CreditTrading()
    world = trade.world
    assert trade.offer(SELLER, 5_000) is None
    trade.open_round()
    batch = trade.gate(
        trade.order(SELLER, -5_000, 10 * CENT),
        trade.order(BUYER, 3_000, 20 * CENT),
        trade.order(OTHER_BUYER, 1_000, 18 * CENT),
    )
    free = trade.free(SELLER)
    trade.settle(batch)
    assert batch.prices == (10 * CENT,)
    assert (trade.held(BUYER), trade.held(OTHER_BUYER)) == (3_000, 1_000)
    assert trade.held(SELLER) == 3_000
    assert trade.free(SELLER) - free == 4_000 * 10 * CENT // SCALE
    assert trade.margin(BUYER, world.sale) == 10 * MONEY - 3_000 * 10 * CENT // SCALE

    # Bought at 0.10 a kWh, redeemed at 0.20.
    trade.must("redeem", trade.series, 2_000, BUYER.address, sender=BUYER)
    assert trade.tokens(BUYER) == 2_000 * REDEMPTION // SCALE
    trade.must("spend", trade.series, 1_000, world.market, sender=BUYER)
    assert trade.margin(BUYER, world.market) == 1_000 * REDEMPTION // SCALE
    trade.check()


def test_a_round_in_chunks_delivers_the_same_credits_in_any_order():
    for order in ((0, 1, 2), (2, 1, 0)):
        trade = CreditTrading()
        for seller in (SELLER, OTHER_SELLER):
            assert trade.offer(seller, 6_000) is None
        trade.open_round()
        batch = trade.gate(
            trade.order(SELLER, -6_000, 10 * CENT),
            trade.order(OTHER_SELLER, -6_000, 10 * CENT),
            trade.order(BUYER, 7_000, 20 * CENT),
            trade.order(OTHER_BUYER, 2_000, 20 * CENT),
        )
        parts = trade.verify(batch, 1, 3)
        for chunk in order:
            trade.apply(chunk, parts[chunk])
            trade.world.check_credits()
            trade.world.check_credit_invariants()
        trade.check()
        assert (trade.held(BUYER), trade.held(OTHER_BUYER)) == (7_000, 2_000)
        left = trade.world.credits.balances[trade.world.credits.address, trade.series]
        assert left == 3_000
        trade.must("redeem", trade.series, 7_000, BUYER.address, sender=BUYER)


def test_nobody_sells_more_credits_than_it_offered():
    trade = CreditTrading()
    assert trade.offer(SELLER, 8_001) == "ERC6909InsufficientBalance"
    assert trade.offer(SELLER, 1_000) is None
    trade.open_round()
    batch = trade.gate(
        trade.order(SELLER, -1_001, 10 * CENT),
        trade.order(OTHER_SELLER, -100, 10 * CENT),
        trade.order(BUYER, 5_000, 20 * CENT),
    )
    assert {o.signed.order.trader: o.maximum for o in batch.orders} == {
        SELLER.address: 0,
        OTHER_SELLER.address: 0,
        BUYER.address: 5_000,
    }
    trade.settle(batch)
    assert trade.held(BUYER) == 0
    trade.check()


def test_offered_credits_are_neither_redeemed_nor_sent_nor_offered_again():
    trade = CreditTrading()
    assert trade.offer(SELLER, 8_000) is None
    for refused in (
        trade.call("redeem", trade.series, 1, SELLER.address, sender=SELLER),
        trade.call("spend", trade.series, 1_000, trade.world.market, sender=SELLER),
        trade.call("transfer", BUYER.address, trade.series, 1, sender=SELLER),
        trade.offer(SELLER, 1),
    ):
        assert refused == "ERC6909InsufficientBalance"


def test_a_recall_between_gate_and_settlement_takes_nothing_from_the_buyer():
    trade = CreditTrading()
    recall = (trade.world.sale, trade.slot)
    assert trade.offer(SELLER, 5_000) is None
    trade.open_round()
    batch = trade.gate(trade.order(SELLER, -5_000, 10 * CENT), trade.order(BUYER, 3_000, 20 * CENT))
    assert trade.offer(SELLER, 1) == "MarketFrozen"
    trade.must("requestRecall", *recall, 5_000, sender=SELLER)
    assert trade.call("completeRecall", *recall, sender=SELLER) == "RecallNotDue"
    trade.settle(batch)
    trade.must("completeRecall", *recall, sender=SELLER)
    assert (trade.held(SELLER), trade.held(BUYER)) == (3_000 + 2_000, 3_000)
    trade.check()


def test_a_round_verified_before_the_expiry_is_delivered_after_it():
    """Money and credits move together, though the credits are worth nothing any more; whoever lets
    that happen could have applied the chunk itself."""
    trade = CreditTrading(days_to_expiry=9)
    world = trade.world
    assert trade.offer(SELLER, 5_000) is None
    world.chain.now = trade.slot * DAY - GATE_IN
    trade.open_round()
    batch = trade.gate(trade.order(SELLER, -5_000, 10 * CENT), trade.order(BUYER, 3_000, 20 * CENT))
    (effects,) = trade.verify(batch)
    world.chain.now = trade.expiry + DAY
    trade.must("sweep", trade.series, sender=ISSUER)
    trade.apply(0, effects)
    assert world.exchange.status(world.sale, 1, now=world.now) is Status.SETTLED
    assert trade.held(BUYER) == 3_000
    assert trade.call("redeem", trade.series, 3_000, BUYER.address, sender=BUYER) == "SeriesExpired"
    trade.must("requestRecall", world.sale, trade.slot, 5_000, sender=SELLER)
    trade.must("completeRecall", world.sale, trade.slot, sender=SELLER)
    assert trade.held(SELLER) == 5_000
    trade.check()


def test_every_round_ends_before_the_credits_it_sells():
    """The gate is not after the slot begins, and a slot is longer than the settlement window."""
    trade = CreditTrading(days_to_expiry=9)
    world = trade.world
    world.chain.now = trade.slot * DAY
    late = (world.sale, world.now + 1, trade.slot, 1)
    assert world.do("Exchange", "openRound", *late, sender=OPERATOR) == "InvalidGate"
    window = world.exchange.market(world.sale).settle_window
    assert trade.slot * DAY + window < trade.expiry


@pytest.mark.parametrize("slot", [0, 1, 2**32 - 1])
def test_slots_without_a_series_have_nothing_for_sale(slot):
    trade = CreditTrading()
    refusal = trade.call("offer", trade.world.sale, slot, 1, sender=SELLER)
    assert refusal in ("SeriesExpired", "ERC6909InsufficientBalance", "UnknownSeries")
    assert trade.world.credits.sellable(trade.world.sale, 1, slot, SELLER.address) == 0


def test_a_slot_far_away_is_not_another_slots_series():
    """Expiries have 40 bits: a slot beyond them must not wrap around to a series that exists."""
    world = CreditWorld(history_days=0)
    seconds = 2**32 - 1
    market = world.create_market(
        slot_seconds=seconds,
        period_slots=1,
        capacity_source=world.credits.address,
        capacity_unit_wh=0,
        imbalance_cap=0,
        gap_floor=0,
        gap_cap=0,
    )
    world.must("EnergyCredits", "bindMarket", market, ISSUER.address, sender=ADMIN)
    beyond = (1 << 40) // seconds
    assert beyond * seconds < 1 << 40 <= (beyond + 1) * seconds
    assert world.call("offer", market, beyond, 1, sender=SELLER) == "UnknownSeries"
    assert world.call("offer", market, beyond - 1, 1, sender=SELLER) == "ERC6909InsufficientBalance"


def test_unbound_markets_take_no_offers():
    trade = CreditTrading()
    world = trade.world
    offer = (world.market, trade.slot, 1)
    assert trade.call("offer", *offer, sender=SELLER) == "NotBound"
    bind = (world.sale, OPERATOR.address)
    assert trade.call("bindMarket", *bind, sender=ADMIN) == "BoundBefore"
    assert trade.call("bindMarket", world.market, ISSUER.address, sender=ADMIN) == "NotTradable"


def test_only_the_exchange_delivers():
    trade = CreditTrading()
    stolen = bytes.fromhex(BUYER.address[2:]) + bytes(16) + (5_000).to_bytes(16, "big")
    assert trade.offer(SELLER, 5_000) is None
    refusal = trade.world.do(
        "EnergyCredits",
        "deliver",
        trade.world.sale,
        1,
        trade.slot,
        stolen,
        sender=BUYER,
        model_arguments=(trade.world.sale, 1, trade.slot, []),
    )
    assert refusal == "NotExchange"
    trade.check()


def test_random_seasons_of_trade_lose_no_credit():
    rng = Random(7)
    trade = CreditTrading()
    people = (SELLER, OTHER_SELLER, BUYER, OTHER_BUYER)
    for number in range(6):
        for person in people:
            held = trade.held(person)
            if held:
                assert trade.offer(person, rng.randint(1, held)) is None
        trade.open_round()
        batch = trade.gate(
            *(
                trade.order(
                    person,
                    rng.choice((-1, 1)) * rng.randint(1, 3_000),
                    rng.randint(9, 12) * CENT,
                    salt=10 * number + n,
                )
                for n, person in enumerate(people)
            )
        )
        if rng.random() < 0.5:
            trade.settle(batch)
        else:
            for chunk, effects in enumerate(trade.verify(batch, rng.randint(1, 3))):
                trade.apply(chunk, effects)
        trade.check()
        supply = trade.world.credits.supply_of(trade.series)
        assert supply == 16_000
        assert sum(trade.held(p) for p in people) <= supply
