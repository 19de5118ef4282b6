"""Take part in a Wattproof market with an Ethereum key, `eth-account` and `httpx`, nothing else.

    wattproof up --round-minutes 1
    python docs/participant.py --url http://127.0.0.1:8000

Signs in, registers, deposits, has an order made, signs it, hands it in, checks the operator's
receipt, cancels a second order, waits for the round, tells what became of the first order, and
withdraws. Without `--key-file` it makes a new key and gets test money, which the embedded profile
(`wattproof up`) gives to everybody.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

FINAL = ("settled", "cancelled", "excluded", "void")


class Participant:
    """One key at one installation."""

    def __init__(self, url: str, key: bytes) -> None:
        self.account = Account.from_key(key)
        self.http = httpx.Client(base_url=url, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; writes carry a key of their own, so that they can be repeated safely."""
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.http.request(method, path, json=body, headers=headers)
        if answer.status_code == 401 and "Authorization" in self.http.headers:
            del self.http.headers["Authorization"]
            self.sign_in()  # a session lasts a quarter of an hour
            answer = self.http.request(method, path, json=body, headers=headers)
        if answer.is_error:
            problem = answer.json()
            sys.exit(f"{method} {path}: {problem['title']}: {problem['detail']}")
        return answer.json()

    def sign_in(self) -> None:
        """EIP-4361: sign the message we are given, get a token."""
        message = self.ask("POST", "/auth/nonce", {"address": self.account.address})["message"]
        signature = self.account.sign_message(encode_defunct(text=message)).signature
        session = self.ask(
            "POST", "/auth/sessions", {"message": message, "signature": "0x" + signature.hex()}
        )
        self.http.headers["Authorization"] = f"Bearer {session['token']}"

    def register(self, name: str, role: str) -> None:
        """Register for a role and wait until its credential stands on the chain."""
        self.ask("POST", "/participants", {"name": name, "role": role})
        self.wait(
            "/participants/me",
            lambda answer: any(
                held["role"] == role and held["status"] == "standing"
                for held in answer["credentials"]
            ),
        )
        say("registered as", role)

    def attest_battery(self, name: str) -> None:
        """What may be sold is bounded by an attested battery; here a test one attests itself."""
        self.register(name, "ev_owner")
        battery = {
            "capacity_wh": 60_000,
            "state_of_health_bp": 10_000,
            "cycles_per_day_milli": 1_000,
        }
        path = f"/participants/me/batteries/0x{secrets.token_hex(32)}"
        self.ask("PUT", path, battery)
        self.wait("/accounts/me", lambda answer: answer["attested_wh"] >= battery["capacity_wh"])
        say("battery attested", f"{battery['capacity_wh']} Wh")

    def sign(self, typed_data: dict[str, Any]) -> str:
        """What a wallet does for `eth_signTypedData_v4`."""
        signed = self.account.sign_typed_data(full_message=typed_data)
        return "0x" + bytes(signed.signature).hex()

    def send(self, path: str, **body: Any) -> None:
        """Have transactions made, sign them, hand them in, wait until the chain has them."""
        for item in self.ask("POST", path, body)["transactions"]:
            raw = self.account.sign_transaction(item["transaction"]).raw_transaction
            sent = self.ask("POST", "/transactions", {"raw": "0x" + raw.hex()})
            while sent["status"] in ("queued", "signed"):
                time.sleep(0.2)
                sent = self.ask("GET", f"/transactions/{sent['hash']}")
            if sent["status"] != "mined":
                sys.exit(f"{item['title']}: {sent['status']}: {sent['error']}")
            say(item["title"], f"mined in block {sent['block_number']}")

    def wait(self, path: str, done: Any) -> Any:
        """Ask again until the answer is what we wait for."""
        while not done(answer := self.ask("GET", path)):
            time.sleep(0.3)
        return answer


