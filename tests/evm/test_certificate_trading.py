"""Certificates from the meter to the buyer: offered by class, sold in rounds, collected, traced."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from market.order import Leg, Order, SignedOrder
from market.reference import Status
from market.reference.certified_devices import CertificateId, expiry_of_vintage
from market.reference.exchange import MAX_TOKENISED_CHUNK_TRADERS
from market.reference.verification import encode_effects
from tests.evm.batch import Batch, clear, judge
from tests.evm.certificate_books import Books
from tests.evm.certificate_world import (
    CERTIFICATES,
    CONSUMER,
    PASSER_BY,
    STORE_OWNER,
    SUN_OWNER,
    WIND_OWNER,
    CertificateWorld,
    meter_of,
    sale_slot,
)
from tests.evm.chain import GAS_LIMIT
from tests.evm.world import DAY, OPERATOR, TRADERS, Person

SCALE = 1_000_000
CENT = 10_000_000
"""Nano per kWh: a hundredth of a unit of money."""
MONEY = 10**6
SELLER, OTHER_SELLER = WIND_OWNER, STORE_OWNER
BUYER, OTHER_BUYER = CONSUMER, SUN_OWNER
GATE_IN = 600


@dataclass(frozen=True, slots=True)
class Money:
    margin: int
    free: int


class CertificateTrading:
    """The seller has four batches of wind, another seller some of the first, buyers have margin."""

    def __init__(self) -> None:
        self.world = CertificateWorld()
        self.books = Books(self.world)
        self.market = self.world.wind_sale
        self.world.produce([-3_000, -2_000, -1_000, 0, 0, -4_000], self.world.first)
        assert self.world.give(SELLER, OTHER_SELLER, self.world.wind(0), 1_500) is None
        self.slot = sale_slot(self.world.first * DAY)
        self.place = (self.market, self.slot)
        for trader in TRADERS:
            self.world.fund(trader, 20 * MONEY)
            self.world.must("Ledger", "addMargin", self.market, 10 * MONEY, sender=trader)

    def offer(self, person: Person, *lots: tuple[int, int]) -> None:
        """Slot of the day and amount."""
        named = [(self.world.wind(slot), amount) for slot, amount in lots]
        assert self.world.offer(person, *named) is None

    @property
    def number(self) -> int:
        return self.world.exchange.last_round(self.market)

    def open_round(self) -> None:
        opened = (self.market, self.world.now + GATE_IN, self.slot, 1)
        self.world.must("Exchange", "openRound", *opened, sender=OPERATOR)

    def order(self, person: Person, wh: int, price: int) -> SignedOrder:
        """Positive buys at up to `price` nano per kWh, negative sells at least at it."""
        sign = 1 if wh > 0 else -1
        product = self.world.exchange.grid(self.market, self.number).product_id(0)
        legs, who = (Leg(product, sign * SCALE),), person.address
        order = Order(self.market, self.number, legs, abs(wh), sign * price, who, 0, 0)
        return self.world.sign(person, order)

    def gate(self, *orders: SignedOrder) -> Batch:
        self.world.chain.now = self.world.exchange.round(self.market, self.number).gate_at
        book = judge(self.world.exchange, self.market, self.number, orders)
        batch = clear(self.world.exchange.grid(self.market, self.number), book)
        committed = (self.market, self.number, batch.root, len(batch.orders))
        self.world.must("Exchange", "closeGate", *committed, sender=OPERATOR)
        return batch

    def settle(self, batch: Batch) -> None:
        sent = (self.market, self.number, batch.results, batch.call_data)
        self.world.must("Exchange", "settle", *sent, sender=OPERATOR)

    def sell(self, *trades: tuple[Person, int, int]) -> Batch:
        """A round of its own: person, Wh and price of every order."""
        self.open_round()
        batch = self.gate(*(self.order(*trade) for trade in trades))
        self.settle(batch)
        return batch

    def verify(self, batch: Batch, *cuts: int) -> list[bytes]:
        state, parts = b"", []
        for start, stop in zip((0, *cuts), (*cuts, len(batch.orders)), strict=True):
            chunk = (self.market, self.number, batch.results, state, batch.chunk(start, stop))
            self.world.must("Exchange", "verifyChunk", *chunk, sender=OPERATOR)
            record = self.world.exchange.round(self.market, self.number)
            assert record.progress is not None
            state = record.progress.to_bytes()
            parts.append(encode_effects(record.chunks[-1], tokenised=True))
        return parts

    def apply(self, chunk: int, effects: bytes) -> None:
        applied = (self.market, self.number, chunk, effects)
        self.world.must("Exchange", "applyChunk", *applied, sender=PASSER_BY)

    def collect(self, person: Person, most: int = 100) -> None:
        before = self.books.parcels(*self.place, person.address)
        collected = (*self.place, person.address, most)
        self.world.must(CERTIFICATES, "collect", *collected, sender=PASSER_BY)
        after = self.books.parcels(*self.place, person.address)
        self.books.note_collected(self.place, before, after)

    def held(self, person: Person) -> dict[int, int]:
        """Wh by slot of the day."""
        holds = {}
        for slot in range(6):
            place = (person.address, self.world.wind(slot))
            amount = self.world.view(CERTIFICATES, "balanceOf", *place)
            if amount:
                holds[slot] = amount
        return holds

    def bought(self, person: Person) -> dict[int, int]:
        """The same of what was not collected."""
        holds: dict[int, int] = {}
        for start, end in self.books.parcels(*self.place, person.address):
            at = (*self.place, start, end - start)
            ids, amounts = self.world.view(CERTIFICATES, "certificatesAt", *at)
            for token_id, amount in zip(ids, amounts, strict=True):
                slot = CertificateId.of(token_id).slot
                holds[slot] = holds.get(slot, 0) + amount
        return holds

    def money(self, person: Person) -> Money:
        asset = self.world.token.address
        margin = self.world.view("Ledger", "word", self.market, person.address) & (2**64 - 1)
        return Money(margin, self.world.view("Ledger", "free", asset, person.address))

    def check(self) -> None:
        self.world.check_all()
        self.books.check()


def test_certificates_and_money_change_hands_in_one_transaction():
    trade = CertificateTrading()
    trade.offer(SELLER, (0, 1_000), (1, 2_000))
    before = {p: trade.money(p) for p in (SELLER, BUYER)}
    trade.open_round()
    batch = trade.gate(trade.order(SELLER, -2_500, 8 * CENT), trade.order(BUYER, 2_500, 9 * CENT))
    wrong = (trade.market, trade.number, batch.results, batch.call_data[:-1])
    refused = trade.world.do("Exchange", "settle", *wrong, sender=OPERATOR, same_refusal=False)
    assert refused is not None
    assert trade.bought(BUYER) == {}
    assert trade.money(BUYER) == before[BUYER]
    trade.settle(batch)
    paid = 2_500 * batch.prices[0] // SCALE
    assert trade.money(BUYER).margin == before[BUYER].margin - paid
    assert trade.money(SELLER).free == before[SELLER].free + paid
    assert trade.bought(BUYER) == {0: 1_000, 1: 1_500}
    trade.check()


def test_what_was_offered_first_is_sold_first():
    trade = CertificateTrading()
    trade.offer(OTHER_SELLER, (0, 700))
    trade.offer(SELLER, (2, 1_000), (0, 300))
    trade.offer(OTHER_SELLER, (0, 100))
    trade.sell((SELLER, -1_300, CENT), (BUYER, 500, 2 * CENT))
    # The seller sold, and the buyer has what stood in front, whoever offered it.
    assert trade.bought(BUYER) == {0: 500}
    trade.sell((OTHER_SELLER, -800, CENT), (OTHER_BUYER, 800, 2 * CENT))
    assert trade.bought(OTHER_BUYER) == {0: 200, 2: 600}
    assert trade.world.view(CERTIFICATES, "poolOf", *trade.place) == (1_300, 2_100)
    trade.check()


def test_a_certificate_names_its_plant_and_hour_before_and_after_it_is_collected():
    trade = CertificateTrading()
    trade.offer(SELLER, (1, 10), (5, 10))
    trade.sell((SELLER, -15, CENT), (BUYER, 15, 2 * CENT))
    ids, amounts = trade.world.view(CERTIFICATES, "certificatesAt", *trade.place, 0, 15)
    assert amounts == (10, 5)
    for token_id, slot in zip(ids, (1, 5), strict=True):
        device, starts_at, ends_at, *_ = trade.world.view(CERTIFICATES, "batchOf", token_id)
        assert device == meter_of(WIND_OWNER).address.lower()
        assert (starts_at, ends_at - starts_at) == (trade.world.first * DAY + slot * 14_400, 14_400)
    trade.collect(BUYER)
    assert trade.held(BUYER) == {1: 10, 5: 5}
    assert trade.world.view(CERTIFICATES, "certificatesAt", *trade.place, 0, 15) == (ids, amounts)
    trade.check()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_chunks_deliver_as_much_to_everybody_in_any_order(order):
    trade = CertificateTrading()
    trade.offer(SELLER, (0, 1_000), (1, 2_000))
    trade.offer(OTHER_SELLER, (0, 1_000))
    trade.open_round()
    batch = trade.gate(
        trade.order(SELLER, -3_000, CENT),
        trade.order(OTHER_SELLER, -1_000, CENT),
        trade.order(BUYER, 1_900, 2 * CENT),
        trade.order(OTHER_BUYER, 1_000, 2 * CENT),
    )
    parts = trade.verify(batch, 1, 3)
    for chunk in order:
        trade.apply(chunk, parts[chunk])
        trade.world.check_certificates()
        trade.books.check()
    assert trade.world.exchange.status(trade.market, trade.number, now=trade.world.now) is (
        Status.SETTLED
    )
    assert sum(trade.bought(BUYER).values()) == 1_900
    assert sum(trade.bought(OTHER_BUYER).values()) == 1_000
    trade.check()


def test_a_recall_waits_for_the_round_and_brings_what_stands_in_front():
    trade = CertificateTrading()
    trade.offer(OTHER_SELLER, (0, 100))
    trade.offer(SELLER, (1, 500))
    trade.open_round()
    batch = trade.gate(trade.order(SELLER, -300, CENT), trade.order(BUYER, 300, 2 * CENT))
    assert trade.world.ask("requestRecall", *trade.place, 500, sender=SELLER) is None
    assert trade.world.ask("completeRecall", *trade.place, sender=SELLER) == "RecallNotDue"
    trade.settle(batch)
    assert trade.world.ask("completeRecall", *trade.place, sender=SELLER) is None
    assert trade.bought(BUYER) == {0: 100, 1: 200}
    assert trade.bought(SELLER) == {1: 200}
    assert trade.world.certificates.offer_of(*trade.place, OTHER_SELLER.address).offered == 100
    trade.check()


def test_what_was_bought_is_collected_piece_by_piece_by_anybody_and_after_its_end():
    trade = CertificateTrading()
    trade.offer(SELLER, (0, 1_000), (1, 1_000), (2, 1_000))
    trade.sell((SELLER, -3_000, CENT), (BUYER, 2_500, 2 * CENT))
    trade.collect(BUYER, 2)
    assert trade.held(BUYER) == {0: 1_000, 1: 1_000}
    trade.world.chain.now = expiry_of_vintage(trade.slot - 18)
    assert trade.world.ask(
        "expire", trade.world.certificates.address, [trade.world.wind(2)], sender=PASSER_BY
    ) == ("ERC1155InvalidSender")
    trade.collect(BUYER, 2)
    assert trade.held(BUYER) == {0: 1_000, 1: 1_000, 2: 500}
    assert trade.world.give(BUYER, SELLER, trade.world.wind(2), 1) == "CertificateExpired"
    expired = (BUYER.address, [trade.world.wind(slot) for slot in range(3)])
    trade.world.must(CERTIFICATES, "expire", *expired, sender=PASSER_BY)
    assert trade.held(BUYER) == {}
    trade.check()


def test_a_vintage_is_traded_until_thirty_days_before_it_expires():
    trade = CertificateTrading()
    trade.offer(SELLER, (0, 1_000))
    last_gate = trade.slot * 30 * DAY
    trade.world.chain.now = last_gate - GATE_IN
    trade.sell((SELLER, -1_000, CENT), (BUYER, 1_000, 2 * CENT))
    opened = (trade.market, trade.world.now + GATE_IN, trade.slot, 1)
    assert trade.world.do("Exchange", "openRound", *opened, sender=OPERATOR) == "InvalidGate"
    trade.collect(BUYER)
    assert trade.world.retire(BUYER, [trade.world.wind(0)], [1_000]) is None
    trade.books.claimed[trade.world.wind(0)] += 1_000
    trade.check()


def test_what_is_delivered_costs_the_same_whether_of_one_batch_or_of_many():
    """So that no seller makes settlements dear, or impossible."""
    gas = []
    for lots in ([(0, 600)], [(slot, 1) for slot in (0, 1, 2, 5)] * 150):
        trade = CertificateTrading()
        for at in range(0, len(lots), 150):
            trade.offer(SELLER, *lots[at : at + 150])
        trade.sell((SELLER, -600, CENT), (BUYER, 600, 2 * CENT))
        gas.append(trade.world.chain.gas_used)
        assert sum(trade.bought(BUYER).values()) == 600
    assert abs(gas[0] - gas[1]) < 2_000


def test_random_rounds_keep_every_certificate_at_one_place():
    for season in range(3):
        rng = Random(season)
        trade = CertificateTrading()
        for _ in range(8):
            for person in (SELLER, OTHER_SELLER):
                slots = list(trade.held(person).items())
                for slot, most in rng.sample(slots, min(2, len(slots))):
                    trade.offer(person, (slot, rng.randint(1, most)))
            sellers = [
                (p, -trade.world.certificates.offer_of(*trade.place, p.address).offered, CENT)
                for p in (SELLER, OTHER_SELLER)
            ]
            buyers = [
                (p, rng.randint(1, 700), rng.choice((CENT, 2 * CENT))) for p in (BUYER, OTHER_BUYER)
            ]
            trade.sell(*(each for each in sellers if each[1]), *buyers)
            trade.check()
            for person in (BUYER, OTHER_BUYER):
                if trade.bought(person) and rng.random() < 0.6:
                    trade.collect(person, rng.choice((1, 2, 50)))
        trade.check()


@pytest.mark.timeout(600)
def test_a_chunk_of_certificates_is_never_too_large_to_apply():
    """Otherwise a verified round is never settled. Everybody here sells, buys more than that, holds
    no free balance yet and has a parcel waiting from a recall: no effect costs more."""
    trade = CertificateTrading()
    crowd = [Person.named(f"resident {i}") for i in range(MAX_TOKENISED_CHUNK_TRADERS + 1)]
    trade.offer(SELLER, (5, 3_000))
    for person in crowd:
        trade.world.fund(person, 1_000)
        trade.world.must("Ledger", "addMargin", trade.market, 1_000, sender=person)
        assert trade.world.give(SELLER, person, trade.world.wind(1), 2) is None
        trade.offer(person, (1, 2))
        trade.world.must(CERTIFICATES, "requestRecall", *trade.place, 1, sender=person)
        trade.world.must(CERTIFICATES, "completeRecall", *trade.place, sender=person)
    trade.open_round()
    orders = [trade.order(SELLER, -2 * len(crowd), CENT)]
    for person in crowd:
        orders += [trade.order(person, -1, CENT), trade.order(person, 3, 3 * CENT)]
    batch = trade.gate(*orders)
    assert {o.fill for o in batch.orders} == {1, 3, 2 * len(crowd)}
    most = next(
        at
        for at in range(len(batch.orders))
        if len({o.signed.order.trader for o in batch.orders[: at + 1]})
        > MAX_TOKENISED_CHUNK_TRADERS
    )
    for chunk, effects in enumerate(trade.verify(batch, most)):
        trade.apply(chunk, effects)
        assert trade.world.chain.gas_used < GAS_LIMIT * 9 // 10
    assert all(len(trade.books.parcels(*trade.place, who.address)) == 2 for who in crowd)
