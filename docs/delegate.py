"""Trade for somebody who named you its session delegate, round after round, with `eth-account` and
`httpx`, nothing else.

    wattproof delegate --key owner.json authorise --delegate 0x... --until 2030-01-01 \\
        --buy-kwh 2 --highest-bid 0.3
    python docs/delegate.py --url http://127.0.0.1:8000 --key-file machine.key --rounds 3

Signs in with the delegate's key, looks for whom it may sign, and in every round signs one order for
that account: its epoch and the order come from the template, so nothing else of the account is
needed, and nothing else is shown. A refusal says which bound it is; the next round is another try.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct

FINAL = ("settled", "cancelled", "excluded", "void")


class Problem(Exception):  # noqa: N818 - it is an answer
    """What the API refused, and the code that says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Delegate:
    """The key that signs."""

    def __init__(self, url: str, key: bytes) -> None:
        self.account = Account.from_key(key)
        self.http = httpx.Client(base_url=url, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; raises Problem where it is refused."""
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.http.request(method, path, json=body, headers=headers)
        if answer.status_code == 401 and "Authorization" in self.http.headers:
            del self.http.headers["Authorization"]
            self.sign_in()  # a session lasts a quarter of an hour
            answer = self.http.request(method, path, json=body, headers=headers)
        if answer.is_error:
            problem = answer.json()
            raise Problem(problem["code"], problem["detail"])
        return answer.json()

    def sign_in(self) -> None:
        """EIP-4361, as everybody does."""
        message = self.ask("POST", "/auth/nonce", {"address": self.account.address})["message"]
        signature = self.account.sign_message(encode_defunct(text=message)).signature
        session = self.ask(
            "POST", "/auth/sessions", {"message": message, "signature": "0x" + signature.hex()}
        )
        self.http.headers["Authorization"] = f"Bearer {session['token']}"

    def principal(self, market: int) -> dict[str, Any] | None:
        """Who named this key in the market, with the bounds; None: nobody (any more)."""
        for each in self.ask("GET", "/delegations")["items"]:
            session = each["session"]
            if each["market"] == market and session and session["delegate"] == self.account.address:
                return dict(each)
        return None

    def order(self, wanted: dict[str, Any]) -> str:
        """Have an order made, sign it, hand it in. Returns what it is known by."""
        made = self.ask("POST", "/orders/template", wanted)
        signed = self.account.sign_typed_data(full_message=made["typed_data"])
        signature = "0x" + bytes(signed.signature).hex()
        receipt = self.ask("POST", "/orders", {"order": made["order"], "signature": signature})
        return str(receipt["order_hash"])


def main() -> None:
    """One order a round, for so many rounds."""
    options = arguments()
    key = bytes.fromhex(options.key_file.read_text().strip().removeprefix("0x"))
    me = Delegate(options.url, key)
    me.sign_in()
    say("signed in as", me.account.address)
    found = me.principal(options.market)
    if found is None:
        sys.exit(f"nobody named {me.account.address} in market {options.market}")
    bounds = found["session"]
    say("signs for", found["account"])
    say("until", bounds["until"])
    say("buys a round", f"{bounds['buy_wh']} Wh at {bounds['max_price_nano_per_kwh']} at most")
    seen = 0
    for _ in range(options.rounds):
        current = next_round(me, options.market, seen)
        seen = current["number"]
        product = me.ask("GET", f"/rounds/{options.market}/{seen}/products")["items"][0]
        wanted = {
            "market": options.market,
            "round": seen,
            "trader": found["account"],
            "side": options.side,
            "product": product["product"],
            "energy_wh": options.energy_wh,
            "price_nano_per_kwh": options.price_nano_per_kwh,
        }
        try:
            order = me.order(wanted)
        except Problem as refused:
            say(f"round {seen}", f"refused, {refused}")
            continue
        say(f"round {seen}", f"order {order}")
        while (end := me.ask("GET", f"/orders/{order}"))["state"] not in FINAL:
            time.sleep(0.3)
        paid = f", {end['fill_units']} Wh for {(end['payment_micro'] or 0) / 1e6} WSU"
        why = f": {end['why']}" if end["why"] else ""
        say(f"round {seen}", end["state"] + (paid if end["fill_units"] else "") + why)


def next_round(me: Delegate, market: int, seen: int) -> dict[str, Any]:
    """The next open round that was not traded in yet."""
    while True:
        for each in me.ask("GET", f"/rounds?market={market}&state=open")["items"]:
            if each["number"] > seen:
                return dict(each)
        time.sleep(0.3)


def say(what: str, value: object) -> None:
    """One line of the story."""
    print(f"{what:<24} {value}", flush=True)


def arguments() -> argparse.Namespace:
    """What may be chosen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the API is")
    parser.add_argument("--key-file", type=Path, required=True, help="the delegate's key, in hex")
    parser.add_argument("--market", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("buy", "sell"), default="buy")
    parser.add_argument("--energy-wh", type=int, default=1_000)
    parser.add_argument("--price-nano-per-kwh", type=int, default=250_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
