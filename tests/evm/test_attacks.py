"""Attacks that a settlement as a whole must stand, in both worlds."""

from __future__ import annotations

from dataclasses import replace

from market.order import Leg, Order
from market.reference import Status
from market.reference.call_data import Tie
from market.reference.imbalance import PositionLeaf
from market.reference.meters import readings_digest
from market.reference.verification import encode_effects
from market.signature import Domain, sign_digest
from tests.evm.batch import (
    Batch,
    clear,
    effects,
    judge,
    packed_prices,
    positions,
    round_proof,
)
from tests.evm.chain import GAS_LIMIT
from tests.evm.world import ADMIN, DAY, OPERATOR, TRADERS, Person, World

SCALE = 1_000_000
MOST_TRADERS = 512
BUYER = TRADERS[0]


def sellers_without_an_account(world: World, market: int, number: int, sellers: int) -> Batch:
    """Everybody sells one Wh to one buyer. Without collateral a seller needs no margin, so that its
    first entry in the ledger is what it is paid: the dearest effect there is. Closes the gate."""
    grid = world.exchange.grid(market, number)
    product = grid.product_id(0)
    buy = (Leg(product, SCALE),)
    orders = [
        world.sign(
            BUYER, Order(market, number, buy, sellers, 2 * SCALE, BUYER.address, epoch=0, salt=0)
        )
    ]
    sell = (Leg(product, -SCALE),)
    for i in range(sellers):
        seller = Person.named(f"seller {i}")
        orders.append(
            world.sign(
                seller, Order(market, number, sell, 1, -SCALE, seller.address, epoch=0, salt=0)
            )
        )
    world.wait(600)
    batch = clear(grid, judge(world.exchange, market, number, orders))
    place = (market, number, batch.root, len(batch.orders))
    assert world.do("Exchange", "closeGate", *place, sender=OPERATOR) is None
    return batch


def market_without_collateral(world: World) -> tuple[int, int]:
    """The market's and its open round's number."""
    market = world.create_market(imbalance_cap=0)
    world.fund(BUYER, 10**9)
    assert world.do("Ledger", "addMargin", market, 10**9, sender=BUYER) is None
    return market, world.open_round(market, 600, slots=1)


def test_a_round_is_not_verified_in_chunks_too_large_to_apply():
    """Otherwise a verified round is never settled, and all margins of its market stay for ever."""
    world = World()
    market, number = market_without_collateral(world)
    batch = sellers_without_an_account(world, market, number, sellers=2 * MOST_TRADERS - 1)

    def verify(state: bytes, start: int, stop: int) -> str | None:
        arguments = (market, number, batch.results, state, batch.chunk(start, stop))
        return world.do("Exchange", "verifyChunk", *arguments, sender=OPERATOR)

    assert verify(b"", 0, len(batch.orders)) == "ChunkTooLarge"
    assert verify(b"", 0, MOST_TRADERS + 1) == "ChunkTooLarge"
    assert verify(b"", 0, MOST_TRADERS) is None
    progress = world.exchange.round(market, number).progress
    assert progress is not None
    assert verify(progress.to_bytes(), MOST_TRADERS, len(batch.orders)) is None
    every = effects(positions(batch, imbalance_cap=0))
    for chunk, start in enumerate((0, MOST_TRADERS)):
        part = encode_effects(every[start : start + MOST_TRADERS])
        arguments = (market, number, chunk, part)
        assert world.do("Exchange", "applyChunk", *arguments, sender=TRADERS[1]) is None
        assert world.chain.gas_used < GAS_LIMIT * 3 // 4
    assert world.exchange.status(market, number, now=world.now) is Status.SETTLED
    world.check_state()


def test_a_chunk_without_an_order_is_refused():
    """Otherwise an operator leaves others as many chunks to apply as it likes."""
    world = World()
    market, number = market_without_collateral(world)
    batch = sellers_without_an_account(world, market, number, sellers=2)
    place = (market, number, batch.results)
    empty = world.do("Exchange", "verifyChunk", *place, b"", b"", sender=OPERATOR)
    assert empty == "MalformedBatch"
    assert (
        world.do("Exchange", "verifyChunk", *place, b"", batch.chunk(0, 1), sender=OPERATOR) is None
    )
    progress = world.exchange.round(market, number).progress
    assert progress is not None
    arguments = (*place, progress.to_bytes(), b"")
    assert world.do("Exchange", "verifyChunk", *arguments, sender=OPERATOR) == "MalformedBatch"
    world.check_state()


def test_a_period_of_the_largest_market_closes_in_one_transaction():
    """With a deviation in every slot of every carrier; otherwise what is locked stays locked."""
    world = World()
    carriers, slots, cap = 16, 256, 499_999_937
    market = world.create_market(carriers=carriers, period_slots=slots)
    for trader in TRADERS[:2]:
        world.fund(trader, 10**12)
        assert world.do("Ledger", "addMargin", market, 10**12, sender=trader) is None
    number = world.open_round(market, 600, slots)
    grid = world.exchange.grid(market, number)
    buyer, seller = TRADERS[:2]
    buys = tuple(Leg(grid.product_id(at * slots), SCALE) for at in range(carriers))
    sells = tuple(Leg(leg.product, -SCALE) for leg in buys)
    orders = [
        world.sign(who, Order(market, number, legs, 1_000, 0, who.address, epoch=0, salt=0))
        for who, legs in ((buyer, buys), (seller, sells))
    ]
    world.wait(600)
    judged = judge(world.exchange, market, number, orders)
    prices = tuple(SCALE * ((at // slots) % 2 * 2 - 1) for at in range(len(grid)))
    batch = Batch(grid, prices, (Tie(),) * len(grid), tuple(replace(o, fill=1_000) for o in judged))
    place = (market, number)
    count = len(batch.orders)
    assert world.do("Exchange", "closeGate", *place, batch.root, count, sender=OPERATOR) is None
    settled = world.do(
        "Exchange", "settle", *place, batch.results, batch.call_data, sender=OPERATOR
    )
    assert settled is None

    values = b"".join((-7 - slot % 9).to_bytes(4, "big", signed=True) for slot in range(slots))
    period = world.exchange.round(market, number).first_slot // slots
    world.chain.now = world.meters.period_end(market, period)
    domain = Domain(world.exchange.chain_id, world.meters.address)
    for carrier in range(carriers):
        device = Person.named(f"meter {carrier}")
        named = (device.address, market, seller.address, carrier, 10**6)
        assert world.do("MeterRegistry", "register", *named, sender=ADMIN) is None
        signature = sign_digest(
            readings_digest(domain, device.address, market, period, values), device.key
        )
        posted = (device.address, market, period, values, signature)
        assert world.do("MeterRegistry", "post", *posted, sender=ADMIN) is None
    world.wait(3 * DAY)
    proof = round_proof(positions(batch, cap), seller.address)
    arguments = (market, period, seller.address)
    tuples = [([abi_leaf(leaf) for leaf in proof.leaves], proof.entries)]
    data = ([values] * carriers, [packed_prices(batch)])
    closed = world.do(
        "Imbalance",
        "close",
        *arguments,
        tuples,
        *data,
        sender=ADMIN,
        model_arguments=(*arguments, [proof], *data),
    )
    assert closed is None
    assert world.chain.gas_used < GAS_LIMIT * 3 // 4
    world.check_state()


def abi_leaf(leaf: PositionLeaf) -> tuple[object, ...]:
    return leaf.index, leaf.trader, leaf.lock, leaf.chain, list(leaf.proof)
