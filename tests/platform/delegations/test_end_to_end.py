"""A contract wallet names a key, which trades for it (docs/delegate.py) until dismissed."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account

from market.order import order_to_json, sign_order
from tests.platform.api.wallets import TestChain
from tests.platform.api.wallets import call as call_data
from tests.platform.api.wallets import signed as wallet_signature
from tests.platform.delegating import PRICE
from tests.platform.serving import served
from wattproof import audit
from wattproof.accounts import service as accounts
from wattproof.orders import service as orders
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle

SCRIPT = Path(__file__).parents[3] / "docs" / "delegate.py"
MARGIN = 1_000_000_000
_PATIENCE_S = 120.0


def sign_in(client: httpx.Client, address: str, owner: Any) -> dict[str, str]:
    """Headers of somebody's session; a contract wallet's by its owner's signature (ERC-1271)."""
    message = client.post("/auth/nonce", json={"address": address}).json()["message"]
    signature = wallet_signature(owner, message)
    body = {"message": message, "signature": "0x" + signature.hex()}
    answer = client.post("/auth/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


class Wallet:
    """A contract that holds margin; its owner's key calls it, and signs in for it."""

    def __init__(self, desk: Any, client: httpx.Client) -> None:
        self._desk, self._client = desk, client
        self._chain = TestChain(desk.platform)
        self.owner = Account.create()
        self.address = self._chain.deploy(
            "test/OwnedWallet", ("address", "bool"), self.owner.address, True
        )
        with desk.platform.transaction() as session:
            accounts.fund_margin(
                desk.platform, session, desk.market, self.address, MARGIN, key="wallet"
            )
        run_until_idle(desk.platform)
        self._headers = sign_in(client, self.address, self.owner)

    def change(self, kind: str, **body: Any) -> None:
        """Has the transaction made over REST, and carries it out through the wallet."""
        answer = self._client.post(
            f"/delegations/{kind}/transactions",
            json={"market": self._desk.market, **body},
            headers=self._headers,
        )
        assert answer.status_code == 200, answer.text
        (made,) = answer.json()["transactions"]
        inner = made["transaction"]
        data = call_data("execute(address,bytes)", inner["to"], bytes.fromhex(inner["data"][2:]))
        self._by_owner(data)
        run_until_idle(self._desk.platform)

    def authorise(self, delegate: str, highest_bid: int) -> None:
        until = datetime.fromtimestamp(self._desk.now() + 30 * 86_400, UTC)
        self.change(
            "authorisations",
            delegate=delegate,
            until=until.isoformat(),
            buy_wh=2_000,
            sell_wh=0,
            max_price_nano_per_kwh=highest_bid,
            min_price_nano_per_kwh=0,
        )

    def _by_owner(self, data: bytes) -> None:
        chain = self._desk.platform.chain
        chain.request("anvil_setBalance", self.owner.address, hex(10**18))
        count = int(chain.request("eth_getTransactionCount", self.owner.address, "latest"), 16)
        transaction = {
            "type": 2,
            "chainId": chain.deployment.chain_id,
            "nonce": count,
            "to": self.address,
            "data": data,
            "value": 0,
            "gas": 500_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
        }
        raw = self.owner.sign_transaction(transaction).raw_transaction
        receipt = self._desk.mined(chain.request("eth_sendRawTransaction", "0x" + raw.hex()))
        assert receipt["status"] == "0x1"


class Story:
    """The script's process, and what it says."""

    def __init__(self, url: str, key_file: Path, rounds: int) -> None:
        command = [sys.executable, "-u", SCRIPT, "--url", url, "--key-file", key_file]
        self._process = subprocess.Popen(
            [*map(str, command), "--rounds", str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, wanted: str) -> str:
        """The next line that says this."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if wanted in line:
                return line
        raise AssertionError(f"{wanted!r} was not said: {self.lines}")

    def end(self) -> None:
        assert self._process.wait(timeout=_PATIENCE_S) == 0, self.lines

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def test_the_script_needs_eth_account_and_httpx_alone() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"eth_account", "httpx"}


def _settled(desk: Any, number: int) -> None:
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, number)
    assert row.state in ("confirmed", "delivered"), (row.state, row.error)


def test_a_contract_wallets_delegate_trades_is_bounded_and_is_dismissed(
    desk: Any, tmp_path: Path
) -> None:
    machine = Account.create()
    key_file = tmp_path / "machine.key"
    key_file.write_text("0x" + bytes(machine.key).hex())
    with served(desk.platform) as url, httpx.Client(base_url=url, timeout=60) as client:
        wallet = Wallet(desk, client)
        wallet.authorise(machine.address, 3 * PRICE)
        story = Story(url, key_file, rounds=3)
        try:
            story.until(f"signs for                {wallet.address}")

            first = desk.open_round()
            desk.sell(1, first, 0, 5_000, PRICE)
            story.until(f"round {first}                  order 0x")
            _settled(desk, first)
            story.until(f"round {first}                  settled, 1000 Wh for 0.1")

            wallet.authorise(machine.address, 2 * PRICE)
            second = desk.open_round()
            story.until(f"round {second}                  refused, session_price")
            _settled(desk, second)

            wallet.authorise(machine.address, 3 * PRICE)
            third = desk.open_round()
            desk.sell(1, third, 0, 5_000, PRICE)
            desk.buy(2, third, 0, 3_000, 2 * PRICE)
            story.until(f"round {third}                  order 0x")
            wallet.change("revocations")
            headers = sign_in(client, str(machine.address), machine)
            _refused_now(desk, client, headers, wallet, machine, third)
            _settled(desk, third)
            said = story.until(f"round {third}                  settled")
            assert "who signed it was not the trader's delegate for this round" in said
            story.end()
        finally:
            story.kill()
    with desk.platform.transaction() as session:
        rows = [row for row in orders.list_orders(session, round=third) if row.delegate]
        others = [row for row in orders.list_orders(session, round=third) if not row.delegate]
    assert [(row.maximum, row.fill) for row in rows] == [(0, 0)]
    assert sorted(row.fill or 0 for row in others) == [3_000, 3_000]
    report = audit.replay(
        desk.platform.chain.rpc_url, desk.platform.deployment, database=desk.platform.engine
    )
    assert report.findings == []


def _refused_now(
    desk: Any, client: httpx.Client, headers: dict[str, str], wallet: Wallet, machine: Any, at: int
) -> None:
    """After the revocation neither a template nor an order that was signed before is taken."""
    order, _ = desk.order(0, at, 500, 2 * PRICE, (0, 1_000_000))
    order = replace(order, trader=wallet.address)
    wanted = {
        "market": desk.market,
        "round": at,
        "trader": wallet.address,
        "side": "buy",
        "product": order.legs[0].product,
        "energy_wh": 500,
        "price_nano_per_kwh": 2 * PRICE,
    }
    answer = client.post("/orders/template", json=wanted, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
    signature = sign_order(desk.platform.domain, order, bytes(machine.key))
    body = {"order": order_to_json(order), "signature": "0x" + signature.hex()}
    answer = client.post("/orders", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_delegate")
