"""Relays of one controller from many requests at once, on both databases."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlmodel import select

from devnet import AnvilNode, NodeOptions
from identity.signer import LocalSigner
from tests.platform.noon import NOON
from tests.platform.serving import served
from wattproof.gateway.models import OutboxRow
from wattproof.profiles import open_platform
from wattproof.relaying.models import RelayAllowanceRow, RelayedChangeRow
from wattproof.settings import Settings

ACCOUNT = Account.from_key(b"\x21" * 32)
URL = "http://testserver"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with AnvilNode(NodeOptions(chain_id=31_378, genesis_timestamp=NOON)) as node:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url, public_url=URL
        )
        with open_platform(settings) as platform:
            yield platform


def token_of(client):
    asked = client.post("/auth/nonce", json={"address": ACCOUNT.address}).json()["message"]
    signature = LocalSigner(bytes(ACCOUNT.key)).sign_text(asked)
    body = {"message": asked, "signature": "0x" + signature.hex(), "scopes": ["participant"]}
    return client.post("/auth/sessions", json=body).json()["token"]


def signed_bodies(client, headers, count):
    """So many different changes with the same nonce."""
    for number in range(count):
        service = {"type": "Meter", "endpoint": f"https://meter.example/{number}"}
        change = {"change": "add_service", "validity_s": 1_000} | service
        made = client.post(
            f"/identities/{ACCOUNT.address}/changes/template",
            json={"change": change},
            headers=headers,
        ).json()
        signed = ACCOUNT.sign_message(encode_typed_data(full_message=made["typed_data"]))
        yield {
            "change": change,
            "nonce": made["nonce"],
            "deadline": made["deadline"],
            "signature": "0x" + bytes(signed.signature).hex(),
        }


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_nonce_is_queued_and_paid_for_once_however_many_ask(opened, database, request):
    engine = opened.engine
    if database == "postgresql":
        engine = request.getfixturevalue("postgres")
    platform = replace(opened, engine=engine)
    with served(platform) as url, httpx.Client(base_url=url, timeout=60) as client:
        headers = {"Authorization": f"Bearer {token_of(client)}"}
        bodies = list(signed_bodies(client, headers, 4)) * 3

        def hand_in(body):
            return client.post(
                f"/identities/{ACCOUNT.address}/changes",
                json=body,
                headers=headers | {"Idempotency-Key": str(uuid.uuid4())},
            )

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(hand_in, bodies))
    codes = sorted(answer.json().get("code", "taken") for answer in answers)
    assert codes == ["change_pending"] * 9 + ["taken"] * 3, [a.text for a in answers]
    assert len({a.json()["digest"] for a in answers if a.status_code == 202}) == 1
    with platform.transaction() as session:
        (queued,) = session.exec(
            select(OutboxRow).where(OutboxRow.key == f"did:{ACCOUNT.address}:0")
        ).all()
        (relayed,) = session.exec(select(RelayedChangeRow)).all()
        used = session.exec(select(RelayAllowanceRow)).all()
    assert relayed.outbox_id == queued.id
    assert [row.used for row in used] == [1, 1]
