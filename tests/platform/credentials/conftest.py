"""An installation, its operator, an independent issuer and holders, over HTTP on a real chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from devnet import accounts as development
from identity.roles import role_id
from tests.platform.api.conftest import Wallet, client, new_wallet, platform, wallet
from tests.platform.credentials.parties import Party, by_key
from wattproof.gateway.keys import Role
from wattproof.runtime import Platform

__all__ = ["client", "new_wallet", "platform", "wallet"]  # fixtures for all that is below


@pytest.fixture(scope="module")
def operator(new_wallet: Callable[..., Wallet]) -> Wallet:
    """The platform's operator."""
    key = bytes(development.account(development.OPERATOR).key)
    return new_wallet(key, ("operator", "participant"))


@pytest.fixture(scope="module")
def new_party(platform: Platform, new_wallet: Callable[..., Wallet]) -> Callable[[], Party]:
    """Makes somebody with a key of her own, signed in, who can pay for transactions."""

    def make() -> Party:
        made = new_wallet()
        platform.keys.add(made.account)
        answer = made.post("/accounts/faucet", json={"amount_micro": 1}, headers=by_key())
        assert answer.status_code == 202, answer.text
        return Party(platform, made)

    return make


@pytest.fixture(scope="module")
def admin(platform: Platform) -> Callable[..., None]:
    """Lets the registrar act."""

    def act(function: str, *arguments: Any) -> None:
        Party.send_as(
            platform,
            platform.keys.address(Role.ADMIN),
            "CredentialRegistry",
            function,
            *arguments,
        )

    return act


@pytest.fixture
def new_issuer(new_party: Callable[[], Party], admin: Callable[..., None]) -> Callable[..., Party]:
    """Makes an independent issuer that is accredited for roles."""

    def make(*roles: str) -> Party:
        issuer = new_party()
        for role in roles or ("prosumer",):
            admin("accredit", issuer.address, role_id(role))
        return issuer

    return make
