from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000
HOURS = range(24)


@pytest.fixture
def bonded(world, quotas, reported, plant, works):
    """The quota, with 100 units of money behind the plant and 2 behind the works."""
    for one, bond in ((plant, 100 * MONEY), (works, 2 * MONEY)):
        world.give(one, bond)
        quotas.postBond(reported, one, bond, sender=one)
    return reported


@pytest.fixture
def surrender_all(world, quotas, wind, first):
    """`surrender_all(quota, account, wh)`: wind's certificates, up to so much."""

    def bring(quota: int, account, wh: int) -> None:
        for day in (first, first + 1):
            ids, amounts = world.hand(wind, account, day, HOURS)
            parts = [min(a, max(0, wh - sum(amounts[:n]))) for n, a in enumerate(amounts)]
            wh -= sum(parts)
            taken = [n for n, part in enumerate(parts) if part]
            if taken:
                quotas.surrender(
                    quota, [ids[n] for n in taken], [parts[n] for n in taken], sender=account
                )
        assert wh == 0

    return bring


def test_whoever_shows_all_it_owes_gets_its_whole_bond_back(
    world, quotas, bonded, plant, surrender_all, due, clock, stranger
):
    owed = quotas.owedWh(bonded, plant)
    surrender_all(bonded, plant, owed)
    clock.next_at(due + 1)
    receipt = quotas.settle(bonded, plant, sender=stranger)
    told = {"quota": bonded, "account": plant.address, "obligationWh": owed, "surrenderedWh": owed}
    nothing = {"bankedWh": 0, "shortfallWh": 0, "penalty": 0, "penaltyPaid": 0}
    assert quotas.ComplianceSettled(**told, **nothing, bondReturned=100 * MONEY) in receipt.events
    assert (world.free(plant), world.free(world.treasury)) == (100 * MONEY, 0)
    obligation = quotas.obligationOf(bonded, plant)
    assert (obligation.settled, obligation.bond, obligation.penaltyPaid) == (True, 0, 0)


def test_what_lacks_costs_the_penalty_rounded_up(
    world, quotas, bonded, plant, surrender_all, due, clock, stranger, kit
):
    owed = quotas.owedWh(bonded, plant)
    surrender_all(bonded, plant, owed - 1_001)
    clock.next_at(due + 1)
    receipt = quotas.settle(bonded, plant, sender=stranger)
    assert 1_001 * kit.PENALTY % 10**6 != 0
    penalty = 1_001 * kit.PENALTY // 10**6 + 1
    told = {"account": plant.address, "shortfallWh": 1_001, "penalty": penalty}
    paid = {"penaltyPaid": penalty, "bondReturned": 100 * MONEY - penalty}
    assert quotas.ComplianceSettled(quota=bonded, **told, **paid) in receipt.events
    assert world.free(world.treasury) == penalty
    assert world.free(plant) == 100 * MONEY - penalty
    obligation = quotas.obligationOf(bonded, plant)
    assert (obligation.shortfallWh, obligation.penaltyPaid) == (1_001, penalty)


