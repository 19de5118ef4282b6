from __future__ import annotations

import ape
import pytest
from eth_abi import encode

NOBODY = "0x" + "00" * 20


def test_what_is_retired_counts_for_its_beneficiary(certificates, issued, alice, dave, kit):
    receipt = certificates.retire(
        alice, issued.ids, [1_500, 6_000], dave, "October 2026", sender=alice
    )
    for token_id, wh, left in zip(issued.ids, (1_500, 6_000), (2_500, 0), strict=True):
        claim = certificates.ClaimSingle(
            claimIssuer=alice.address,
            claimSubject=dave.address,
            topic=kit.WIND,
            id=token_id,
            value=wh,
            claimData=encode(["string"], ["October 2026"]),
        )
        assert claim in receipt.events
        assert certificates.claimedBalanceOf(dave, token_id) == wh
        assert certificates.balanceOf(alice, token_id) == left
        assert certificates.balanceOf(dave, token_id) == 0
        assert certificates.batchOf(token_id).retiredWh == wh
    claimed = certificates.claimedBalanceOfBatch([dave, alice], issued.ids[:1] * 2)
    assert claimed == [1_500, 0]


def test_claims_of_one_beneficiary_add_up(certificates, issued, alice, dave):
    for wh in (1, 2):
        certificates.retire(alice, issued.ids[:1], [wh], dave, "", sender=alice)
    assert certificates.claimedBalanceOf(dave, issued.ids[0]) == 3


def test_what_is_retired_never_moves(certificates, issued, alice, dave, stranger):
    certificates.retire(alice, issued.ids, issued.amounts, dave, "for good", sender=alice)
    for owner in (alice, dave):
        with ape.reverts(certificates.ERC1155InsufficientBalance):
            certificates.safeTransferFrom(owner, stranger, issued.ids[0], 1, b"", sender=owner)
        with ape.reverts(certificates.ERC1155InsufficientBalance):
            certificates.retire(owner, issued.ids[:1], [1], owner, "again", sender=owner)


def test_one_id_twice_in_a_list_is_retired_twice(certificates, issued, alice, dave):
    twice = issued.ids[:1] * 2
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        certificates.retire(alice, twice, [2_001, 2_000], dave, "", sender=alice)
    certificates.retire(alice, twice, [2_000, 2_000], dave, "", sender=alice)
    assert certificates.batchOf(issued.ids[0]).retiredWh == 4_000
    assert certificates.claimedBalanceOf(dave, issued.ids[0]) == 4_000


def test_an_approved_account_retires_for_the_holder(certificates, issued, alice, dave, stranger):
    with ape.reverts(
        certificates.ERC1155MissingApprovalForAll, operator=stranger.address, owner=alice.address
    ):
        certificates.retire(alice, issued.ids[:1], [1], stranger, "stolen", sender=stranger)
    certificates.setApprovalForAll(stranger, True, sender=alice)
    certificates.retire(alice, issued.ids[:1], [1], dave, "", sender=stranger)
    certificates.setApprovalForAll(stranger, False, sender=alice)
    with ape.reverts(certificates.ERC1155MissingApprovalForAll):
        certificates.retire(alice, issued.ids[:1], [1], dave, "", sender=stranger)


def test_what_is_for_sale_is_not_retired(certificates, offered, alice, stranger):
    with ape.reverts(certificates.ERC1155InsufficientBalance):
        certificates.retire(alice, offered.ids[:1], [1], alice, "", sender=alice)
    with ape.reverts(certificates.ERC1155MissingApprovalForAll):
        certificates.retire(certificates, offered.ids[:1], [1], stranger, "", sender=stranger)


def test_retiring_ends_with_the_second_before_the_expiry(
    certificates, issued, alice, clock, expiry
):
    clock.next_at(expiry - 1)
    certificates.retire(alice, issued.ids[:1], [1], alice, "", sender=alice)
    clock.next_at(expiry)
    with ape.reverts(certificates.CertificateExpired, id=issued.ids[0], expiresAt=expiry):
        certificates.retire(alice, issued.ids[:1], [1], alice, "", sender=alice)


@pytest.mark.parametrize("amounts", [[4_000], [4_000, 6_000, 1], []])
def test_every_id_has_an_amount(certificates, issued, alice, amounts):
    with ape.reverts(certificates.LengthMismatch, ids=2, amounts=len(amounts)):
        certificates.retire(alice, issued.ids, amounts, alice, "", sender=alice)


def test_a_claim_of_nothing_is_none(certificates, issued, alice):
    for ids, amounts in (([], []), (issued.ids, [1, 0])):
        with ape.reverts(certificates.ZeroAmount):
            certificates.retire(alice, ids, amounts, alice, "", sender=alice)


def test_a_claim_is_somebodys(certificates, issued, alice):
    with ape.reverts(certificates.ZeroAddress):
        certificates.retire(alice, issued.ids[:1], [1], NOBODY, "", sender=alice)


def test_amounts_beyond_64_bits_are_not_cut(certificates, issued, alice):
    for amount in (2**64, 2**64 + 1, 2**256 - 1):
        with ape.reverts(certificates.ERC1155InsufficientBalance):
            certificates.retire(alice, issued.ids[:1], [amount], alice, "", sender=alice)


def test_beneficiaries_and_ids_are_asked_in_pairs(certificates, issued, alice):
    with ape.reverts(certificates.LengthMismatch, ids=2, amounts=1):
        certificates.claimedBalanceOfBatch([alice], issued.ids)
