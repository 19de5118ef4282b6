from __future__ import annotations

import ape
import pytest
from eth_abi import encode

DAY = 86_400
HOUR = 3_600
HOURS = range(24)


def test_what_is_surrendered_is_retired_for_the_account(
    world, quotas, certificates, reported, plant, wind, first, kit
):
    ids, amounts = world.hand(wind, plant, first, range(10, 13))
    receipt = quotas.surrender(reported, ids, amounts, sender=plant)
    purpose = encode(["string"], [f"quota {reported}"])
    for id_, amount in zip(ids, amounts, strict=True):
        told = {"quota": reported, "account": plant.address, "id": id_, "amount": amount}
        assert quotas.Surrendered(**told, banked=False) in receipt.events
        claim = {"claimIssuer": plant.address, "claimSubject": plant.address, "id": id_}
        assert (
            certificates.ClaimSingle(**claim, topic=kit.WIND, value=amount, claimData=purpose)
            in receipt.events
        )
        assert certificates.claimedBalanceOf(plant, id_) == amount
        assert certificates.batchOf(id_).retiredWh == amount
        assert certificates.balanceOf(plant, id_) == 0
    obligation = quotas.obligationOf(reported, plant)
    assert (obligation.surrenderedWh, obligation.bankedWh) == (sum(amounts), 0)


def test_nothing_is_owed_before_a_report(world, quotas, lived, plant, wind, first):
    ids, _ = world.hand(wind, plant, first, [0])
    with ape.reverts(quotas.BeyondObligation, leftWh=0):
        quotas.surrender(lived, ids, [1], sender=plant)


def test_surrender_goes_up_to_what_is_owed_and_no_further(
    world, quotas, reported, plant, wind, first
):
    owed = quotas.owedWh(reported, plant)
    ids, amounts = world.hand(wind, plant, first, HOURS)
    more_ids, more = world.hand(wind, plant, first + 1, HOURS)
    left = owed - sum(amounts)
    assert 0 < left < sum(more)
    quotas.surrender(reported, ids, amounts, sender=plant)
    parts = [min(amount, max(0, left - sum(more[:n]))) for n, amount in enumerate(more)]
    last = [n for n, part in enumerate(parts) if part]
    last_ids, last_parts = [more_ids[n] for n in last], [parts[n] for n in last]
    assert last_parts[-1] < more[last[-1]]
    with ape.reverts(quotas.BeyondObligation, leftWh=left):
        quotas.surrender(reported, last_ids, [*last_parts[:-1], last_parts[-1] + 1], sender=plant)
    quotas.surrender(reported, last_ids, last_parts, sender=plant)
    assert quotas.obligationOf(reported, plant).surrenderedWh == owed
    with ape.reverts(quotas.BeyondObligation, leftWh=0):
        quotas.surrender(reported, more_ids[-1:], [1], sender=plant)


def test_what_is_not_needed_stays_with_its_holder(
    world, quotas, certificates, reported, plant, wind, first
):
    ids, amounts = world.hand(wind, plant, first, [5])
    quotas.surrender(reported, ids, [amounts[0] - 1], sender=plant)
    assert certificates.balanceOf(plant, ids[0]) == 1
    certificates.safeTransferFrom(plant, wind, ids[0], 1, b"", sender=plant)


def test_an_amount_beyond_all_numbers_is_refused_like_any_other(
    world, quotas, reported, plant, wind, first
):
    ids, _ = world.hand(wind, plant, first, [0, 1])
    owed = quotas.owedWh(reported, plant)
    with ape.reverts(quotas.BeyondObligation, leftWh=owed):
        quotas.surrender(reported, ids, [1, 2**256 - 1], sender=plant)


