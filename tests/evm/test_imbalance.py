"""Positions against meters: the contracts and the reference model close every account alike."""

from __future__ import annotations

from dataclasses import astuple
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from market.order import Domain
from market.reference import Resolution
from market.reference.imbalance import RoundProof
from market.reference.meters import DISPUTE_WINDOW, MISSING, encode_values, readings_digest
from market.signature import sign_digest
from tests.evm import trading
from tests.evm.batch import Batch, Position, clear, judge, packed_prices, positions, round_proof
from tests.evm.trading import Bidding
from tests.evm.world import (
    ADMIN,
    BALANCING,
    DAY,
    OPERATOR,
    PERIOD_SLOTS,
    SLOT_SECONDS,
    TRADERS,
    Person,
    World,
)

BIDDING = Bidding(
    units=(1, 3, 50, 1_000, 9_999),
    prices=tuple(p * 10**6 + 1 for p in (-40, 100, 101, 250)),
    orders_each=3,
)
MARGIN = 10**9
CARRIERS = 2


class Delivery:
    """Some rounds of one period, settled, and its meters."""

    def __init__(self, rng: Random, bond: int) -> None:
        self.rng = rng
        self.world = World()
        self.market = self.world.create_market(carriers=CARRIERS, zones=2)
        self.world.fund(BALANCING, 10**10)
        self.must("Ledger", "postBond", self.market, bond, sender=BALANCING)
        for trader in TRADERS:
            self.world.fund(trader, MARGIN)
            self.must("Ledger", "addMargin", self.market, MARGIN, sender=trader)
        self.period = -(-(self.world.now + DAY) // (SLOT_SECONDS * PERIOD_SLOTS))
        self.batches: list[Batch] = []
        self.installed: list[tuple[Person, int]] = []
        self.reserved: list[tuple[Person, int]] = []
        self.world.exchange.authority.grant("DEVIATION_CLAIMANT", ADMIN.address)
        self.values: dict[tuple[str, int], bytes] = {}

    def must(self, contract: str, function: str, *arguments: object, sender: Person) -> None:
        refusal = self.world.do(contract, function, *arguments, sender=sender)
        assert refusal is None, f"{contract}.{function}: {refusal}"

    def trade(self, slots: int) -> None:
        """One round of the first `slots` slots of the period; at times it is left to go void."""
        gate_at = self.world.now + 600
        first_slot = self.period * PERIOD_SLOTS + self.rng.randrange(PERIOD_SLOTS - slots + 1)
        self.must("Exchange", "openRound", self.market, gate_at, first_slot, slots, sender=OPERATOR)
        number = self.world.exchange.last_round(self.market)
        orders = trading.one_product_orders(
            self.world, self.market, number, TRADERS, self.rng, BIDDING
        )
        self.world.wait(600)
        if self.rng.random() < 0.15:
            self.world.wait(1_200)
            return
        book = judge(self.world.exchange, self.market, number, orders)
        batch = clear(self.world.exchange.grid(self.market, number), book)
        place = (self.market, number)
        self.must("Exchange", "closeGate", *place, batch.root, len(batch.orders), sender=OPERATOR)
        self.must("Exchange", "settle", *place, batch.results, batch.call_data, sender=OPERATOR)
        self.batches.append(batch)

    def install(self, trader: Person, carrier: int) -> None:
        """Register a device; at times reserve some of its slots."""
        device = Person.named(f"device {trader.name} {carrier}")
        arguments = (device.address, self.market, trader.address, carrier, 10**6)
        self.must("MeterRegistry", "register", *arguments, sender=ADMIN)
        self.installed.append((trader, carrier))
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            slots = self.rng.randrange(1, 1 << PERIOD_SLOTS)
            place = (self.market, trader.address, carrier, self.period, slots)
            if self.world.do("Deviations", "reserve", *place, sender=ADMIN) is None:
                self.reserved.append((trader, slots))

    def end_claims(self) -> None:
        """Use or release what was reserved, or leave it to die."""
        for number, (_, slots) in enumerate(self.reserved, start=1):
            fate = self.rng.choice(("use", "use", "release", "die"))
            if fate == "use":
                values = [
                    self.rng.choice((0, 1, 50, 5_000, -50, -5_000)) * (slots >> slot & 1)
                    for slot in range(PERIOD_SLOTS)
                ]
                self.must("Deviations", "use", number, values, sender=ADMIN)
            elif fate == "release":
                self.must("Deviations", "release", number, sender=ADMIN)

    def waits(self, trader: Person) -> bool:
        """Whether something of the trader's may still be claimed."""
        return any(
            self.world.deviations.used_of(
                self.market, trader.address, carrier, self.period, now=self.world.now
            )[0]
            for carrier in range(CARRIERS)
        )

    def meter(self, trader: Person, carrier: int) -> None:
        """Post a reading of a device, with or without gaps, disputed or not."""
        rng, device = self.rng, Person.named(f"device {trader.name} {carrier}")
        if rng.random() < 0.2:
            return
        values = self.random_values()
        domain = Domain(self.world.exchange.chain_id, self.world.meters.address)
        digest = readings_digest(domain, device.address, self.market, self.period, values)
        signature = sign_digest(digest, device.key)
        reading = (device.address, self.market, self.period, values, signature)
        self.must("MeterRegistry", "post", *reading, sender=trader)
        self.values[trader.address, carrier] = values
        if rng.random() < 0.3:
            disputed = (device.address, self.period)
            self.must("MeterRegistry", "dispute", *disputed, sender=trader)
            resolution = rng.choice((*Resolution, None))
            if resolution is None:
                return
            replaced = self.random_values() if resolution is Resolution.REPLACE else b""
            refusal = self.world.do(
                "MeterRegistry",
                "resolve",
                *disputed,
                int(resolution),
                replaced,
                sender=ADMIN,
                model_arguments=(*disputed, resolution, replaced),
            )
            assert refusal is None
            if resolution is Resolution.VOID:
                del self.values[trader.address, carrier]
            elif resolution is Resolution.REPLACE:
                self.values[trader.address, carrier] = replaced

    def random_values(self) -> bytes:
        choices = (0, 1, -1, 50, -50, 5_000, -5_000, MISSING)
        return encode_values([self.rng.choice(choices) for _ in range(PERIOD_SLOTS)])

    def round_positions(self) -> list[list[Position]]:
        cap = self.world.exchange.market(self.market).imbalance_cap
        return [positions(batch, cap) for batch in self.batches]

    def close(
        self,
        trader: Person,
        proofs: list[RoundProof],
        readings: list[bytes],
        prices: list[bytes],
        same_refusal: bool = True,
    ) -> str | None:
        for_abi = [([astuple(leaf) for leaf in p.leaves], p.entries) for p in proofs]
        place = (self.market, self.period, trader.address)
        return self.world.do(
            "Imbalance",
            "close",
            *place,
            for_abi,
            readings,
            prices,
            sender=TRADERS[0],
            model_arguments=(*place, proofs, readings, prices),
            same_refusal=same_refusal,
        )

    def close_all(self) -> None:
        rounds = self.round_positions()
        prices = [packed_prices(batch) for batch in self.batches]
        for trader in TRADERS:
            proofs = [round_proof(held, trader.address) for held in rounds]
            readings = [self.values.get((trader.address, c), b"") for c in range(CARRIERS)]
            if self.world.imbalance.closed(self.market, trader.address, self.period):
                continue
            if self.waits(trader):
                refusal = self.close(trader, proofs, readings, prices)
                assert refusal in ("DeviationReserved", "NothingToClose")
                continue
            self.try_wrong_proofs(trader, proofs, readings, prices)
            refusal = self.close(trader, proofs, readings, prices)
            held = [p for round_ in rounds for p in round_ if p.trader == trader.address]
            assert refusal == (None if any(p.entries for p in held) else "NothingToClose")
            if refusal is None:
                assert self.close(trader, proofs, readings, prices) == "ClosedBefore"
            word = self.world.ledger.account(self.market, trader.address)
            assert word.locked == 0

    def try_wrong_proofs(
        self,
        trader: Person,
        proofs: list[RoundProof],
        readings: list[bytes],
        prices: list[bytes],
    ) -> None:
        """Every one of them must be refused, by both."""
        rng = self.rng
        at = rng.randrange(len(proofs))
        mine = proofs[at]
        other = rng.choice([t for t in TRADERS if t is not trader])
        others = round_proof(self.round_positions()[at], other.address)
        forgeries = [
            proofs[:-1],
            [*proofs, RoundProof(())],
            [*proofs[:at], RoundProof(others.leaves, others.entries), *proofs[at + 1 :]],
        ]
        if mine.entries:
            forgeries += [
                [*proofs[:at], RoundProof(mine.leaves, entries), *proofs[at + 1 :]]
                for entries in (b"", mine.entries[24:], mine.entries + bytes(24), mine.entries[:-1])
            ]
            forgeries.append([*proofs[:at], RoundProof(()), *proofs[at + 1 :]])
        for forged in forgeries:
            if forged == proofs or (not mine.entries and others.leaves == mine.leaves):
                continue
            refusal = self.close(trader, forged, readings, prices, same_refusal=False)
            assert refusal is not None, forged
        if any(proof.entries for proof in proofs):
            wrong_reading = [readings[0] + b"\x00", *readings[1:]]
            assert self.close(trader, proofs, wrong_reading, prices) == "WrongReading"
            wrong_prices = [prices[0] + bytes(8), *prices[1:]]
            assert self.close(trader, proofs, readings, wrong_prices) == "WrongPrices"


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rounds=st.integers(1, 3),
    bond=st.sampled_from((1, 10**6, 10**10)),
)
def test_every_position_closes_once_and_all_the_money_is_where_it_was_or_in_the_bond(
    seed, rounds, bond
):
    rng = Random(seed)
    delivery = Delivery(rng, bond)
    for _ in range(rounds):
        delivery.trade(rng.randrange(1, PERIOD_SLOTS + 1))
    if not delivery.batches:
        return
    for trader in TRADERS:
        for carrier in range(CARRIERS):
            if rng.random() < 0.6:
                delivery.install(trader, carrier)
    world, ends_at = delivery.world, delivery.world.meters.period_end(1, delivery.period)
    world.chain.now = ends_at - 1
    assert delivery.close(TRADERS[0], [], [], []) == "PeriodNotOver"
    world.chain.now = ends_at
    for trader, carrier in delivery.installed:
        delivery.meter(trader, carrier)
    world.wait(rng.choice((0, DISPUTE_WINDOW)))
    rounds_held = delivery.round_positions()
    prices = [packed_prices(batch) for batch in delivery.batches]
    early = [round_proof(held, TRADERS[1].address) for held in rounds_held]
    readings = [delivery.values.get((TRADERS[1].address, c), b"") for c in range(CARRIERS)]
    refusal = delivery.close(TRADERS[1], early, readings, prices)
    world.check_state()
    world.chain.now = ends_at + 5 * DAY
    if refusal is None:
        assert delivery.close(TRADERS[1], early, readings, prices) == "ClosedBefore"
        return
    waiting = [trader for trader in TRADERS if delivery.waits(trader)]
    delivery.end_claims()
    delivery.close_all()
    # What nobody claims dies; then everybody can close, so at last nothing is locked.
    world.chain.now = world.deviations.claim_by(1, delivery.period)
    assert set(filter(delivery.waits, TRADERS)) <= set(waiting)
    world.wait(1)
    assert not any(map(delivery.waits, TRADERS))
    delivery.close_all()
    assert all(world.ledger.account(1, trader.address).locked == 0 for trader in TRADERS)
    world.check_state()
    world.check_invariants()
