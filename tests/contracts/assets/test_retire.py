from __future__ import annotations

import ape


def test_a_retired_battery_counts_no_more(passports, attester, owner, battery, second_battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    passports.attest(owner, second_battery, 40_000, 10_000, 1_000, sender=attester)
    receipt = passports.retire(battery, sender=attester)
    assert passports.BatteryRetired(batteryId=battery, owner=owner) in receipt.events
    assert passports.capacityWh(owner) == 40_000
    assert passports.passportOf(battery).retired


def test_a_retired_battery_never_comes_back(passports, attester, owner, buyer, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    passports.retire(battery, sender=attester)
    for holder in (owner, buyer):
        with ape.reverts(passports.BatteryIsRetired, batteryId=battery):
            passports.attest(holder, battery, 60_000, 10_000, 1_000, sender=attester)
    with ape.reverts(passports.BatteryIsRetired, batteryId=battery):
        passports.retire(battery, sender=attester)
    assert passports.capacityWh(owner) == 0


def test_an_unknown_battery_is_not_retired(passports, attester, battery):
    with ape.reverts(passports.UnknownBattery, batteryId=battery):
        passports.retire(battery, sender=attester)


def test_only_the_attester_retires(passports, attester, owner, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    with ape.reverts(passports.AccessManagedUnauthorized, caller=owner.address):
        passports.retire(battery, sender=owner)
    assert passports.capacityWh(owner) == 60_000