def main() -> None:
    """The whole way, from key to withdrawal."""
    options = arguments()
    key = (
        bytes.fromhex(options.key_file.read_text().strip().removeprefix("0x"))
        if (options.key_file)
        else secrets.token_bytes(32)
    )
    me = Participant(options.url, key)

    me.sign_in()
    say("signed in as", me.account.address)

    markets = me.ask("GET", "/markets")["items"]
    if not markets:
        sys.exit("this installation has no market")
    market = next((m for m in markets if m["market"] == options.market), markets[0])
    number = market["market"]
    say("market", f"{number} {market['title']}")

    me.register(options.name, market["role"] or "prosumer")

    if options.key_file is None:
        me.ask("POST", "/accounts/faucet", {"amount_micro": 3 * options.amount_micro})
        me.wait("/accounts/me", lambda answer: answer["wallet_micro"] >= options.amount_micro)
    me.send("/accounts/deposit", amount_micro=2 * options.amount_micro)
    me.send("/accounts/margin", market=number, amount_micro=options.amount_micro)
    if options.side == "sell" and market["capacity_source"]:
        me.attest_battery(options.name)
        me.send("/accounts/capacity", market=number)

    rounds = f"/rounds?market={number}&state=open"
    current = me.wait(rounds, lambda answer: answer["items"])["items"][0]
    product = me.ask("GET", f"/rounds/{number}/{current['number']}/products")["items"][0]
    say("round", f"{current['number']}, gate at {current['gate_at']}")
    say("product", f"{product['product']}, delivery from {product['delivery_from']}")

    wanted = {
        "market": number,
        "round": current["number"],
        "side": options.side,
        "product": product["product"],
        "energy_wh": options.energy_wh,
        "price_nano_per_kwh": options.price_nano_per_kwh,
    }
    made = me.ask("POST", "/orders/template", wanted)
    signature = me.sign(made["typed_data"])
    receipt = me.ask("POST", "/orders", {"order": made["order"], "signature": signature})
    check_receipt(receipt)
    say("order", f"{receipt['order_hash']}, receipt signed by {receipt['operator']}")

    second = me.ask("POST", "/orders/template", wanted)
    me.ask(
        "POST",
        "/orders",
        {"order": second["order"], "signature": me.sign(second["typed_data"])},
    )
    path = f"/orders/{second['order_hash']}/cancellation"
    taken_back = me.ask("POST", path, {"signature": me.sign(me.ask("GET", path)["typed_data"])})
    say("second order", taken_back["state"])

    say("waiting for the gate at", current["gate_at"])
    end = me.wait(f"/orders/{receipt['order_hash']}", lambda answer: answer["state"] in FINAL)
    say("order is", end["state"] + (f": {end['why']}" if end["why"] else ""))
    if end["fill_units"]:
        say("filled", f"{end['fill_units']} Wh for {end['payment_micro'] / 1e6} WSU")

    me.send("/accounts/withdraw", amount_micro=options.amount_micro)
    account = me.ask("GET", "/accounts/me")
    say("in the wallet", f"{account['wallet_micro'] / 1e6} WSU")
    held = next(m for m in account["markets"] if m["market"] == number)
    say("margin", f"{held['margin_micro'] / 1e6} WSU, locked {held['locked_micro'] / 1e6} WSU")


def check_receipt(receipt: dict[str, Any]) -> None:
    """The receipt is worth something only if the operator's key signed it."""
    compact = bytes.fromhex(receipt["signature"][2:])
    s = int.from_bytes(compact[32:], "big")
    whole = compact[:32] + (s & ((1 << 255) - 1)).to_bytes(32, "big") + bytes([27 + (s >> 255)])
    message = encode_typed_data(full_message=receipt["typed_data"])
    if Account.recover_message(message, signature=whole) != receipt["operator"]:
        sys.exit("the receipt is not signed by the operator")


def say(what: str, value: object) -> None:
    """One line of the story."""
    print(f"{what:<24} {value}", flush=True)


def arguments() -> argparse.Namespace:
    """What may be chosen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the API is")
    parser.add_argument("--key-file", type=Path, help="file with a private key in hex")
    parser.add_argument("--name", default="A participant")
    parser.add_argument("--market", type=int, help="default: the first one")
    parser.add_argument("--side", choices=("buy", "sell"), default="buy")
    parser.add_argument("--energy-wh", type=int, default=2_000)
    parser.add_argument("--price-nano-per-kwh", type=int, default=250_000_000)
    parser.add_argument("--amount-micro", type=int, default=20_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
