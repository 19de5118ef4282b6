from __future__ import annotations

import ape
import pytest
from eth_utils import keccak, to_canonical_address

CENT = 10_000_000


def moved(account, amount):
    """An effect that moves tokens alone."""
    return (
        to_canonical_address(account.address) + bytes(16) + amount.to_bytes(16, "big", signed=True)
    )


def test_only_the_exchange_delivers(world, tokens, sale, alice):
    for caller in (alice, world.operator, world.admin, sale.seller):
        with ape.reverts(tokens.NotExchange, caller=caller.address):
            tokens.deliver(sale.market, 1, sale.slot, b"", sender=caller)


def test_only_the_exchange_moves_the_money(world, sale, alice):
    for caller in (alice, world.operator, world.imbalance, world.admin):
        with ape.reverts(world.ledger.NotExchange, caller=caller.address):
            world.ledger.applyDelivered(sale.market, b"", 0, sender=caller)


def test_the_exchange_itself_debits_no_more_than_the_margin(world, sale, alice):
    as_exchange = world.impersonate(world.exchange.address)
    owed = world.ledger.account(sale.market, alice).margin + 1
    effect = to_canonical_address(alice.address) + owed.to_bytes(8, "big") + bytes(24)
    with ape.reverts(world.ledger.InsufficientMargin, account=alice.address):
        world.ledger.applyDelivered(sale.market, effect, 0, sender=as_exchange)
    with ape.reverts(world.ledger.MalformedEffects):
        world.ledger.applyDelivered(sale.market, effect[:-1], 0, sender=as_exchange)


def test_the_exchange_itself_cannot_take_more_than_was_offered(world, tokens, sale):
    as_exchange = world.impersonate(world.exchange.address)
    with ape.reverts(
        tokens.InsufficientOffer, account=sale.seller.address, offered=600, needed=601
    ):
        tokens.deliver(sale.market, 1, sale.slot, moved(sale.seller, -601), sender=as_exchange)
    tokens.deliver(sale.market, 1, sale.slot, moved(sale.seller, -600), sender=as_exchange)
    assert tokens.sellable(sale.market, 1, sale.slot, sale.seller) == 0


@pytest.fixture
def trade(sale, alice, carol):
    """Bob sells 500 of his 600 to alice and carol at 0.25 a kWh."""
    round = sale.round
    ask = round.order(sale.seller, -500, 20 * CENT)
    bids = round.order(alice, 300, 30 * CENT), round.order(carol, 200, 30 * CENT)
    fills = [(ask, 500), (bids[0], 300), (bids[1], 200)]
    batch = round.batch(fills, 25 * CENT)
    round.close_gate(batch)
    return batch


def check(world, tokens, sale, alice, carol, before):
    assert tokens.balanceOf(sale.slot, alice) == 300
    assert tokens.balanceOf(sale.slot, carol) == 200
    assert tokens.balanceOf(sale.slot, tokens) == 100
    assert tokens.sellable(sale.market, sale.round.number, sale.slot, sale.seller) == 100
    # 0.25 a kWh: 75 and 50 thousandths of a unit of money, paid out to the seller at once.
    after = money(world, sale, alice, carol)
    assert [b - a for a, b in zip(after, before, strict=True)] == [75_000, 50_000, -125_000]
    assert world.ledger.account(sale.market, sale.seller).locked == 0


def money(world, sale, alice, carol):
    margins = [world.ledger.account(sale.market, who).margin for who in (alice, carol)]
    return [*margins, world.free(sale.seller)]


def test_settling_moves_money_and_tokens_and_leaves_no_position(
    world, tokens, sale, trade, alice, carol
):
    before = money(world, sale, alice, carol)
    receipt = sale.round.settle(trade)
    check(world, tokens, sale, alice, carol, before)
    view = sale.round.view
    assert (bytes(view.positionsRoot), view.positionsCount) == (bytes(32), 0)
    names = [log.event_name for log in receipt.events]
    assert names.index("RoundSettled") < names.index("Delivered")
    delivered = next(log for log in receipt.events if log.event_name == "Delivered")
    assert (delivered.market, delivered.slot) == (sale.market, sale.slot)
    assert bytes(delivered.effectsHash) == keccak(trade.encoded_deliveries())


def test_chunks_move_the_same_in_whatever_order_they_are_applied(
    world, tokens, sale, trade, alice, carol
):
    before = money(world, sale, alice, carol)
    round, state = sale.round, b""
    for place in range(3):
        _, state = round.verify(trade, place, place + 1, state)
    assert round.status == "Verified"
    traders = list(trade.effects())
    for chunk in (2, 0, 1):
        effects = trade.encoded_deliveries([traders[chunk]])
        world.exchange.applyChunk(sale.market, round.number, chunk, effects, sender=carol)
    assert round.status == "Settled"
    check(world, tokens, sale, alice, carol, before)


def test_effects_of_the_ordinary_form_are_not_those_that_were_verified(world, sale, trade, carol):
    round = sale.round
    round.verify(trade, 0, 3, b"")
    with ape.reverts(world.exchange.EffectsMismatch):
        world.exchange.applyChunk(
            sale.market, round.number, 0, trade.encoded_effects(), sender=carol
        )


def test_an_order_that_sells_more_than_is_offered_counts_for_nothing(
    tokens, sale, alice, refused, kit
):
    round = sale.round
    ask, bid = round.order(sale.seller, -601, 20 * CENT), round.order(alice, 601, 30 * CENT)
    filled = round.batch([(ask, 601), (bid, 601)], 25 * CENT)
    round.close_gate(filled)
    with refused("FillAboveMaximum", market=sale.market):
        round.settle(filled)
    # Only the bid is left, which then sets the price alone, tied and not full.
    alone = round.batch([(ask, 0), (bid, 0)], 30 * CENT, {0: kit.Tie(1, offered=601, filled=0)})
    round.settle(alone)
    assert tokens.balanceOf(sale.slot, alice) == 0
