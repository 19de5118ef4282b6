from __future__ import annotations

from eth_utils import keccak


def test_without_a_battery_there_is_nothing_to_sell(passports, owner):
    assert passports.capacityWh(owner) == 0


def test_capacity_is_health_times_cycles_rounded_down_for_each_battery(
    passports, attester, owner, battery, second_battery
):
    passports.attest(owner, battery, 60_001, 9_250, 300, sender=attester)
    passports.attest(owner, second_battery, 33_333, 8_777, 333, sender=attester)
    first = 60_001 * 9_250 * 300 // 10**7
    second = 33_333 * 8_777 * 333 // 10**7
    assert passports.capacityWh(owner) == first + second


def test_the_largest_values_fit(passports, attester, owner, battery):
    passports.attest(owner, battery, 2**40 - 1, 10_000, 2**32 - 1, sender=attester)
    assert passports.capacityWh(owner) == (2**40 - 1) * 10_000 * (2**32 - 1) // 10**7


def test_a_revoked_owner_has_no_capacity(passports, credentials, attester, issuer, owner, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    credentials.revoke(keccak(text="ev owner 0"), sender=issuer)
    assert passports.capacityWh(owner) == 0


def test_a_deactivated_owner_has_no_capacity(passports, dids, attester, owner, battery):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    dids.changeOwner(owner, "0x" + "00" * 20, sender=owner)
    assert passports.capacityWh(owner) == 0


def test_a_revoked_owners_battery_may_still_go_to_another(
    passports, credentials, attester, issuer, owner, buyer, battery
):
    passports.attest(owner, battery, 60_000, 10_000, 1_000, sender=attester)
    credentials.revoke(keccak(text="ev owner 0"), sender=issuer)
    passports.attest(buyer, battery, 60_000, 10_000, 1_000, sender=attester)
    assert passports.capacityWh(buyer) == 60_000
