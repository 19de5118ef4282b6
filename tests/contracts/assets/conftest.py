from __future__ import annotations

import pytest
from eth_utils import keccak


@pytest.fixture(scope="session")
def attester(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def issuer(accounts):
    return accounts[2]


@pytest.fixture(scope="session")
def owner(accounts):
    return accounts[3]


@pytest.fixture(scope="session")
def buyer(accounts):
    return accounts[4]


@pytest.fixture(scope="session")
def stranger(accounts):
    return accounts[5]


@pytest.fixture(scope="session")
def dids(deploy):
    return deploy("DidRegistry")


@pytest.fixture(scope="session")
def credentials(deploy, manager, dids):
    """A registry of this suite's own: what it accredits stays here."""
    return deploy("CredentialRegistry", manager, dids)


@pytest.fixture(scope="session")
def passports(deploy, manager, credentials, give_role, accounts, attester, issuer, owner, buyer):
    """Battery passports; `owner` and `buyer` are identified EV owners, `stranger` is not."""
    passports = deploy("BatteryPassport", manager, credentials)
    give_role(31, attester, passports, "attest", "retire")
    credentials.accredit(issuer, passports.EV_OWNER(), sender=accounts[0])
    for number, holder in enumerate((owner, buyer)):
        credentials.grant(
            keccak(text=f"ev owner {number}"),
            holder,
            passports.EV_OWNER(),
            2**32 - 1,
            sender=issuer,
        )
    return passports


@pytest.fixture(scope="session")
def battery():
    return keccak(text="battery 1")


@pytest.fixture(scope="session")
def second_battery():
    return keccak(text="battery 2")
