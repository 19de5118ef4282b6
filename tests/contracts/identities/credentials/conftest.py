from __future__ import annotations

import pytest
from eth_utils import keccak

DAY = 86_400
YEAR = 365 * DAY


@pytest.fixture(scope="session")
def role():
    return keccak(text="wattproof.role.prosumer")


@pytest.fixture(scope="session")
def other_role():
    return keccak(text="wattproof.role.supplier")


@pytest.fixture(scope="session")
def registrar(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def issuer(accounts):
    return accounts[2]


@pytest.fixture(scope="session")
def rival(accounts):
    return accounts[3]


@pytest.fixture(scope="session")
def subject(accounts):
    return accounts[4]


@pytest.fixture(scope="session")
def stranger(accounts):
    return accounts[5]


@pytest.fixture(scope="session")
def registry(credentials, give_role, registrar, issuer, rival, role):
    """The registry with two issuers accredited for `role`."""
    give_role(21, registrar, credentials, "accredit", "removeAccreditation", "revoke")
    credentials.accredit(issuer, role, sender=registrar)
    credentials.accredit(rival, role, sender=registrar)
    return credentials


@pytest.fixture(scope="session")
def credential():
    """`credential(n)`: the hash of some credential's content."""
    return lambda n: keccak(text=f"credential {n}")


@pytest.fixture
def granted(registry, issuer, subject, role, credential, clock):
    """A grant for a year; its transaction's receipt."""
    return registry.grant(credential(1), subject, role, clock.now + YEAR, sender=issuer)
