"""What somebody who cheats can try beside the plain mistakes that the other files refuse."""

from __future__ import annotations

import ape
import pytest

DAY = 86_400
MONEY = 1_000_000
HOURS = range(24)


def test_a_certificate_counts_for_one_of_two_quotas(
    world, quotas, certificates, reported, other, works, wind, first, report, kit
):
    report(other, works, *range(first, first + kit.PERIODS))
    ids, amounts = world.hand(wind, works, first, [0, 1])
    quotas.surrender(reported, ids[:1], amounts[:1], sender=works)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(other, ids[:1], [1], sender=works)
    quotas.surrender(reported, ids[1:], [amounts[1] - 1], sender=works)
    quotas.surrender(other, ids[1:], [1], sender=works)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(other, ids[1:], [1], sender=works)
    counted = [quotas.obligationOf(quota, works).surrenderedWh for quota in (reported, other)]
    assert counted == [sum(amounts) - 1, 1]
    assert sum(counted) == sum(certificates.batchOf(id_).retiredWh for id_ in ids)


def test_a_certificate_claimed_for_a_customer_is_not_shown_to_the_government_again(
    world, quotas, certificates, reported, plant, stranger, wind, first
):
    ids, amounts = world.hand(wind, plant, first, [0])
    certificates.retire(plant, ids, amounts, stranger, "sold as green", sender=plant)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(reported, ids, [1], sender=plant)


def test_one_certificate_does_not_serve_two_obliged_accounts(
    world, quotas, certificates, reported, plant, works, wind, first
):
    ids, amounts = world.hand(wind, plant, first, [0])
    quotas.surrender(reported, ids, amounts, sender=plant)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        certificates.safeTransferFrom(plant, works, ids[0], 1, b"", sender=plant)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(reported, ids, [1], sender=works)


def test_obligations_of_two_quotas_are_counted_and_bonded_apart(
    world, quotas, reported, other, works, first, report, due, clock
):
    report(other, works, first)
    assert quotas.obligationOf(other, works).reportedPeriods == 1
    for quota, bond in ((reported, MONEY), (other, 3 * MONEY)):
        world.give(works, bond)
        quotas.postBond(quota, works, bond, sender=works)
    clock.next_at(due + 1)
    quotas.settle(reported, works, sender=works)
    assert quotas.obligationOf(other, works).bond == 3 * MONEY
    assert world.token.balanceOf(quotas) == 3 * MONEY
    with ape.reverts(quotas.SurrenderNotEnded):
        quotas.settle(other, works, sender=works)


def test_who_settles_at_once_gains_nothing_where_all_was_reported(
    world, quotas, reported, plant, wind, first, due, clock, stranger
):
    ids, amounts = world.hand(wind, plant, first, HOURS)
    quotas.surrender(reported, ids, amounts, sender=plant)
    shortfall = quotas.owedWh(reported, plant) - sum(amounts)
    clock.next_at(due + 1)
    quotas.settle(reported, plant, sender=stranger)
    assert quotas.obligationOf(reported, plant).shortfallWh == shortfall


class TestAHolderWithCode:
    """An obliged producer whose receiver's hook attacks while certificates arrive."""

    @pytest.fixture
    def obliged(self, world, quotas, certificates, lived, first, hostile, report, stranger):
        """Its first day is reported; the certificates of that day are still to be issued."""
        report(lived, hostile, first)
        approval = certificates.setApprovalForAll.encode_input(quotas, True)
        hostile.act(certificates, approval, sender=stranger)
        return lived

    @pytest.fixture
    def id_(self, world, certificates, first, hostile, kit):
        device = world.meter_of[hostile.address].device
        return certificates.certificateId(device, first, 5, kit.WIND)

    @pytest.fixture
    def issue(self, world, certificates, first, hostile, stranger):
        def bring() -> None:
            meter = world.meter_of[hostile.address]
            certificates.issue(meter.device, first, 5, 1, meter.posted[first], sender=stranger)

        return bring

    def test_surrenders_nothing_while_it_is_being_issued(
        self, quotas, certificates, obliged, id_, issue, hostile, stranger
    ):
        call = quotas.surrender.encode_input(obliged, [id_], [100])
        hostile.onArrival(quotas, call, sender=stranger)
        issue()
        assert hostile.called()
        assert not hostile.succeeded()
        assert quotas.obligationOf(obliged, hostile).surrenderedWh == 0
        assert certificates.batchOf(id_).retiredWh == 0
        hostile.act(quotas, call, sender=stranger)
        assert quotas.obligationOf(obliged, hostile).surrenderedWh == 100

    def test_surrenders_nothing_while_a_transfer_arrives(
        self, world, quotas, certificates, obliged, hostile, wind, first, stranger
    ):
        arriving = world.batch(wind, first, 0)
        call = quotas.surrender.encode_input(obliged, [arriving], [100])
        hostile.onArrival(quotas, call, sender=stranger)
        certificates.safeTransferFrom(wind, hostile, arriving, 100, b"", sender=wind)
        assert hostile.called()
        assert not hostile.succeeded()
        assert quotas.obligationOf(obliged, hostile).surrenderedWh == 0

    def test_may_report_from_its_hook_which_counts_once(
        self, world, quotas, obliged, issue, hostile, first, stranger, report
    ):
        values = world.meter_of[hostile.address].posted[first + 1]
        call = quotas.report.encode_input(obliged, hostile, first + 1, values)
        hostile.onArrival(quotas, call, sender=stranger)
        issue()
        assert hostile.succeeded()
        assert quotas.obligationOf(obliged, hostile).reportedPeriods == 2
        with ape.reverts(quotas.ReportedBefore):
            report(obliged, hostile, first + 1)

    def test_is_settled_without_being_called(
        self, world, quotas, certificates, obliged, hostile, stranger, due, clock
    ):
        """A hook that attacks, and would not take its money, delays nobody."""
        world.give(stranger, 1_000 * MONEY)
        quotas.postBond(obliged, hostile, 1_000 * MONEY, sender=stranger)
        call = quotas.settle.encode_input(obliged, hostile)
        hostile.onArrival(quotas, call, sender=stranger)
        clock.next_at(due + 1)
        quotas.settle(obliged, hostile, sender=stranger)
        assert not hostile.called()
        paid = quotas.obligationOf(obliged, hostile).penaltyPaid
        assert 0 < paid < 1_000 * MONEY
        assert world.free(hostile) == 1_000 * MONEY - paid

    def test_settles_once_though_its_hook_settles_too(
        self, world, quotas, obliged, hostile, issue, stranger, due, clock
    ):
        world.give(stranger, MONEY)
        quotas.postBond(obliged, hostile, MONEY, sender=stranger)
        hostile.onArrival(quotas, quotas.settle.encode_input(obliged, hostile), sender=stranger)
        clock.next_at(due + 1)
        issue()
        assert hostile.succeeded()
        with ape.reverts(quotas.SettledBefore):
            quotas.settle(obliged, hostile, sender=stranger)
        assert world.free(world.treasury) == MONEY
        assert world.token.balanceOf(quotas) == 0
