"""Certificates on a node from the meter to the buyer's claim: issued, offered, sold, collected."""

from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000
PRICE = 40_000_000  # nano per kWh
SCALE = 1_000_000


@pytest.fixture
def sale(open_round, offered, alice, bob, dave):
    """The gate is closed over alice's ask of 5,000 and what bob and dave bid for."""
    sale = open_round(bob, dave)
    sale.close((alice, -5_000), (bob, 2_000), (dave, 3_000))
    return sale


def test_a_buyer_claims_what_it_bought_in_a_settled_round(
    world, certificates, sale, offered, alice, bob, dave, stranger
):
    free = world.ledger.free(world.token, alice)
    sale.settle()
    assert world.ledger.free(world.token, alice) == free + 5_000 * PRICE // SCALE
    assert world.ledger.account(sale.market, dave).margin == 10 * MONEY - 3_000 * PRICE // SCALE
    certificates.collect(sale.market, sale.slot, bob, 9, sender=stranger)
    certificates.collect(sale.market, sale.slot, dave, 9, sender=stranger)
    held = [certificates.balanceOf(bob, token_id) for token_id in offered.ids]
    also = [certificates.balanceOf(dave, token_id) for token_id in offered.ids]
    assert sum(held) == 2_000
    assert sum(also) == 3_000
    assert held[0] + also[0] == 4_000
    certificates.retire(dave, offered.ids[:1], also[:1], dave, "heating", sender=dave)
    assert certificates.claimedBalanceOf(dave, offered.ids[0]) == also[0]


def test_a_round_in_chunks_delivers_the_same_in_any_order(
    world, certificates, sale, offered, alice, bob, dave, stranger
):
    state, applied = b"", []
    settlement = sale.settlement
    for orders, effects in settlement.chunks(1):
        receipt = world.exchange.verifyChunk(
            sale.market, sale.number, settlement.results(), state, orders, sender=world.operator
        )
        (event,) = [log for log in receipt.events if log.event_name == "ChunkVerified"]
        state = bytes(event.state)
        applied.append(effects)
    certificates.requestRecall(sale.market, sale.slot, 10_000, sender=alice)
    for chunk in reversed(range(len(applied))):
        with ape.reverts(certificates.RecallNotDue):
            certificates.completeRecall(sale.market, sale.slot, sender=alice)
        world.exchange.applyChunk(sale.market, sale.number, chunk, applied[chunk], sender=stranger)
    certificates.completeRecall(sale.market, sale.slot, sender=alice)
    lengths = {
        holder: sum(p.length for p in certificates.parcelsOf(sale.market, sale.slot, holder))
        for holder in (alice, bob, dave)
    }
    assert lengths == {alice: 5_000, bob: 2_000, dave: 3_000}
    assert certificates.poolOf(sale.market, sale.slot) == (10_000, 10_000)


def test_a_vintage_is_sold_until_its_slot_begins(
    certificates, open_round, offered, slot, alice, dave, clock, expiry, kit
):
    """The last gate is one vintage before the expiry."""
    clock.move_to(expiry - kit.VINTAGE - 1_000)
    sale = open_round(dave, gate_at=expiry - kit.VINTAGE)
    sale.close((alice, -10_000), (dave, 10_000))
    sale.settle()
    certificates.collect(sale.market, sale.slot, dave, 9, sender=dave)
    certificates.safeTransferFrom(dave, alice, offered.ids[0], 4_000, b"", sender=dave)
    clock.move_to(expiry - kit.VINTAGE + 1)
    with ape.reverts(sale.world.exchange.InvalidGate):
        open_round(gate_at=expiry - kit.VINTAGE + 600)


def test_an_order_beyond_the_offer_counts_for_nothing(
    certificates, world, open_round, offered, alice, dave
):
    """An ask of more than is in the pool cannot be filled: the exchange refuses the result."""
    sale = open_round(dave)
    sale.close((alice, -10_001), (dave, 10_001))
    with ape.reverts(world.exchange.FillAboveMaximum):
        sale.settle()
    assert certificates.poolOf(sale.market, sale.slot) == (0, 10_000)


def test_what_was_bought_is_offered_again(certificates, sale, offered, bob, stranger):
    sale.settle()
    certificates.collect(sale.market, sale.slot, bob, 9, sender=stranger)
    token_id = next(i for i in offered.ids if certificates.balanceOf(bob, i))
    wh = certificates.balanceOf(bob, token_id)
    certificates.offer(sale.market, sale.slot, [token_id], [wh], sender=bob)
    found = certificates.certificatesAt(sale.market, sale.slot, 10_000, wh)
    assert found == ([token_id], [wh])
