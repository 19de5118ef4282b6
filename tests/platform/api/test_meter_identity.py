"""A meter's DID is one like any other; what its readings are signed with is another matter."""

from __future__ import annotations

import uuid

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from devnet import accounts as development
from market.rules import MarketRules
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

SLOTS = 4
RULES = MarketRules(1, 1, 900, SLOTS, 10**9, 10**8, 0, 0, 1_000, 10**6)
METER, NEW_KEY = Account.create(), Account.create()


def write(caller, path, body):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return caller.post(path, json=body, headers=headers)


def signature_of(account, typed_data):
    signed = account.sign_message(encode_typed_data(full_message=typed_data))
    return "0x" + bytes(signed.signature).hex()


@pytest.fixture(scope="module")
def period(platform, wallet, new_wallet):
    """The wallet's meter is registered; the period that ran then is over."""
    operator = new_wallet(bytes(development.account(development.OPERATOR).key), ("operator",))
    with platform.transaction() as session:
        rounds.create_market(platform, session, "metered", RULES)
    run_until_idle(platform)
    body = {"device": METER.address, "market": 1, "account": wallet.address} | {
        "carrier": 0,
        "capacity_w": 11_000,
    }
    assert write(operator, "/meters", body).status_code == 202
    run_until_idle(platform)
    running = platform.clock.now() // (900 * SLOTS)
    platform.clock.advance_to((running + 2) * 900 * SLOTS + 1)
    return running


def change(platform, wallet, what, account):
    """The owner hands in what the meter's controller signed."""
    path = f"/identities/{METER.address}/changes"
    made = wallet.post(f"{path}/template", json={"change": what}).json()
    body = {
        "change": what,
        "nonce": made["nonce"],
        "deadline": made["deadline"],
        "signature": signature_of(account, made["typed_data"]),
    }
    answer = write(wallet, path, body)
    assert answer.status_code == 202, answer.text
    run_until_idle(platform)
    assert wallet.get(f"/transactions/{made['digest']}").json()["status"] == "mined"


def post_readings(wallet, period, account):
    body = {"device": METER.address, "market": 1, "period": period, "values_wh": [1, 2, 3, 4]}
    made = wallet.post("/meters/readings/template", json=body).json()["typed_data"]
    return write(wallet, "/meters/readings", body | {"signature": signature_of(account, made)})


def test_handing_on_a_meters_did_changes_no_key_of_its_readings_and_rotate_key_does(
    platform, client, wallet, period
):
    handed_on = {"change": "controller", "controller": NEW_KEY.address}
    change(platform, wallet, handed_on, METER)
    shown = client.get(f"/identities/{METER.address}").json()["didDocument"]
    assert shown["verificationMethod"][0]["blockchainAccountId"].endswith(NEW_KEY.address)

    by_new = post_readings(wallet, period, NEW_KEY)
    assert (by_new.status_code, by_new.json()["code"]) == (422, "bad_signature")
    assert post_readings(wallet, period, METER).status_code == 202
    run_until_idle(platform)
    shown = wallet.get(f"/meters/{METER.address}/readings/{period}").json()
    assert shown["status"] == "Posted"

    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "MeterRegistry",
            "rotateKey",
            METER.address,
            NEW_KEY.address,
            key="rotate",
            signer=platform.keys.address(Role.ISSUER),
        )
    run_until_idle(platform)
    by_old = post_readings(wallet, period + 1, METER)
    assert (by_old.status_code, by_old.json()["code"]) == (422, "bad_signature")
    assert post_readings(wallet, period + 1, NEW_KEY).status_code == 202
    run_until_idle(platform)
    assert wallet.get(f"/meters/{METER.address}/readings/{period + 1}").json()["status"] == "Posted"
    service = {"type": "Readings", "endpoint": "https://meter.example"}
    change(platform, wallet, {"change": "add_service", "validity_s": 100} | service, NEW_KEY)
