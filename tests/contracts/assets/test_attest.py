from __future__ import annotations

import ape
import pytest
from eth_utils import keccak


def test_a_passport_is_kept_and_announced(passports, attester, owner, battery):
    receipt = passports.attest(owner, battery, 60_000, 9_200, 250, sender=attester)
    assert (
        passports.BatteryAttested(
            batteryId=battery, owner=owner, capacityWh=60_000, sohBp=9_200, cyclesPerDayMilli=250
        )
        in receipt.events
    )
    passport = passports.passportOf(battery)
    assert passport.owner == owner
    assert (passport.capacityWh, passport.sohBp, passport.cyclesPerDayMilli) == (60_000, 9_200, 250)
    assert not passport.retired


def test_only_the_attester_attests(passports, owner, battery):
    with ape.reverts(passports.AccessManagedUnauthorized, caller=owner.address):
        passports.attest(owner, battery, 60_000, 9_200, 250, sender=owner)


def test_only_identified_owners_have_a_passport(passports, attester, stranger, battery):
    with ape.reverts(passports.OwnerNotIdentified, owner=stranger.address):
        passports.attest(stranger, battery, 60_000, 9_200, 250, sender=attester)


def test_a_revoked_owner_gets_no_passport(passports, credentials, attester, issuer, owner, battery):
    credentials.revoke(keccak(text="ev owner 0"), sender=issuer)
    with ape.reverts(passports.OwnerNotIdentified, owner=owner.address):
        passports.attest(owner, battery, 60_000, 9_200, 250, sender=attester)


@pytest.mark.parametrize("zero", range(4))
def test_nothing_in_a_passport_is_zero(passports, attester, owner, battery, zero):
    values = [battery, 60_000, 9_200, 250]
    values[zero] = b"\0" * 32 if zero == 0 else 0
    with ape.reverts(passports.ZeroValue):
        passports.attest(owner, *values, sender=attester)


def test_no_battery_is_healthier_than_new(passports, attester, owner, battery):
    passports.attest(owner, battery, 60_000, 10_000, 250, sender=attester)
    with ape.reverts(passports.BadStateOfHealth, sohBp=10_001):
        passports.attest(owner, battery, 60_000, 10_001, 250, sender=attester)


def test_attesting_again_replaces_what_was_attested(passports, attester, owner, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    passports.attest(owner, battery, 60_000, 8_000, 500, sender=attester)
    assert passports.capacityWh(owner) == 24_000


def test_a_battery_counts_for_one_owner_at_a_time(passports, attester, owner, buyer, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    passports.attest(buyer, battery, 60_000, 10_000, 1_000, sender=attester)
    assert passports.capacityWh(owner) == 0
    assert passports.capacityWh(buyer) == 60_000
    assert passports.passportOf(battery).owner == buyer
