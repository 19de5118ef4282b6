from __future__ import annotations

import ape


def test_offered_tokens_are_in_escrow_and_can_be_sold(tokens, sale):
    assert tokens.balanceOf(sale.slot, sale.seller) == 1_000
    assert tokens.balanceOf(sale.slot, tokens) == 600
    assert tokens.sellable(sale.market, 1, sale.slot, sale.seller) == 600


def test_offers_add_up_and_are_announced(tokens, sale):
    receipt = tokens.offer(sale.market, sale.slot, 5, sender=sale.seller)
    (event,) = receipt.events
    assert (event.event_name, event.market, event.slot) == ("Offered", sale.market, sale.slot)
    assert (event.account, event.amount) == (sale.seller.address, 5)
    assert tuple(tokens.offerOf(sale.market, sale.slot, sale.seller)) == (605, 0, 0)


def test_an_offer_counts_in_its_own_market_and_class_alone(tokens, sale):
    assert tokens.sellable(sale.market, 1, sale.slot + 1, sale.seller) == 0
    assert tokens.sellable(sale.market + 1, 1, sale.slot, sale.seller) == 0


def test_nobody_offers_what_it_does_not_hold(tokens, sale, carol):
    with ape.reverts(tokens.InsufficientTokens, held=1_000, needed=1_001):
        tokens.offer(sale.market, sale.slot, 1_001, sender=sale.seller)
    with ape.reverts(tokens.InsufficientTokens, held=0, needed=1):
        tokens.offer(sale.market, sale.slot, 1, sender=carol)


def test_amounts_that_cannot_be_are_refused(tokens, sale):
    with ape.reverts(tokens.ZeroAmount):
        tokens.offer(sale.market, sale.slot, 0, sender=sale.seller)
    with ape.reverts(tokens.OfferTooLarge):
        tokens.offer(sale.market, sale.slot, 2**112 - 600, sender=sale.seller)


def test_between_gate_and_end_nothing_is_offered(tokens, sale, clock):
    clock.move_to(sale.round.gate_at)
    with ape.reverts(tokens.MarketFrozen, market=sale.market):
        tokens.offer(sale.market, sale.slot, 1, sender=sale.seller)
    sale.round.gate_and_settle(sale.round.batch([]))
    tokens.offer(sale.market, sale.slot, 1, sender=sale.seller)
