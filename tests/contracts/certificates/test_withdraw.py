from __future__ import annotations

import ape

DAY = 86_400


def test_a_withdrawn_device_counts_until_its_last_period(
    certificates, registrar, world, wind, day, stranger, kit
):
    receipt = certificates.withdraw(wind, day + 1, sender=registrar)
    assert certificates.DeviceWithdrawn(device=wind, untilPeriod=day + 1) in receipt.events
    for number in (day, day + 1):
        world.measure(number, {wind: kit.day_of({10: -4_000})})
    reading = world.reading(wind, day)
    certificates.issue(wind, day, 10, 1, reading, sender=stranger)
    assert certificates.batchOf(kit.certificate_id(wind, day, 10)).issuedWh == 4_000
    with ape.reverts(certificates.OutsideRegistration, device=wind, period=day + 1):
        certificates.issue(wind, day + 1, 10, 1, reading, sender=stranger)


def test_a_withdrawn_store_gives_nothing_more(
    certificates, registrar, world, battery, account_day, day, kit
):
    certificates.withdraw(battery, day + 1, sender=registrar)
    for number in (day, day + 1):
        world.measure(number, {battery: kit.day_of({})})
    account_day(day)
    with ape.reverts(certificates.OutsideRegistration, device=battery, period=day + 1):
        account_day(day + 1)


def test_the_end_is_in_a_period_that_has_not_begun(certificates, registrar, wind, day, clock):
    """Nobody takes back what was produced already, not even the second that has just passed."""
    clock.next_at(day * DAY)
    with ape.reverts(certificates.PeriodBegan, startsAt=day * DAY):
        certificates.withdraw(wind, day, sender=registrar)


def test_a_device_is_withdrawn_once(certificates, registrar, wind, day):
    certificates.withdraw(wind, day + 5, sender=registrar)
    for until in (day + 1, day + 9):
        with ape.reverts(certificates.WithdrawnBefore, device=wind, untilPeriod=day + 5):
            certificates.withdraw(wind, until, sender=registrar)


def test_a_withdrawn_device_does_not_come_back(certificates, registrar, certify, wind, day):
    certificates.withdraw(wind, day, sender=registrar)
    with ape.reverts(certificates.DeviceKnown, device=wind):
        certify(wind, from_period=day + 1)


def test_an_uncertified_device_is_not_withdrawn(certificates, registrar, day, stranger):
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        certificates.withdraw(stranger, day, sender=registrar)


def test_only_the_registrar_withdraws(certificates, wind, day, alice):
    with ape.reverts(certificates.AccessManagedUnauthorized, caller=alice.address):
        certificates.withdraw(wind, day, sender=alice)
