"""Transactions that the API makes, signed as a wallet does and handed in."""

from __future__ import annotations

import uuid
from typing import Any

from wattproof.runtime import Platform
from wattproof.tasks.flow import run_until_idle


def send(wallet: Any, platform: Platform, path: str, **body: Any) -> dict[str, Any]:
    """Ask for transactions, sign and hand in each, wait until it is mined; what was answered."""
    made = wallet.post(path, json=body)
    assert made.status_code == 200, made.text
    answer: dict[str, Any] = made.json()
    for item in answer["transactions"]:
        raw = bytes(wallet.account.sign_transaction(item["transaction"]).raw_transaction)
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        sent = wallet.post("/transactions", json={"raw": "0x" + raw.hex()}, headers=headers)
        assert sent.status_code == 202, sent.text
        run_until_idle(platform)
        state = wallet.get(f"/transactions/{sent.json()['hash']}").json()
        assert state["status"] == "mined", state
    return answer
