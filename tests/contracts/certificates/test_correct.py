from __future__ import annotations

import ape


def test_what_a_device_is_can_be_corrected_before_anything_says_it(
    certificates, registrar, produced, stranger, kit
):
    """The correction comes after the reading is final, and what is issued says the new thing."""
    receipt = certificates.correct(produced.device, kit.HYDRO, kit.SOUTH, sender=registrar)
    told = certificates.DeviceCorrected(
        device=produced.device, technology=kit.HYDRO, zone=kit.SOUTH
    )
    assert told in receipt.events
    certificates.issue(produced.device, produced.day, 10, 1, produced.values, sender=stranger)
    token_id = kit.certificate_id(produced.device, produced.day, 10, kit.HYDRO)
    batch = certificates.batchOf(token_id)
    assert (batch.issuedWh, batch.technology, batch.zone) == (4_000, kit.HYDRO, kit.SOUTH)


def test_nothing_is_corrected_once_a_certificate_says_it(certificates, registrar, issued, kit):
    with ape.reverts(certificates.IssuedBefore, device=issued.device):
        certificates.correct(issued.device, kit.WIND, kit.SOUTH, sender=registrar)


def test_a_stores_zone_is_corrected_until_its_first_period_is_accounted(
    certificates, registrar, world, battery, account_day, day, kit
):
    certificates.correct(battery, 0, kit.SOUTH, sender=registrar)
    assert certificates.deviceOf(battery).zone == kit.SOUTH
    world.measure(day, {battery: kit.day_of({})})
    account_day(day)
    with ape.reverts(certificates.IssuedBefore, device=battery):
        certificates.correct(battery, 0, kit.NORTH, sender=registrar)


def test_a_store_stays_a_store_and_a_producer_a_producer(
    certificates, registrar, wind, battery, kit
):
    for device, technology in ((wind, 0), (battery, kit.WIND)):
        with ape.reverts(certificates.BadDevice):
            certificates.correct(device, technology, kit.NORTH, sender=registrar)


def test_an_uncertified_device_is_not_corrected(certificates, registrar, stranger, kit):
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        certificates.correct(stranger, kit.WIND, kit.NORTH, sender=registrar)


def test_only_the_registrar_corrects(certificates, wind, alice, kit):
    with ape.reverts(certificates.AccessManagedUnauthorized, caller=alice.address):
        certificates.correct(wind, kit.HYDRO, kit.NORTH, sender=alice)
