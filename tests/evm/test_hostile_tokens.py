"""Sources of tokens that lie, fail or call back: they harm their own market at most."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from random import Random

import pytest
from eth_abi.abi import encode

from market.reference import Effect, Exchange, Status
from market.reference.tokenised import FungibleProducts, Offer
from tests.evm.batch import clear, judge
from tests.evm.chain import Contract, EvmRevertError, errors, functions
from tests.evm.test_tokenised import PRICE, order
from tests.evm.token_world import RULES, TOKENS, TokenTrading
from tests.evm.world import ADMIN, DEPLOYER, OPERATOR, TRADERS, Person

ALICE, BOB, CAROL = TRADERS[:3]
MARGIN = 10**9


@dataclass(slots=True)
class Liar(FungibleProducts):
    """Says that everybody may sell `answer`, and delivers nothing."""

    address: str
    exchange: Exchange
    answer: int = 2**256 - 1
    offers: dict[tuple[int, int, str], Offer] = field(default_factory=dict)

    def sellable(self, market: int, round_number: int, slot: int, holder: str) -> int:
        return self.answer

    def deliver(
        self, market: int, round_number: int, slot: int, effects: Iterable[Effect], *, sender: str
    ) -> None: ...

    def _to_escrow(self, holder: str, market: int, slot: int, amount: int, *, now: int) -> None: ...

    def _from_escrow(self, to: str, market: int, slot: int, amount: int) -> None: ...


class Hostile:
    """An honest market of tokens, and beside it one whose source is hostile."""

    def __init__(self) -> None:
        self.honest = TokenTrading(Random(0), MARGIN, minted=(0,))
        world = self.honest.world
        self.source: Contract = world.chain.deploy(DEPLOYER.address, "test/HostileTokens")
        self.source.call("claim", 2**256 - 1)
        world.exchange.tokenised[self.source.address] = Liar(self.source.address, world.exchange)
        self.market = copy(self.honest)
        self.market.market = world.create_market(
            **RULES, capacity_source=self.source.address, capacity_unit_wh=0
        )
        for trader in TRADERS:
            self.market.must("Ledger", "addMargin", self.market.market, MARGIN, sender=trader)

    def sale(self, units: int = 70) -> tuple[bytes, bytes]:
        """An opened and gated round of the hostile market in which Alice sells to Bob and Carol."""
        self.market.open_round()
        orders = [
            order(self.market, ALICE, -units, 0),
            order(self.market, BOB, units // 2, PRICE),
            order(self.market, CAROL, units - units // 2, PRICE),
        ]
        self.batch = self.market.gate(orders)
        return self.batch.results, self.batch.call_data

    def calls_back(self, contract: str, function: str, *arguments: object) -> None:
        """What the source calls while it should deliver."""
        what = functions(contract)[function]
        data = what.selector + encode(what.inputs, arguments)
        address = self.market.world.contracts[contract].address
        self.source.call("whileDelivering", address, data)

    def honest_round_settles(self) -> None:
        trade = self.honest
        trade.must(TOKENS, "mint", trade.slot, ALICE.address, 50, sender=ADMIN)
        trade.offer(ALICE, 50)
        trade.open_round()
        batch = trade.gate([order(trade, ALICE, -50, 0), order(trade, BOB, 50, PRICE)])
        held = trade.held(BOB)
        assert trade.settle(batch.results, batch.call_data) is None
        assert trade.held(BOB) == held + 50
        trade.check()


def test_a_source_that_lies_moves_money_between_its_own_traders_alone():
    hostile = Hostile()
    before = hostile.honest.holdings(), hostile.market.holdings()
    assert hostile.market.settle(*hostile.sale()) is None
    after = hostile.honest.holdings(), hostile.market.holdings()
    assert after[1][ALICE.address][1] > before[1][ALICE.address][1]
    assert after[1][BOB.address][0] < before[1][BOB.address][0]
    assert [margin for margin, *_ in after[0].values()] == [MARGIN] * len(TRADERS)
    hostile.market.world.check_state()
    hostile.market.world.check_invariants()
    hostile.honest_round_settles()


def test_what_a_source_claims_is_sold_once_however_much_it_is():
    hostile = Hostile()
    hostile.source.call("claim", 100)
    liar = hostile.market.world.exchange.tokenised[hostile.source.address]
    assert isinstance(liar, Liar)
    liar.answer = 100
    hostile.market.open_round()
    orders = [order(hostile.market, ALICE, -60, 0, salt) for salt in range(3)]
    batch = hostile.market.gate([*orders, order(hostile.market, BOB, 500, PRICE)])
    assert sorted(o.maximum for o in batch.orders) == [0, 0, 60, 500]
    assert hostile.market.settle(batch.results, batch.call_data) is None


@pytest.mark.parametrize("failing", [(True, False), (False, True)], ids=["answers", "deliveries"])
def test_a_source_that_fails_voids_its_own_rounds_and_margins_leave(failing):
    hostile = Hostile()
    sent = hostile.sale()
    hostile.source.call("refuse", *failing)
    world, market = hostile.market.world, hostile.market.market
    with pytest.raises(EvmRevertError) as refused:
        world.contracts["Exchange"].call(
            "settle", market, hostile.market.number, *sent, sender=OPERATOR.address
        )
    assert refused.value.name == "Refused"
    hostile.honest_round_settles()
    world.must("Ledger", "requestExit", market, MARGIN, sender=BOB)
    world.wait(2 * world.exchange.market(market).exit_delay)
    assert hostile.market.status() is Status.VOID
    world.must("Ledger", "completeExit", market, sender=BOB)
    assert world.ledger.account(market, BOB.address).margin == 0
    hostile.honest.check()


def test_a_delivery_that_applies_the_other_chunk_leaves_what_order_would_have_left():
    hostile = Hostile()
    hostile.sale()
    market, world = hostile.market, hostile.market.world
    parts = market.verify(hostile.batch, [1])
    place = (market.market, market.number)
    hostile.calls_back("Exchange", "applyChunk", *place, 1, parts[1])
    world.contracts["Exchange"].call("applyChunk", *place, 0, parts[0], sender=ADMIN.address)
    assert hostile.source.view("callSucceeded")
    assert hostile.source.view("deliveries") == 2
    for chunk in (0, 1):
        world.exchange.apply_chunk(*place, chunk, parts[chunk], now=world.now)
    assert market.status() is Status.SETTLED
    world.check_state()
    world.check_invariants()


def test_a_delivery_cannot_apply_its_own_chunk_again():
    hostile = Hostile()
    hostile.sale()
    market, world = hostile.market, hostile.market.world
    parts = market.verify(hostile.batch, [1])
    place = (market.market, market.number)
    hostile.calls_back("Exchange", "applyChunk", *place, 0, parts[0])
    market.apply(0, parts[0])
    assert not hostile.source.view("callSucceeded")
    assert refusal_of(hostile.source) == "EffectsMismatch"
    market.apply(1, parts[1])
    world.check_state()
    world.check_invariants()


def test_a_delivery_cannot_settle_its_round_again_even_as_the_operator():
    hostile = Hostile()
    market, world = hostile.market, hostile.market.world
    source = Person("source", "", hostile.source.address)
    market.market = world.create_market(
        **RULES,
        capacity_source=source.address,
        capacity_unit_wh=0,
        operator=source.address,
    )
    for trader in TRADERS:
        world.fund(trader, MARGIN)
        market.must("Ledger", "addMargin", market.market, MARGIN, sender=trader)

    def as_operator(function: str, *arguments: object) -> None:
        what = functions("Exchange")[function]
        data = what.selector + encode(what.inputs, arguments)
        hostile.source.call("run", world.contracts["Exchange"].address, data)

    gate_at = world.now + 600
    opening = (market.market, gate_at, market.slot, 1)
    as_operator("openRound", *opening)
    world.exchange.open_round(*opening, sender=source.address, now=world.now)
    world.chain.now = gate_at
    orders = [order(market, ALICE, -70, 0), order(market, BOB, 70, PRICE)]
    book = judge(world.exchange, market.market, market.number, orders)
    batch = clear(world.exchange.grid(market.market, market.number), book)
    commitment = (market.market, market.number, batch.root, len(batch.orders))
    as_operator("closeGate", *commitment)
    world.exchange.close_gate(*commitment, sender=source.address, now=world.now)

    settlement = (market.market, market.number, batch.results, batch.call_data)
    hostile.calls_back("Exchange", "settle", *settlement)
    as_operator("settle", *settlement)
    world.exchange.settle(*settlement, sender=source.address, now=world.now)
    assert refusal_of(hostile.source) == "WrongStatus"
    world.check_state()
    world.check_invariants()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("applyDelivered", (1, b"", 10**6)),
        ("applyEffects", (1, b"", 10**6)),
        ("payFromBond", (1, OPERATOR.address, ALICE.address, 1)),
    ],
)
def test_a_delivery_has_no_power_over_the_ledger(function, arguments):
    hostile = Hostile()
    sent = hostile.sale()
    hostile.calls_back("Ledger", function, *arguments)
    assert hostile.market.settle(*sent) is None
    assert refusal_of(hostile.source) == "NotExchange"
    hostile.market.world.check_state()


def refusal_of(source: Contract) -> str:
    """Why the call that the source made while delivering was refused."""
    assert not source.view("callSucceeded")
    answer: bytes = source.view("callAnswer")
    return errors()[answer[:4]][0]
