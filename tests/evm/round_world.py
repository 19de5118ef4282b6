"""One market with margins and one round of it, from open to gated."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import ClassVar

from market.book import Book
from market.eligibility import TraderFacts, effective_maxima
from market.order import SignedOrder
from market.reference import MarketParams, Status
from market.reference.verification import encode_effects
from market.rules import MarketRules
from tests.evm import trading
from tests.evm.batch import Batch, clear, judge, positions
from tests.evm.trading import Bidding
from tests.evm.world import OPERATOR, TRADERS, World

GATE_IN = 600


class Trading:
    """A world whose traders have margin in one market, and its open round."""

    description: ClassVar[bytes] = b""
    """Of the network, in a market that has one."""

    def __init__(self, rng: Random, margin: int = 10**9, **rules: object) -> None:
        self.rng = rng
        self.world = World()
        self.market = self.world.create_market(**rules)
        if self.description:
            published = (self.market, self.description)
            self.must("Exchange", "publishNetwork", *published, sender=TRADERS[0])
        for trader in TRADERS:
            self.world.fund(trader, margin)
            self.must("Ledger", "addMargin", self.market, margin, sender=trader)
        self.number = self.world.open_round(self.market, GATE_IN, self.params.period_slots)

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

    @property
    def rules(self) -> MarketRules:
        return self.params.rules

    def coupled_batch(self) -> Batch:
        """Converters with fitting counterparts, up to the closed gate."""
        batch = trading.coupled_batch(self.world, self.market, self.number, TRADERS, self.rng)
        self.world.wait(GATE_IN)
        judged = judge(
            self.world.exchange, self.market, self.number, [o.signed for o in batch.orders]
        )
        assert [o.maximum for o in judged] == [o.maximum for o in batch.orders]
        self.close_gate(batch)
        return batch

    def verify_in_chunks(self, batch: Batch) -> list[bytes]:
        """Verify the round in parts cut anywhere. Returns the effects of every part."""
        end = len(batch.orders)
        cuts = sorted({self.rng.randrange(end + 1) for _ in range(3)} - {0, end})
        state = b""
        effects = []
        for start, stop in pairwise([0, *cuts, end]):
            arguments = (batch.results, state, batch.chunk(start, stop))
            self.must(
                "Exchange", "verifyChunk", self.market, self.number, *arguments, sender=OPERATOR
            )
            record = self.world.exchange.round(self.market, self.number)
            assert record.progress is not None
            state = record.progress.to_bytes()
            effects.append(encode_effects(record.chunks[-1]))
        return effects

    @property
    def verified(self) -> bool:
        status = self.world.exchange.status(self.market, self.number, now=self.world.now)
        return status is Status.VERIFIED

    def check_effects(self, batch: Batch, margin: int) -> None:
        """Every account is where the definitions put it, and nothing is lost."""
        for position in positions(batch, self.params.imbalance_cap):
            word = self.world.ledger.account(self.market, position.trader)
            assert (word.margin, word.locked) == (margin - position.debit, position.lock)
        self.world.check_state()
        self.world.check_invariants()


def production_book(
    trade: Trading, orders: Batch | list[SignedOrder]
) -> tuple[Book, tuple[int, ...]]:
    """The book and the effective maxima as the platform makes them."""
    signed = [o.signed for o in orders.orders] if isinstance(orders, Batch) else orders
    grid = trade.world.exchange.grid(trade.market, trade.number)
    book = Book.build(trade.market, trade.number, grid, signed)
    facts = {}
    for trader in TRADERS:
        word = trade.world.ledger.account(trade.market, trader.address)
        margin = trade.world.ledger.available(trade.market, trade.number, trader.address)
        facts[trader.address] = TraderFacts(margin, word.epoch_for(trade.number), eligible=True)
    return book, effective_maxima(book, facts, trade.rules)
