from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def minter(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def token(deploy, manager, give_role, minter):
    token = deploy("SettlementToken", manager)
    give_role(11, minter, token, "mint")
    return token


@pytest.fixture(scope="session")
def holder(accounts):
    return accounts[2]