def test_the_penalty_is_at_most_the_bond(world, quotas, bonded, works, due, clock, stranger, kit):
    shortfall = quotas.owedWh(bonded, works)
    penalty = -(-shortfall * kit.PENALTY // 10**6)
    assert penalty > 2 * MONEY
    clock.next_at(due + 1)
    receipt = quotas.settle(bonded, works, sender=stranger)
    told = {"quota": bonded, "account": works.address, "shortfallWh": shortfall}
    paid = {"penalty": penalty, "penaltyPaid": 2 * MONEY, "bondReturned": 0}
    assert quotas.ComplianceSettled(**told, **paid) in receipt.events
    assert (world.free(works), world.free(world.treasury)) == (0, 2 * MONEY)


def test_a_bond_that_is_the_penalty_to_the_last_micro_goes_whole(
    world, quotas, reported, plant, due, clock, kit
):
    penalty = -(-quotas.owedWh(reported, plant) * kit.PENALTY // 10**6)
    world.give(plant, penalty)
    quotas.postBond(reported, plant, penalty, sender=plant)
    clock.next_at(due + 1)
    quotas.settle(reported, plant, sender=plant)
    assert (world.free(plant), world.free(world.treasury)) == (0, penalty)


def test_without_a_bond_the_shortfall_is_published_all_the_same(
    world, quotas, reported, plant, due, clock
):
    owed = quotas.owedWh(reported, plant)
    clock.next_at(due + 1)
    receipt = quotas.settle(reported, plant, sender=plant)
    told = {"account": plant.address, "shortfallWh": owed, "penaltyPaid": 0, "bondReturned": 0}
    assert quotas.ComplianceSettled(**told) in receipt.events
    assert world.free(world.treasury) == 0


def test_nobody_else_s_bond_is_touched(world, quotas, bonded, plant, works, due, clock, stranger):
    clock.next_at(due + 1)
    quotas.settle(bonded, works, sender=stranger)
    assert quotas.obligationOf(bonded, plant).bond == 100 * MONEY == world.token.balanceOf(quotas)
    quotas.settle(bonded, plant, sender=stranger)
    assert world.token.balanceOf(quotas) == 0
    assert world.free(plant) + world.free(works) + world.free(world.treasury) == 102 * MONEY


def test_tokens_sent_here_by_mistake_pay_nobody_s_penalty(
    world, quotas, bonded, works, due, clock, stranger
):
    world.token.mint(quotas, 50 * MONEY, sender=world.admin)
    clock.next_at(due + 1)
    quotas.settle(bonded, works, sender=stranger)
    assert world.free(world.treasury) == 2 * MONEY


def test_periods_that_nobody_reported_count_as_the_full_capacity(
    quotas, lived, plant, first, report, due, clock, kit
):
    report(lived, plant, first)
    reported = quotas.obligationOf(lived, plant).energyWh
    clock.next_at(due + 1)
    receipt = quotas.settle(lived, plant, sender=plant)
    energy = reported + 2 * 24 * kit.CAPACITY_W
    owed = -(-energy * kit.PLANT_RATIO // 10**6)
    told = {"account": plant.address, "energyWh": energy, "obligationWh": owed}
    assert quotas.ComplianceSettled(**told, shortfallWh=owed) in receipt.events
    obligation = quotas.obligationOf(lived, plant)
    assert (obligation.energyWh, obligation.reportedPeriods) == (energy, 1)
    assert quotas.owedWh(lived, plant) == owed


def test_the_settlement_waits_for_the_last_surrender(quotas, reported, plant, due, clock):
    clock.next_at(due)
    with ape.reverts(quotas.SurrenderNotEnded, surrenderBy=due):
        quotas.settle(reported, plant, sender=plant)
    clock.next_at(due + 1)
    quotas.settle(reported, plant, sender=plant)


def test_an_account_is_settled_once(world, quotas, bonded, plant, due, clock):
    clock.next_at(due + 1)
    quotas.settle(bonded, plant, sender=plant)
    before = world.free(plant), world.free(world.treasury)
    with ape.reverts(quotas.SettledBefore, account=plant.address):
        quotas.settle(bonded, plant, sender=plant)
    assert before == (world.free(plant), world.free(world.treasury))


def test_who_is_not_obliged_is_not_settled(quotas, lived, wind, due, clock):
    clock.move_to(due + 1)
    with ape.reverts(quotas.NotObliged, account=wind.address):
        quotas.settle(lived, wind, sender=wind)
    with ape.reverts(quotas.UnknownQuota, quota=99):
        quotas.settle(99, wind, sender=wind)


def test_banked_certificates_are_told_apart(world, quotas, bonded, plant, wind, first, due, clock):
    ids, amounts = world.hand(wind, plant, first - 1, [20, 21])
    quotas.surrender(bonded, ids, amounts, sender=plant)
    clock.next_at(due + 1)
    receipt = quotas.settle(bonded, plant, sender=plant)
    told = {"account": plant.address, "surrenderedWh": sum(amounts), "bankedWh": sum(amounts)}
    assert quotas.ComplianceSettled(**told) in receipt.events
