from __future__ import annotations

import ape
import pytest

ERC165, ERC1155, ERC1155_METADATA = "0x01ffc9a7", "0xd9b67a26", "0x0e89341c"


def test_certificates_change_hands(certificates, issued, alice, dave, expiry, clock):
    clock.next_at(expiry - 1)
    certificates.safeTransferFrom(alice, dave, issued.ids[0], 1_000, b"", sender=alice)
    certificates.safeBatchTransferFrom(alice, dave, issued.ids, [500, 600], b"", sender=alice)
    holders, ids = [alice, dave] * 2, [id_ for id_ in issued.ids for _ in range(2)]
    assert certificates.balanceOfBatch(holders, ids) == [2_500, 1_500, 5_400, 600]


def test_expired_certificates_do_not_change_hands(certificates, issued, alice, dave, clock, expiry):
    clock.move_to(expiry)
    expired = {"id": issued.ids[0], "expiresAt": expiry}
    with ape.reverts(certificates.CertificateExpired, **expired):
        certificates.safeTransferFrom(alice, dave, issued.ids[0], 1, b"", sender=alice)
    with ape.reverts(certificates.CertificateExpired, **expired):
        certificates.safeBatchTransferFrom(alice, dave, issued.ids, [1, 1], b"", sender=alice)
    with ape.reverts(certificates.CertificateExpired, **expired):
        certificates.safeTransferFrom(alice, dave, issued.ids[0], 0, b"", sender=alice)


def test_one_expired_certificate_holds_back_its_list(
    certificates, issue_day, wind, day, alice, dave, clock, expiry, kit
):
    first = issue_day(day, {wind: kit.day_of({10: -4_000})})[wind]
    next_vintage = (day * 86_400 // kit.VINTAGE + 1) * kit.VINTAGE // 86_400
    second = issue_day(next_vintage, {wind: kit.day_of({10: -4_000})})[wind]
    clock.move_to(expiry)
    certificates.safeTransferFrom(alice, dave, second[0], 1, b"", sender=alice)
    with ape.reverts(certificates.CertificateExpired, id=first[0], expiresAt=expiry):
        certificates.safeBatchTransferFrom(alice, dave, second + first, [1, 1], b"", sender=alice)


def test_certificates_are_not_sent_to_the_contract(certificates, issued, alice):
    """It could not give them back; they come only by an offer."""
    with ape.reverts(certificates.ERC1155InvalidReceiver, receiver=certificates.address):
        certificates.safeTransferFrom(alice, certificates, issued.ids[0], 1, b"", sender=alice)
    with ape.reverts(certificates.ERC1155InvalidReceiver, receiver=certificates.address):
        certificates.safeBatchTransferFrom(
            alice, certificates, issued.ids, [1, 1], b"", sender=alice
        )


def test_a_meter_of_the_contract_itself_is_issued_nothing(
    certificates, world, market, certify, day, stranger, kit
):
    device = world.install_meter(market, certificates).device
    certify(device)
    world.measure(day, {device: kit.day_of({10: -1})})
    with ape.reverts(certificates.ERC1155InvalidReceiver, receiver=certificates.address):
        certificates.issue(device, day, 0, 24, world.reading(device, day), sender=stranger)


def test_nobody_moves_what_is_for_sale(certificates, offered, alice, stranger):
    for thief in (alice, stranger):
        with ape.reverts(
            certificates.ERC1155MissingApprovalForAll,
            operator=thief.address,
            owner=certificates.address,
        ):
            certificates.safeTransferFrom(certificates, thief, offered.ids[0], 1, b"", sender=thief)


def test_only_whom_the_holder_approved_moves_its_certificates(
    certificates, issued, alice, dave, stranger
):
    with ape.reverts(certificates.ERC1155MissingApprovalForAll):
        certificates.safeTransferFrom(alice, dave, issued.ids[0], 1, b"", sender=stranger)
    certificates.setApprovalForAll(stranger, True, sender=alice)
    certificates.safeTransferFrom(alice, dave, issued.ids[0], 1, b"", sender=stranger)
    assert certificates.balanceOf(dave, issued.ids[0]) == 1


def test_a_receiver_may_refuse(certificates, receiver, issued, alice):
    certificates.safeTransferFrom(alice, receiver, issued.ids[0], 1, b"", sender=alice)
    receiver.refuse(True, sender=alice)
    with ape.reverts(receiver.Refused):
        certificates.safeTransferFrom(alice, receiver, issued.ids[0], 1, b"", sender=alice)
    assert certificates.balanceOf(receiver, issued.ids[0]) == 1


@pytest.mark.parametrize("interface", [ERC165, ERC1155, ERC1155_METADATA])
def test_it_says_which_standards_it_follows(certificates, issued, interface):
    assert certificates.supportsInterface(interface)
    assert certificates.uri(issued.ids[0]) == ""
