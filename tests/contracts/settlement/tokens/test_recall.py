"""requestRecall and completeRecall: what is for sale leaves when no round can sell it any more."""

from __future__ import annotations

import ape

CENT = 10_000_000


def recall(tokens, sale, amount):
    return tokens.requestRecall(sale.market, sale.slot, amount, sender=sale.seller)


def complete(tokens, sale):
    return tokens.completeRecall(sale.market, sale.slot, sender=sale.seller)


def test_a_recall_before_the_gate_takes_effect_in_that_round(tokens, sale):
    (event,) = recall(tokens, sale, 400).events
    assert (event.event_name, event.amount) == ("RecallRequested", 400)
    assert event.recallRound == sale.round.number
    place = (sale.slot, sale.seller)
    assert tokens.sellable(sale.market, sale.round.number - 1, *place) == 600
    assert tokens.sellable(sale.market, sale.round.number, *place) == 200
    complete(tokens, sale)
    assert tokens.sellable(sale.market, sale.round.number, *place) == 200
    assert tokens.balanceOf(*place) == 1_400


def test_a_recall_after_the_gate_waits_for_the_end_of_the_round(tokens, sale, alice, world):
    round = sale.round
    ask, bid = round.order(sale.seller, -500, 20 * CENT), round.order(alice, 500, 30 * CENT)
    batch = round.batch([(ask, 500), (bid, 500)], 25 * CENT)
    round.close_gate(batch)
    recall(tokens, sale, 600)
    assert tokens.sellable(sale.market, round.number, sale.slot, sale.seller) == 600
    with ape.reverts(tokens.RecallNotDue):
        complete(tokens, sale)
    round.settle(batch)
    (event,) = complete(tokens, sale).events
    assert (event.event_name, event.amount) == ("RecallCompleted", 100)
    assert tokens.balanceOf(sale.slot, sale.seller) == 1_100
    assert tuple(tokens.offerOf(sale.market, sale.slot, sale.seller)) == (0, 0, 0)


def test_one_recall_is_pending_at_a_time(tokens, sale):
    with ape.reverts(tokens.NoRecallPending):
        complete(tokens, sale)
    recall(tokens, sale, 1)
    with ape.reverts(tokens.RecallPending):
        recall(tokens, sale, 1)
    complete(tokens, sale)
    recall(tokens, sale, 1)


def test_more_than_is_offered_gives_back_what_is_offered(tokens, sale):
    recall(tokens, sale, 2**112 - 1)
    complete(tokens, sale)
    assert tokens.balanceOf(sale.slot, sale.seller) == 1_600


def test_amounts_that_cannot_be_are_refused(tokens, sale):
    with ape.reverts(tokens.ZeroAmount):
        recall(tokens, sale, 0)
    with ape.reverts(tokens.OfferTooLarge):
        recall(tokens, sale, 2**112)


def test_a_void_round_lets_everything_leave(tokens, sale, clock):
    round = sale.round
    round.close_gate(round.batch([]))
    recall(tokens, sale, 600)
    clock.move_to(round.gate_at + 3_600)
    complete(tokens, sale)
    assert tokens.balanceOf(sale.slot, sale.seller) == 1_600
