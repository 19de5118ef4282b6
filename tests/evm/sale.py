"""Rounds of a market of tokens, one step after the other: random bids, an honest operator."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from market.reference import Status
from market.reference.verification import encode_effects
from tests.evm.batch import Batch, clear, judge
from tests.evm.trading import Bidding, one_product_orders
from tests.evm.world import OPERATOR, TRADERS, Person, World

GATE_IN = 600
"""Seconds from a round's opening to its gate."""


class Sale:
    """Whatever others do, nothing keeps the operator from settling and delivering."""

    def __init__(
        self, world: World, market: int, bidders: tuple[Person, ...], bidding: Bidding
    ) -> None:
        self.world, self.market = world, market
        self.bidders, self.bidding = bidders, bidding
        self.batch: Batch | None = None
        """The round between gate and settlement."""

    @property
    def number(self) -> int:
        return self.world.exchange.last_round(self.market)

    @property
    def status(self) -> Status:
        return self.world.exchange.status(self.market, self.number, now=self.world.now)

    def advance(self, rng: Random, slots: Sequence[int]) -> None:
        """The round's next step, or a new round of one of the slots."""
        exchange, number, now = self.world.exchange, self.number, self.world.now
        status = self.status
        if status is Status.OPEN and now <= exchange.round(self.market, number).gate_at:
            self.gate(rng)
        elif status is Status.GATED and self.batch is not None:
            self.settle(self.batch, rng)
        elif status is Status.VERIFIED:
            self.apply(rng)
        elif exchange.is_terminal(self.market, number, now=now):
            self.batch = None
            if slots:
                opened = (self.market, now + GATE_IN, rng.choice(slots), 1)
                self.world.do("Exchange", "openRound", *opened, sender=OPERATOR)

    def gate(self, rng: Random) -> None:
        exchange, number = self.world.exchange, self.number
        self.world.chain.now = exchange.round(self.market, number).gate_at
        bids = one_product_orders(self.world, self.market, number, self.bidders, rng, self.bidding)
        self.batch = clear(
            exchange.grid(self.market, number), judge(exchange, self.market, number, bids)
        )
        committed = (self.market, number, self.batch.root, len(self.batch.orders))
        self.world.must("Exchange", "closeGate", *committed, sender=OPERATOR)

    def settle(self, batch: Batch, rng: Random) -> None:
        """At once, or verified in two chunks that wait to be applied."""
        place = (self.market, self.number)
        if rng.random() < 0.5 or not batch.orders:
            sent = (*place, batch.results, batch.call_data)
            self.world.must("Exchange", "settle", *sent, sender=OPERATOR)
            return
        cut = rng.randrange(1, len(batch.orders) + 1)
        state = b""
        for start, stop in ((0, cut), (cut, len(batch.orders))):
            if start == stop:
                continue
            chunk = (*place, batch.results, state, batch.chunk(start, stop))
            self.world.must("Exchange", "verifyChunk", *chunk, sender=OPERATOR)
            progress = self.world.exchange.round(*place).progress
            assert progress is not None
            state = progress.to_bytes()

    def apply(self, rng: Random) -> None:
        """One of the chunks that wait; what was sold is delivered, however late."""
        record = self.world.exchange.round(self.market, self.number)
        chunk = rng.choice([at for at in range(len(record.chunks)) if at not in record.applied])
        effects = encode_effects(record.chunks[chunk], tokenised=True)
        applied = (self.market, self.number, chunk, effects)
        self.world.must("Exchange", "applyChunk", *applied, sender=TRADERS[5])
