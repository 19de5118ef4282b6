"""One platform for the tests of a module: a node of its own, a wallet, a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions
from identity.signer import LocalSigner
from tests.platform.noon import NOON
from tests.platform.serving import served
from tests.platform.settling import settle
from wattproof.accounts import service as accounts
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings

URL = "http://testserver"


@dataclass(frozen=True)
class Wallet:
    """A key and a client that is signed in with it."""

    account: LocalAccount
    client: httpx.Client
    token: str

    @property
    def address(self) -> str:
        return str(self.account.address)

    def request(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.request("POST", path, **options)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A freshly deployed platform that serves under the test client's address."""
    with AnvilNode(NodeOptions(chain_id=31_340, genesis_timestamp=NOON)) as node:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url, public_url=URL
        )
        with open_platform(settings) as opened:
            with opened.transaction() as session:
                accounts.bootstrap(opened, session)
            settle(opened)
            yield opened


@pytest.fixture(scope="module")
def client(platform: Platform) -> Iterator[httpx.Client]:
    """A client of a real server."""
    with served(platform) as url, httpx.Client(base_url=url, timeout=30) as opened:
        yield opened


@pytest.fixture(scope="module")
def new_wallet(client: httpx.Client) -> Callable[..., Wallet]:
    """Makes a key and signs it in."""

    def make(key: bytes | None = None, scopes: tuple[str, ...] = ("participant",)) -> Wallet:
        account: LocalAccount = Account.from_key(key) if key else Account.create()
        return Wallet(account, client, sign_in(client, account, scopes))

    return make


@pytest.fixture(scope="module")
def wallet(new_wallet: Callable[..., Wallet]) -> Wallet:
    """Somebody who is signed in."""
    return new_wallet()


def sign_in(
    client: httpx.Client, account: LocalAccount, scopes: tuple[str, ...] = ("participant",)
) -> str:
    """A session token for a key."""
    asked = client.post("/auth/nonce", json={"address": account.address})
    assert asked.status_code == 201, asked.text
    message = asked.json()["message"]
    signature = LocalSigner(bytes(account.key)).sign_text(message)
    answer = client.post(
        "/auth/sessions",
        json={"message": message, "signature": "0x" + signature.hex(), "scopes": list(scopes)},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])
