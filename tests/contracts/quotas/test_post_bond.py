from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000


def test_a_bond_is_held_for_an_account(world, quotas, quota, plant):
    world.give(plant, 7 * MONEY)
    receipt = quotas.postBond(quota, plant, 7 * MONEY, sender=plant)
    told = {"quota": quota, "account": plant.address, "from": plant.address, "amount": 7 * MONEY}
    assert quotas.BondPosted(**told) in receipt.events
    assert quotas.obligationOf(quota, plant).bond == 7 * MONEY
    assert world.token.balanceOf(quotas) == 7 * MONEY
    assert world.token.balanceOf(plant) == 0


def test_somebody_else_may_add_to_it(world, quotas, quota, plant, works, stranger):
    for one in (plant, stranger):
        world.give(one, MONEY)
        quotas.postBond(quota, plant, MONEY, sender=one)
    assert quotas.obligationOf(quota, plant).bond == 2 * MONEY
    assert quotas.obligationOf(quota, works).bond == 0


def test_nothing_is_not_posted(quotas, quota, plant):
    with ape.reverts(quotas.ZeroAmount):
        quotas.postBond(quota, plant, 0, sender=plant)


def test_no_bond_is_taken_for_whoever_is_not_obliged(world, quotas, quota, stranger):
    world.give(stranger, MONEY)
    with ape.reverts(quotas.NotObliged, account=stranger.address):
        quotas.postBond(quota, stranger, MONEY, sender=stranger)
    with ape.reverts(quotas.UnknownQuota, quota=quota + 99):
        quotas.postBond(quota + 99, stranger, MONEY, sender=stranger)


def test_no_bond_is_taken_after_the_settlement(world, quotas, quota, plant, due, clock):
    clock.next_at(due + 1)
    quotas.settle(quota, plant, sender=plant)
    world.give(plant, MONEY)
    with ape.reverts(quotas.SettledBefore, account=plant.address):
        quotas.postBond(quota, plant, MONEY, sender=plant)


def test_a_bond_is_no_larger_than_the_ledger_can_take_back(
    world, quotas, quota, plant, stranger, due, clock
):
    """Else a stranger could keep an account from ever being settled."""
    most = 2**63 - 1
    world.give(stranger, most + 1)
    quotas.postBond(quota, plant, MONEY, sender=stranger)
    with ape.reverts(quotas.TooLarge):
        quotas.postBond(quota, plant, most - MONEY + 1, sender=stranger)
    quotas.postBond(quota, plant, most - MONEY, sender=stranger)
    clock.next_at(due + 1)
    quotas.settle(quota, plant, sender=stranger)
    assert world.free(plant) + world.free(world.treasury) == most


@pytest.fixture
def hostile_quota(world, quotas, deploy, terms, government, plant, kit):
    """A quota whose asset charges a fee, or calls back, on demand; and that asset."""
    token = deploy("test/HostileToken")
    market = world.create_market(asset=token.address)
    world.install_meter(market, plant)
    quotas.openQuota(terms(market=market), sender=government)
    quota = quotas.quotaCount()
    quotas.oblige(quota, plant, kit.GENERATION, kit.PLANT_RATIO, sender=government)
    world.give(plant, 10 * MONEY, token)
    return quota, token


def test_an_asset_that_keeps_a_fee_is_refused(quotas, hostile_quota, plant):
    quota, token = hostile_quota
    token.takeFee(100, sender=plant)
    with ape.reverts(quotas.WrongAmountReceived, expected=MONEY, received=MONEY * 99 // 100):
        quotas.postBond(quota, plant, MONEY, sender=plant)
    assert quotas.obligationOf(quota, plant).bond == 0


def test_an_asset_that_calls_back_posts_once(quotas, hostile_quota, plant):
    """It has tokens of its own and lets the registry take them: only the guard refuses."""
    quota, token = hostile_quota
    token.mint(token, 100 * MONEY, sender=plant)
    token.callBack(token, token.approve.encode_input(quotas, 2**255), sender=plant)
    token.transfer(plant, 0, sender=plant)
    assert token.allowance(token, quotas) == 2**255
    again = quotas.postBond.encode_input(quota, plant, MONEY)
    token.callBack(quotas, again, sender=plant)
    quotas.postBond(quota, plant, MONEY, sender=plant)
    assert not token.succeeded()
    assert quotas.obligationOf(quota, plant).bond == MONEY == token.balanceOf(quotas)


def test_an_asset_that_calls_back_is_paid_out_once(world, quotas, hostile_quota, plant, due, clock):
    quota, token = hostile_quota
    quotas.postBond(quota, plant, 3 * MONEY, sender=plant)
    again = quotas.settle.encode_input(quota, plant)
    token.callBack(quotas, again, sender=plant)
    clock.next_at(due + 1)
    quotas.settle(quota, plant, sender=plant)
    assert not token.succeeded()
    assert token.balanceOf(quotas) == 0
    assert world.ledger.free(token, world.treasury) == 3 * MONEY == token.balanceOf(world.ledger)


def test_an_asset_that_begins_to_keep_a_fee_delays_the_settlement_and_no_more(
    world, quotas, hostile_quota, plant, due, clock
):
    quota, token = hostile_quota
    quotas.postBond(quota, plant, 3 * MONEY, sender=plant)
    token.takeFee(100, sender=plant)
    clock.next_at(due + 1)
    with ape.reverts(quotas.WrongAmountReceived):
        quotas.settle(quota, plant, sender=plant)
    assert not quotas.obligationOf(quota, plant).settled
    token.takeFee(0, sender=plant)
    quotas.settle(quota, plant, sender=plant)
    assert world.ledger.free(token, world.treasury) == 3 * MONEY
