from __future__ import annotations

import ape

MONEY = 1_000_000


def test_money_returns_into_the_owners_free_balance(world, response, token, programme, owner):
    before, held = world.free(owner), response.held(token)
    receipt = response.defund(programme, 3 * MONEY, sender=owner)
    assert response.Defunded(programme=programme, amount=3 * MONEY) in receipt.events
    assert world.free(owner) == before + 3 * MONEY
    assert response.held(token) == held - 3 * MONEY
    assert token.allowance(response, world.ledger) == 0


def test_what_an_open_event_may_cost_stays(response, kit, enrolled, instructed, owner):
    bound = -(-kit.INCENTIVE * kit.TARGET_WH // 10**6)
    view = response.programmeOf(enrolled)
    assert view.setAside == bound
    free = view.escrow - bound
    with ape.reverts(response.EscrowBound, unbound=free):
        response.defund(enrolled, free + 1, sender=owner)
    response.defund(enrolled, free, sender=owner)
    assert response.programmeOf(enrolled).escrow == bound


def test_nothing_is_not_taken_out(response, programme, owner):
    with ape.reverts(response.ZeroAmount):
        response.defund(programme, 0, sender=owner)


def test_only_the_owner_takes_money_out(response, programme, alice):
    with ape.reverts(response.NotOwner, caller=alice.address):
        response.defund(programme, 1, sender=alice)