def test_earlier_certificates_meet_a_part_of_it_and_no_more(
    world, quotas, reported, plant, wind, first, kit
):
    bankable = quotas.owedWh(reported, plant) * kit.BANK_LIMIT // 10**6
    ids, amounts = world.hand(wind, plant, first - 1, HOURS)
    assert sum(amounts) > bankable > amounts[0] + amounts[1]
    receipt = quotas.surrender(reported, ids[:1], amounts[:1], sender=plant)
    assert [it.banked for it in receipt.events.filter(quotas.Surrendered)] == [True]
    rest, parts, left = [], [], bankable - amounts[0]
    for id_, amount in zip(ids[1:], amounts[1:], strict=True):
        part = min(amount, left - sum(parts))
        if part:
            rest.append(id_)
            parts.append(part)
    with ape.reverts(quotas.BeyondBankLimit, leftWh=left):
        quotas.surrender(reported, rest, [*parts[:-1], parts[-1] + 1], sender=plant)
    quotas.surrender(reported, rest, parts, sender=plant)
    obligation = quotas.obligationOf(reported, plant)
    assert (obligation.bankedWh, obligation.surrenderedWh) == (bankable, bankable)
    with ape.reverts(quotas.BeyondBankLimit, leftWh=0):
        quotas.surrender(reported, ids[-1:], [1], sender=plant)
    new, _ = world.hand(wind, plant, first, [0])
    quotas.surrender(reported, new, [1], sender=plant)


def test_a_quota_may_take_nothing_from_before(
    world, quotas, other, reported, works, wind, first, report
):
    report(other, works, first)
    ids, _ = world.hand(wind, works, first - 1, [23])
    with ape.reverts(quotas.BeyondBankLimit, leftWh=0):
        quotas.surrender(other, ids, [1], sender=works)


def test_earlier_certificates_are_at_most_so_old(world, quotas, reported, plant, wind, first, kit):
    oldest = (first * DAY - kit.BANK_SECONDS) // HOUR
    day, hour = divmod(oldest, 24)
    ids, _ = world.hand(wind, plant, day, [hour - 1, hour])
    with ape.reverts(quotas.NotEligible, id=ids[0]):
        quotas.surrender(reported, ids[:1], [1], sender=plant)
    quotas.surrender(reported, ids[1:], [1], sender=plant)
    assert quotas.obligationOf(reported, plant).bankedWh == 1


def test_the_compliance_period_ends_with_its_last_hour(
    world, quotas, reported, plant, wind, first, kit
):
    last, _ = world.hand(wind, plant, first + kit.PERIODS - 1, [23])
    after, _ = world.hand(wind, plant, first + kit.PERIODS, [0])
    with ape.reverts(quotas.NotEligible, id=after[0]):
        quotas.surrender(reported, after, [1], sender=plant)
    quotas.surrender(reported, last, [1], sender=plant)


def test_only_the_technologies_of_the_terms_count(
    world, quotas, reported, other, works, solar, wind, first, report
):
    report(other, works, first)
    sun, _ = world.hand(solar, works, first, [12])
    with ape.reverts(quotas.NotEligible, id=sun[0]):
        quotas.surrender(other, sun, [1], sender=works)
    quotas.surrender(reported, sun, [1], sender=works)
    air, _ = world.hand(wind, works, first, [12])
    quotas.surrender(other, air, [1], sender=works)


def test_a_certificate_that_was_never_issued_does_not_count(
    world, quotas, certificates, reported, plant, first, kit
):
    device = world.meter_of[plant.address].device
    for id_ in (0, certificates.certificateId(device, first, 0, kit.WIND)):
        with ape.reverts(quotas.NotEligible, id=id_):
            quotas.surrender(reported, [id_], [1], sender=plant)


def test_an_id_may_stand_twice_in_a_list_but_counts_no_more_than_is_held(
    world, quotas, certificates, reported, plant, wind, first
):
    (id_,), (amount,) = world.hand(wind, plant, first, [6])
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(reported, [id_, id_], [amount, 1], sender=plant)
    assert quotas.obligationOf(reported, plant).surrenderedWh == 0
    quotas.surrender(reported, [id_, id_], [amount - 1, 1], sender=plant)
    assert quotas.obligationOf(reported, plant).surrenderedWh == amount
    assert certificates.balanceOf(plant, id_) == 0


