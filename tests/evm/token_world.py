"""Markets of tokens in both worlds: holders, what they offer, and rounds that move it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from market.order import SignedOrder
from market.reference import Exchange, Revert, Status
from market.reference.tokenised import FungibleProducts, Offer
from market.reference.verification import encode_effects
from tests.evm import trading
from tests.evm.batch import Batch, clear, judge, positions
from tests.evm.trading import Bidding
from tests.evm.world import ADMIN, DAY, DEPLOYER, OPERATOR, PEOPLE, TRADERS, Person, World

GATE_IN = 600
TOKENS = "OpenTokens"
RULES: dict[str, object] = {
    "slot_seconds": DAY,
    "period_slots": 2,
    "imbalance_cap": 0,
    "gap_floor": 0,
    "gap_cap": 0,
}


class InsufficientTokens(Revert):
    """The holder has not that many."""


@dataclass(slots=True)
class OpenTokens(FungibleProducts):
    """The model of contracts/test/OpenTokens.sol: everybody may mint, a class is a slot."""

    address: str
    exchange: Exchange
    balances: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    offers: dict[tuple[int, int, str], Offer] = field(default_factory=dict)

    def mint(self, slot: int, to: str, amount: int) -> None:
        self.balances[slot, to] += amount

    def _to_escrow(self, holder: str, market: int, slot: int, amount: int, *, now: int) -> None:
        self._move(slot, holder, self.address, amount)

    def _from_escrow(self, to: str, market: int, slot: int, amount: int) -> None:
        self._move(slot, self.address, to, amount)

    def _move(self, slot: int, giver: str, to: str, amount: int) -> None:
        held = self.balances[slot, giver]
        if amount > held:
            raise InsufficientTokens(f"{giver} holds {held}, not {amount}")
        self.balances[slot, giver] -= amount
        self.balances[slot, to] += amount


class TokenWorld(World):
    """A world with open tokens beside the contracts."""

    def __init__(self) -> None:
        super().__init__()
        exchange = self.contracts["Exchange"].address
        deployed = self.chain.deploy(DEPLOYER.address, f"test/{TOKENS}", [exchange])
        self.contracts[TOKENS] = deployed
        self.tokens = OpenTokens(deployed.address, self.exchange)
        self.models[TOKENS] = self.tokens
        self.exchange.tokenised[deployed.address] = self.tokens

    def create_token_market(self, **changes: object) -> int:
        source = {"capacity_source": self.tokens.address, "capacity_unit_wh": 0}
        return self.create_market(**RULES, **source, **changes)

    def check_tokens(self, slots: Iterable[int]) -> None:
        """Balances, offers and what they come to are the same, and no token came from nowhere."""
        markets = range(1, self.exchange.market_count + 1)
        for slot in slots:
            supply = 0
            for who in (*self.addresses, self.tokens.address):
                balance = self.view(TOKENS, "balanceOf", slot, who)
                assert balance == self.tokens.balances[slot, who]
                supply += balance
            assert supply == self.view(TOKENS, "supply", slot)
            for market in markets:
                for person in PEOPLE:
                    self._check_offer(market, slot, person)

    def _check_offer(self, market: int, slot: int, person: Person) -> None:
        known = self.tokens.offer_of(market, slot, person.address)
        offered = self.view(TOKENS, "offerOf", market, slot, person.address)
        assert offered == (known.offered, known.recalled, known.recall_round)
        last = self.exchange.last_round(market)
        for number in (last, last + 1):
            sellable = self.tokens.sellable(market, number, slot, person.address)
            place = (market, number, slot, person.address)
            assert self.view(TOKENS, "sellable", *place) == sellable

    def escrow(self, slot: int) -> int:
        return int(self.view(TOKENS, "balanceOf", slot, self.tokens.address))

    def offered(self, slot: int) -> int:
        """What all offers of the class in all markets come to, as the contract says."""
        return sum(
            self.view(TOKENS, "offerOf", market, slot, person.address)[0]
            for market in range(1, self.exchange.market_count + 1)
            for person in PEOPLE
        )


class TokenTrading:
    """One market of tokens whose traders have margin and tokens; rounds one after the other."""

    def __init__(
        self, rng: Random, margin: int = 10**9, minted: tuple[int, ...] = (0, 5, 500, 5_000)
    ) -> None:
        self.rng = rng
        self.world = TokenWorld()
        self.market = self.world.create_token_market()
        self.slot = self.world.now // DAY + 2
        for trader in TRADERS:
            self.world.fund(trader, 2 * margin)
            self.must("Ledger", "addMargin", self.market, margin, sender=trader)
            held = rng.choice(minted)
            self.must(TOKENS, "mint", self.slot, trader.address, held, sender=trader)
            if held:
                self.offer(trader, rng.choice((1, held // 2, held)))

    def must(self, contract: str, function: str, *arguments: object, sender: Person) -> None:
        self.world.must(contract, function, *arguments, sender=sender)

    def offer(self, person: Person, amount: int) -> None:
        self.must(TOKENS, "offer", self.market, self.slot, amount, sender=person)

    def do(self, function: str, *arguments: object, sender: Person) -> str | None:
        """A call of the tokens for this market and class."""
        return self.world.do(TOKENS, function, self.market, self.slot, *arguments, sender=sender)

    def held(self, person: Person) -> int:
        return self.world.tokens.balances[self.slot, person.address]

    def offered(self, person: Person) -> int:
        return self.world.tokens.offer_of(self.market, self.slot, person.address).offered

    @property
    def number(self) -> int:
        return self.world.exchange.last_round(self.market)

    def status(self) -> Status:
        return self.world.exchange.status(self.market, self.number, now=self.world.now)

    def open_round(self) -> None:
        gate_at = self.world.now + GATE_IN
        arguments = (self.market, gate_at, self.slot, 1)
        self.must("Exchange", "openRound", *arguments, sender=OPERATOR)

    def orders(self, bidding: Bidding) -> list[SignedOrder]:
        return trading.one_product_orders(
            self.world, self.market, self.number, TRADERS, self.rng, bidding
        )

    def gate(self, orders: list[SignedOrder]) -> Batch:
        """The gate with these orders in the book, and the right result."""
        self.world.chain.now = self.world.exchange.round(self.market, self.number).gate_at
        book = judge(self.world.exchange, self.market, self.number, orders)
        batch = clear(self.world.exchange.grid(self.market, self.number), book)
        arguments = (self.market, self.number, batch.root, len(batch.orders))
        self.must("Exchange", "closeGate", *arguments, sender=OPERATOR)
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

    def verify(self, batch: Batch, cuts: list[int]) -> list[bytes]:
        """Verify in parts cut at these orders. Returns every part's effects."""
        state = b""
        parts = []
        for start, stop in zip([0, *cuts], [*cuts, len(batch.orders)], strict=True):
            arguments = (batch.results, state, batch.chunk(start, stop))
            place = (self.market, self.number)
            self.must("Exchange", "verifyChunk", *place, *arguments, sender=OPERATOR)
            record = self.world.exchange.round(*place)
            assert record.progress is not None
            state = record.progress.to_bytes()
            parts.append(encode_effects(record.chunks[-1], tokenised=True))
        return parts

    def apply(self, chunk: int, effects: bytes, *, sender: Person = ADMIN) -> None:
        place = (self.market, self.number, chunk)
        self.must("Exchange", "applyChunk", *place, effects, sender=sender)

    def check(self) -> None:
        self.world.check_state()
        self.world.check_invariants()
        self.world.check_tokens((self.slot,))

    def holdings(self) -> dict[str, tuple[int, int, int, int]]:
        """Margin, free, tokens held and tokens offered of every trader."""
        asset, ledger = self.world.token.address, self.world.ledger
        return {
            p.address: (
                ledger.account(self.market, p.address).margin,
                ledger.free[asset, p.address],
                self.held(p),
                self.offered(p),
            )
            for p in TRADERS
        }


def expected(
    before: dict[str, tuple[int, int, int, int]], batch: Batch
) -> dict[str, tuple[int, int, int, int]]:
    """What a settled round makes of the holdings, from the definitions alone."""
    after = dict(before)
    for position in positions(batch, imbalance_cap=0):
        margin, free, held, offered = before[position.trader]
        moved = sum(wh for _, wh in position.quantities)
        after[position.trader] = (
            margin - position.debit,
            free + position.lock,
            held + max(moved, 0),
            offered - max(-moved, 0),
        )
    return after
