from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000


def test_money_goes_into_the_programmes_escrow(world, response, token, programme, owner):
    world.give(owner, 7 * MONEY)
    before, held = response.programmeOf(programme).escrow, response.held(token)
    receipt = response.fund(programme, 7 * MONEY, sender=owner)
    funded = {"programme": programme, "from": owner.address, "amount": 7 * MONEY}
    assert response.Funded(**funded) in receipt.events
    assert response.programmeOf(programme).escrow == before + 7 * MONEY
    assert response.held(token) == held + 7 * MONEY == token.balanceOf(response)


def test_somebody_else_may_fund_but_not_take_it_out(world, response, programme, stranger):
    world.give(stranger, MONEY)
    response.fund(programme, MONEY, sender=stranger)
    with ape.reverts(response.NotOwner, caller=stranger.address):
        response.defund(programme, MONEY, sender=stranger)


def test_nothing_is_not_funded(response, programme, owner):
    with ape.reverts(response.ZeroAmount):
        response.fund(programme, 0, sender=owner)


def test_an_unknown_programme_takes_no_money(response, programme, owner):
    with ape.reverts(response.UnknownProgramme, programme=programme + 1):
        response.fund(programme + 1, MONEY, sender=owner)


def test_no_more_is_held_than_fits_a_balance(world, response, token, programme, owner):
    room = 2**63 - 1 - response.held(token)
    world.give(owner, room + 1)
    with ape.reverts(response.HoldingCapExceeded):
        response.fund(programme, room + 1, sender=owner)
    response.fund(programme, room, sender=owner)


@pytest.fixture
def hostile(world, deploy, response, terms, owner):
    """A programme whose asset charges a fee, or calls back, on demand; and that asset."""
    token = deploy("test/HostileToken")
    market = world.create_market(asset=token.address)
    response.createProgramme(terms(of_market=market), sender=owner)
    world.give(owner, 10 * MONEY, token)
    return response.programmeCount(), token


def test_an_asset_that_keeps_a_fee_is_refused(response, hostile, owner):
    programme, token = hostile
    token.takeFee(100, sender=owner)
    with ape.reverts(response.WrongAmountReceived, expected=MONEY, received=MONEY * 99 // 100):
        response.fund(programme, MONEY, sender=owner)


@pytest.mark.parametrize("again", ["fund", "defund"])
def test_an_asset_that_calls_back_gets_nowhere(response, hostile, owner, again):
    programme, token = hostile
    response.fund(programme, 2 * MONEY, sender=owner)
    call = getattr(response, again).encode_input(programme, MONEY)
    token.callBack(response, call, sender=owner)
    for function in (response.fund, response.defund):
        function(programme, MONEY, sender=owner)
        assert not token.succeeded()
    assert response.programmeOf(programme).escrow == 2 * MONEY
    assert response.held(token) == 2 * MONEY == token.balanceOf(response)