def test_all_of_a_list_counts_or_none(
    world, quotas, certificates, reported, plant, wind, first, kit
):
    good, amounts = world.hand(wind, plant, first, [0, 1])
    bad, _ = world.hand(wind, plant, first + kit.PERIODS, [0])
    with ape.reverts(quotas.NotEligible, id=bad[0]):
        quotas.surrender(reported, [*good, *bad], [*amounts, 1], sender=plant)
    assert quotas.obligationOf(reported, plant).surrenderedWh == 0
    assert [certificates.balanceOf(plant, id_) for id_ in good] == amounts


def test_without_an_approval_nothing_is_taken(
    world, quotas, certificates, reported, plant, wind, first
):
    ids, amounts = world.hand(wind, plant, first, [0])
    certificates.setApprovalForAll(quotas, False, sender=plant)
    with ape.reverts(certificates.ERC1155MissingApprovalForAll):
        quotas.surrender(reported, ids, amounts, sender=plant)
    assert quotas.obligationOf(reported, plant).surrenderedWh == 0


def test_nobody_surrenders_what_another_holds(
    world, quotas, certificates, reported, plant, works, stranger, wind, first
):
    """The plant's approval of this contract helps nobody else."""
    ids, amounts = world.hand(wind, plant, first, [0])
    with ape.reverts(quotas.NotObliged, account=stranger.address):
        quotas.surrender(reported, ids, amounts, sender=stranger)
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        quotas.surrender(reported, ids, amounts, sender=works)


def test_an_expired_certificate_does_not_count(
    world, quotas, certificates, reported, other, works, wind, first, report, clock
):
    report(other, works, first)
    ids, _ = world.hand(wind, works, first, [0])
    expires = certificates.expiryOf(ids[0])
    clock.next_at(expires - 1)
    quotas.surrender(other, ids, [1], sender=works)
    clock.next_at(expires)
    with ape.reverts(certificates.CertificateExpired, id=ids[0], expiresAt=expires):
        quotas.surrender(other, ids, [1], sender=works)
    assert quotas.obligationOf(other, works).surrenderedWh == 1


def test_the_last_second_counts_and_one_later_does_not(
    world, quotas, reported, plant, wind, first, due, clock
):
    ids, _ = world.hand(wind, plant, first, [0])
    clock.next_at(due)
    quotas.surrender(reported, ids, [1], sender=plant)
    clock.next_at(due + 1)
    with ape.reverts(quotas.SurrenderEnded, surrenderBy=due):
        quotas.surrender(reported, ids, [1], sender=plant)


@pytest.mark.parametrize("settled", [False, True])
def test_nothing_is_surrendered_after_the_settlement(
    world, quotas, reported, plant, wind, first, due, clock, settled
):
    ids, _ = world.hand(wind, plant, first, [0])
    clock.move_to(due + 1)
    if settled:
        quotas.settle(reported, plant, sender=plant)
    with ape.reverts(quotas.SurrenderEnded, surrenderBy=due):
        quotas.surrender(reported, ids, [1], sender=plant)


def test_an_empty_or_uneven_list_is_refused(
    world, quotas, certificates, reported, plant, wind, first
):
    ids, amounts = world.hand(wind, plant, first, [0, 1])
    with ape.reverts(quotas.ZeroAmount):
        quotas.surrender(reported, [], [], sender=plant)
    with ape.reverts(quotas.ZeroAmount):
        quotas.surrender(reported, ids, [amounts[0], 0], sender=plant)
    for uneven in ((ids, amounts[:1]), (ids[:1], amounts)):
        with ape.reverts(quotas.LengthMismatch, ids=len(uneven[0]), amounts=len(uneven[1])):
            quotas.surrender(reported, *uneven, sender=plant)


def test_an_unknown_quota_takes_nothing(world, quotas, lived, plant, wind, first):
    ids, _ = world.hand(wind, plant, first, [0])
    with ape.reverts(quotas.UnknownQuota, quota=99):
        quotas.surrender(99, ids, [1], sender=plant)
