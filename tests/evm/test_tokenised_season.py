"""Random trade in two markets of the same tokens, with every kind of interference in between.

After every step contracts and model agree, and the books of this suite itself say where every token
is: what is in escrow is what is on offer, less what an unfinished round has handed out already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from market.order import SignedOrder
from market.reference import Effect, Status
from market.reference.tokenised import MAX_OFFER
from market.reference.verification import encode_effects
from tests.evm import trading
from tests.evm.batch import Batch, clear, judge
from tests.evm.token_world import GATE_IN, TOKENS, TokenWorld
from tests.evm.trading import EXACT, FEW_LEVELS, Bidding
from tests.evm.world import ADMIN, BY_ADDRESS, DAY, OPERATOR, TRADERS, Person

MARGIN = 10**8
BIDDING = Bidding(FEW_LEVELS.units, FEW_LEVELS.prices, orders_each=3, epochs=(0, 0, 0, 1))
STEPS = 300
SUCCEEDS = {
    TOKENS: ("mint", "offer", "requestRecall", "completeRecall"),
    "Ledger": ("depositMargin", "addMargin", "requestExit", "completeExit", "bumpEpoch"),
    "Exchange": ("settle", "verifyChunk", "applyChunk", "voidRound", "submitOrder"),
}
REFUSALS = {
    "offer": {"MarketFrozen", "InsufficientTokens"},
    "requestRecall": {"RecallPending"},
    "completeRecall": {"NoRecallPending", "RecallNotDue"},
    "depositMargin": {"MarketFrozen"},
    "deliver": {"NotExchange"},
    "syncCapacity": {"NoCapacitySource"},
}


class Season:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.world = TokenWorld()
        self.markets = [self.world.create_token_market() for _ in range(2)]
        # Classes of one period, whose rounds all have their gate within the days before it.
        first = (self.world.now // DAY + 40) // 2 * 2
        self.slots = (first, first + 1)
        self.batches: dict[int, Batch] = {}
        self.orders: dict[int, list[SignedOrder]] = {}
        self.applied: dict[int, list[Effect]] = {market: [] for market in self.markets}
        for trader in TRADERS:
            self.world.fund(trader, 3 * MARGIN)
            for market in self.markets:
                self.do("Ledger", "addMargin", market, MARGIN, sender=trader)
            self.do("SettlementToken", "mint", trader.address, MARGIN, sender=ADMIN)
            approval = (self.world.ledger.address, MARGIN)
            self.do("SettlementToken", "approve", *approval, sender=trader)

    def do(self, contract: str, function: str, *arguments: object, sender: Person) -> str | None:
        return self.world.do(contract, function, *arguments, sender=sender)

    # One thing after the other

    def step(self) -> None:
        self.rng.choice(self.actions)()
        self.check()

    @property
    def actions(self) -> tuple[Callable[[], object], ...]:
        return (
            *(self.advance,) * 8,
            *(self.offer,) * 4,
            self.recall,
            self.complete,
            self.complete,
            self.mint,
            self.money,
            self.cancel,
            self.pretend,
            self.wait,
        )

    def advance(self) -> None:
        """Take a market's round one stage further."""
        market = self.rng.choice(self.markets)
        exchange = self.world.exchange
        number = exchange.last_round(market)
        status = exchange.status(market, number, now=self.world.now)
        if status is Status.OPEN:
            self.gate(market, number)
        elif status is Status.GATED:
            self.settle(market, number)
        elif status is Status.VERIFIED:
            self.apply(market, number)
        else:
            if status is Status.VOID:
                self.do("Exchange", "voidRound", market, number, sender=ADMIN)
            self.open(market)

    def open(self, market: int) -> None:
        slot = self.rng.choice(self.slots)
        arguments = (market, self.world.now + GATE_IN, slot, 1)
        if self.do("Exchange", "openRound", *arguments, sender=OPERATOR) is not None:
            return
        self.applied[market] = []
        number = self.world.exchange.last_round(market)
        self.orders[market] = trading.one_product_orders(
            self.world, market, number, TRADERS, self.rng, BIDDING
        )
        for signed in self.orders[market]:
            if self.rng.random() < 0.1:
                self.world.force(signed)

    def gate(self, market: int, number: int) -> None:
        gate_at = self.world.exchange.round(market, number).gate_at
        self.world.chain.now = max(self.world.now, gate_at)
        book = judge(self.world.exchange, market, number, self.orders[market])
        batch = clear(self.world.exchange.grid(market, number), book)
        arguments = (market, number, batch.root, len(batch.orders))
        if self.do("Exchange", "closeGate", *arguments, sender=OPERATOR) is None:
            self.batches[market] = batch

    def settle(self, market: int, number: int) -> None:
        """At once, or chunk by chunk; what is wrong is refused before."""
        batch, rng, place = self.batches[market], self.rng, (market, number)
        progress = self.world.exchange.round(*place).progress
        if progress is None and batch.orders and rng.random() < 0.5:
            wrong = rng.choice(EXACT)(batch, rng)
            if wrong is not None:
                assert self.do("Exchange", "settle", *place, *wrong, sender=OPERATOR) is not None
        if progress is None and rng.random() < 0.5:
            sent = (batch.results, batch.call_data)
            assert self.do("Exchange", "settle", *place, *sent, sender=OPERATOR) is None
            return
        start, end = progress.orders_read if progress else 0, len(batch.orders)
        stop = rng.randrange(start + 1, end + 1) if end > start else end
        state = progress.to_bytes() if progress else b""
        arguments = (batch.results, state, batch.chunk(start, stop))
        assert self.do("Exchange", "verifyChunk", *place, *arguments, sender=OPERATOR) is None

    def apply(self, market: int, number: int) -> None:
        """Applying never fails, whoever does it and however late."""
        record = self.world.exchange.round(market, number)
        waiting = [at for at in range(len(record.chunks)) if at not in record.applied]
        chunk = self.rng.choice(waiting)
        data = encode_effects(record.chunks[chunk], tokenised=True)
        arguments = (market, number, chunk, data)
        sender = self.rng.choice(TRADERS)
        assert self.do("Exchange", "applyChunk", *arguments, sender=sender) is None
        again = self.do("Exchange", "applyChunk", *arguments, sender=sender)
        assert again in ("EffectsMismatch", "WrongStatus")
        self.applied[market] += record.chunks[chunk]

    def place(self) -> tuple[int, int]:
        return self.rng.choice(self.markets), self.rng.choice(self.slots)

    def offer(self) -> None:
        trader, (market, slot) = self.rng.choice(TRADERS), self.place()
        held = self.world.tokens.balances[slot, trader.address]
        amount = self.rng.choice((0, 1, held // 2, held, held + 1))
        self.do(TOKENS, "offer", market, slot, amount, sender=trader)

    def recall(self) -> None:
        trader, place = self.rng.choice(TRADERS), self.place()
        amount = self.rng.choice((0, 1, 100, 10_000, MAX_OFFER))
        self.do(TOKENS, "requestRecall", *place, amount, sender=trader)

    def complete(self) -> None:
        """By somebody who waits for a recall, if anybody does."""
        waiting = sorted(
            (place for place, offer in self.world.tokens.offers.items() if offer.recall_round),
        )
        market, slot, account = (
            self.rng.choice(waiting) if waiting else (*self.place(), TRADERS[0].address)
        )
        self.do(TOKENS, "completeRecall", market, slot, sender=BY_ADDRESS[account])

    def mint(self) -> None:
        trader, slot = self.rng.choice(TRADERS), self.rng.choice(self.slots)
        amount = self.rng.choice((1, 50, 3_000))
        self.do(TOKENS, "mint", slot, trader.address, amount, sender=trader)

    def money(self) -> None:
        trader, market = self.rng.choice(TRADERS), self.rng.choice(self.markets)
        amount = self.rng.choice((0, 1, 10**6))
        to = self.rng.choice(TRADERS).address
        self.rng.choice(
            (
                lambda: self.do("Ledger", "depositMargin", market, amount, to, sender=trader),
                lambda: self.do("Ledger", "addMargin", market, amount, sender=trader),
                lambda: self.do("Ledger", "requestExit", market, amount, sender=trader),
                self.complete_exit,
            )
        )()

    def complete_exit(self) -> None:
        """By somebody who waits for one, if anybody does."""
        waiting = sorted(self.world.ledger.exits)
        market, account = self.rng.choice(waiting) if waiting else (1, TRADERS[0].address)
        self.do("Ledger", "completeExit", market, sender=BY_ADDRESS[account])

    def cancel(self) -> None:
        market = self.rng.choice(self.markets)
        self.do("Ledger", "bumpEpoch", market, sender=self.rng.choice(TRADERS))

    def pretend(self) -> None:
        """To be the exchange, or a source of capacity."""
        trader, (market, slot) = self.rng.choice(TRADERS), self.place()
        self.do("Ledger", "syncCapacity", market, trader.address, sender=trader)
        number = self.world.exchange.last_round(market)
        effect = Effect(trader.address, 0, 0, 0, 10)
        self.world.do(
            TOKENS,
            "deliver",
            market,
            number,
            slot,
            encode_effects([effect], tokenised=True),
            sender=trader,
            model_arguments=(market, number, slot, [effect]),
        )

    def wait(self) -> None:
        self.world.wait(self.rng.choice((1, 60, 300, 1_200, 3_600)))

    # What must hold

    def check(self) -> None:
        for slot in self.slots:
            in_flight = sum(
                effect.moved
                for market in self.markets
                if self.world.exchange.last_round(market) and self.trades(market) == slot
                for effect in self.applied[market]
            )
            assert self.world.escrow(slot) == self.world.offered(slot) - in_flight

    def trades(self, market: int) -> int:
        """The class that the market's last round trades."""
        number = self.world.exchange.last_round(market)
        return self.world.exchange.round(market, number).first_slot

    def check_everything(self) -> None:
        self.world.check_state()
        self.world.check_invariants()
        self.world.check_tokens(self.slots)


@pytest.mark.timeout(600)
def test_seasons_of_token_trade_keep_contracts_model_and_every_token_together():
    outcomes: Counter[tuple[str, str, str | None]] = Counter()
    for number in range(10):
        season = Season(Random(number))
        for step in range(STEPS):
            season.step()
            if step % 5 == 0:
                season.check_everything()
        season.check_everything()
        outcomes += season.world.outcomes
    untried = [
        f"{contract}.{function}"
        for contract, names in SUCCEEDS.items()
        for function in names
        if not outcomes[contract, function, None]
    ]
    assert not untried
    seen = {(function, refusal) for _, function, refusal in outcomes}
    missing = [(f, r) for f, refusals in REFUSALS.items() for r in refusals if (f, r) not in seen]
    assert not missing
    assert outcomes.total() >= 2_000
