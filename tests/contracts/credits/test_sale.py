"""Credits from the meter to the buyer on a node: issued, offered, sold in a round, redeemed."""

from __future__ import annotations

from types import SimpleNamespace

import ape
import pytest
from eth_utils import to_checksum_address

from market.book import Book
from market.order import Domain, Leg, Order, SignedOrder
from market.outcome import Clearing
from market.product import ProductGrid
from market.rules import MarketRules
from market.settlement import Settlement

DAY = 86_400
MONEY = 1_000_000
CENT = 10_000_000
SCALE = 1_000_000
PRICE = 15 * CENT
REDEMPTION = 20 * CENT


@pytest.fixture
def sale(world, credits, credit_market, issued, expiry, bob):
    """Alice has offered 4,000 credits, bob has money in the market, and a round is open."""
    slot = expiry // DAY - 1
    credits.offer(credit_market, slot, 4_000, sender=issued.holder)
    world.give(bob, 10 * MONEY, world.ledger)
    world.ledger.deposit(world.token, 10 * MONEY, bob, sender=bob)
    world.ledger.addMargin(credit_market, 10 * MONEY, sender=bob)
    gate_at = world.clock.now + 600
    world.exchange.openRound(credit_market, gate_at, slot, 1, sender=world.operator)
    return SimpleNamespace(
        market=credit_market,
        number=world.exchange.lastRound(credit_market),
        slot=slot,
        gate_at=gate_at,
        grid=ProductGrid(1, 1, slot, 1),
    )


@pytest.fixture
def settlement(world, kit, sale, alice, bob):
    """The gate is closed over alice's ask of 4,000 and bob's bid of 3,000 at one price."""
    domain = Domain(world.chain_id, to_checksum_address(world.exchange.address))

    def order(trader, wh: int) -> SignedOrder:
        sign = 1 if wh > 0 else -1
        legs = (Leg(sale.grid.product_id(0), sign * SCALE),)
        trader_address = to_checksum_address(trader.address)
        signed = Order(
            sale.market, sale.number, legs, abs(wh), sign * PRICE, trader_address, 0, salt=1
        )
        return SignedOrder.sign(domain, signed, trader.private_key)

    orders = [order(alice, -4_000), order(bob, 3_000)]
    book = Book.build(sale.market, sale.number, sale.grid, orders)
    maxima = tuple(signed.order.max_units for signed in book.orders)
    clearing = Clearing(prices=(PRICE,), fills=(3_000, 3_000), indicative=(False,))
    world.clock.next_at(sale.gate_at)
    world.exchange.closeGate(sale.market, sale.number, book.root, book.count, sender=world.operator)
    return Settlement.build(book, maxima, clearing, rules(kit.CREDIT_MARKET))


def rules(params: dict) -> MarketRules:
    return MarketRules(
        carriers=1,
        zones=1,
        slot_seconds=params["slotSeconds"],
        period_slots=params["periodSlots"],
        price_cap=params["priceCap"],
        imbalance_cap=0,
        shortfall_bp=params["shortfallBp"],
        surplus_bp=params["surplusBp"],
        gap_floor_micro=0,
        gap_cap_micro=0,
        tokenised=True,
    )


def settle(world, sale, settlement) -> None:
    world.exchange.settle(
        sale.market, sale.number, settlement.results(), settlement.orders(), sender=world.operator
    )


def test_a_buyer_redeems_what_it_bought_in_a_settled_round(
    world, credits, token, series, sale, settlement, issued, alice, bob
):
    free, held = world.ledger.free(token, alice), token.balanceOf(bob)
    settle(world, sale, settlement)
    assert credits.balanceOf(bob, series) == 3_000
    assert credits.balanceOf(alice, series) == issued.amount - 4_000
    assert credits.balanceOf(credits, series) == 1_000
    cost = 3_000 * PRICE // SCALE
    assert world.ledger.free(token, alice) == free + cost
    assert world.ledger.account(sale.market, bob).margin == 10 * MONEY - cost
    credits.redeem(series, 3_000, bob, sender=bob)
    assert token.balanceOf(bob) == held + 3_000 * REDEMPTION // SCALE


def test_a_round_in_chunks_delivers_the_same(
    world, credits, series, market, sale, settlement, bob, stranger
):
    state, applied = b"", []
    for orders, effects in settlement.chunks(1):
        receipt = world.exchange.verifyChunk(
            sale.market, sale.number, settlement.results(), state, orders, sender=world.operator
        )
        (event,) = [log for log in receipt.events if log.event_name == "ChunkVerified"]
        state = bytes(event.state)
        applied.append(effects)
    for chunk in (1, 0):
        world.exchange.applyChunk(sale.market, sale.number, chunk, applied[chunk], sender=stranger)
    assert credits.balanceOf(bob, series) == 3_000
    credits.spend(series, 3_000, market, sender=bob)
    assert world.ledger.account(market, bob).margin == 3_000 * REDEMPTION // SCALE


def test_what_was_not_sold_comes_back(world, credits, series, sale, settlement, issued, alice):
    credits.requestRecall(sale.market, sale.slot, 4_000, sender=alice)
    with ape.reverts(credits.RecallNotDue):
        credits.completeRecall(sale.market, sale.slot, sender=alice)
    settle(world, sale, settlement)
    credits.completeRecall(sale.market, sale.slot, sender=alice)
    assert credits.balanceOf(alice, series) == issued.amount - 3_000
    assert credits.offerOf(sale.market, sale.slot, alice).offered == 0


def test_an_unbound_market_takes_no_credits(world, credits, kit, series, issued, expiry, alice):
    unbound = world.create_market(kit.CREDIT_MARKET, capacitySource=credits.address)
    with ape.reverts(credits.NotBound, market=unbound):
        credits.offer(unbound, expiry // DAY - 1, 1, sender=alice)


def test_expired_credits_are_not_offered(credits, credit_market, issued, expiry, alice, clock):
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.offer(credit_market, expiry // DAY - 1, 1, sender=alice)
