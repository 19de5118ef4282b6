"""A buyer and a seller trade over REST, from registration to withdrawal, on a real chain."""

from __future__ import annotations

import json
import secrets
import uuid

import pytest
from eth_account import Account

from devnet import accounts as development
from identity.signature import recover
from identity.verifiable.issuing import content_hash
from market.rules import MarketRules
from wattproof import audit
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

RULES = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=900,
    period_slots=96,
    price_cap=3_000_000_000,
    imbalance_cap=500_000_000,
    shortfall_bp=2_000,
    surplus_bp=2_000,
    gap_floor_micro=1_000,
    gap_cap_micro=1_000_000,
)
REGULATOR = {"claims": {"jurisdiction": "DE", "authority": "Federal Network Agency"}}


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def signed(wallet, typed_data):
    made = Account.sign_typed_data(wallet.account.key, full_message=typed_data)
    return "0x" + bytes(made.signature).hex()


def send(wallet, platform, path, **body):
    """Have transactions made, sign and send them, wait until they are mined."""
    made = wallet.post(path, json=body)
    assert made.status_code == 200, made.text
    for item in made.json()["transactions"]:
        raw = bytes(wallet.account.sign_transaction(item["transaction"]).raw_transaction)
        sent = wallet.post("/transactions", json={"raw": "0x" + raw.hex()}, headers=key())
        assert sent.status_code == 202, sent.text
        run_until_idle(platform)
        state = wallet.get(f"/transactions/{sent.json()['hash']}").json()
        assert state["status"] == "mined", state


@pytest.fixture(scope="module")
def market(platform):
    with platform.transaction() as session:
        rounds.create_market(platform, session, "test market", RULES)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "test market")
        assert row is not None
        return row.market


@pytest.fixture(scope="module")
def traders(platform, market, new_wallet):
    """Two funded wallets."""
    made = [new_wallet(), new_wallet()]
    for wallet in made:
        answer = wallet.post("/participants", json={"name": "Ada"}, headers=key())
        assert answer.status_code == 201, answer.text
        answer = wallet.post("/accounts/faucet", json={"amount_micro": 90_000_000}, headers=key())
        assert answer.status_code == 202, answer.text
    run_until_idle(platform)
    for wallet in made:
        send(wallet, platform, "/accounts/deposit", amount_micro=80_000_000)
        send(wallet, platform, "/accounts/margin", market=market, amount_micro=50_000_000)
    return made


@pytest.fixture
def product(platform, market, client):
    """A product of the open round; a new round where none is open."""
    found = client.get(f"/rounds?market={market}&state=open").json()["items"]
    number = found[0]["number"] if found else open_round(platform, market)
    answer = client.get(f"/rounds/{market}/{number}/products")
    return number, answer.json()["items"][0]["product"]


def open_round(platform, market):
    gate_at = platform.clock.now() + 600
    first = -(-gate_at // 900)
    with platform.transaction() as session:
        opened = rounds.open_round(
            platform,
            session,
            market,
            gate_at=gate_at,
            first_slot=first,
            slots=min(4, 96 - first % 96),
        )
    run_until_idle(platform)
    return opened.number


def test_a_registered_participant_holds_a_signed_credential(client, traders):
    shown = traders[0].get("/participants/me").json()
    (credential,) = shown["credentials"]
    assert credential["status"] == "standing"
    assert credential["subject"].endswith(traders[0].address)
    assert credential["document"]["credentialSubject"]["role"] == "prosumer"
    assert "0x" + content_hash(credential["jwt"]).hex() == credential["credential_hash"]
    checked = client.post("/credentials/verify", json={"credential": credential["jwt"]}).json()
    assert checked["holds"] is True, checked


def test_registering_again_gives_no_second_credential(traders):
    answer = traders[0].post("/participants", json={"name": "Ada B."}, headers=key())
    assert answer.json()["name"] == "Ada B."
    assert len(answer.json()["credentials"]) == 1


def test_money_moves_by_its_owners_transactions(platform, traders, market):
    shown = traders[0].get("/accounts/me").json()
    assert shown["wallet_micro"] == 10_000_000
    assert shown["free_micro"] == 30_000_000
    assert shown["markets"][0]["margin_micro"] == 50_000_000
    send(traders[0], platform, "/accounts/withdraw", amount_micro=5_000_000)
    after = traders[0].get("/accounts/me").json()
    assert after["wallet_micro"] == 15_000_000
    assert after["free_micro"] == 25_000_000


def template(wallet, market, product, side, energy_wh, price, number):
    answer = wallet.post(
        "/orders/template",
        json={
            "market": market,
            "round": number,
            "side": side,
            "product": product,
            "energy_wh": energy_wh,
            "price_nano_per_kwh": price,
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def submit(wallet, made, headers=None):
    body = {"order": made["order"], "signature": signed(wallet, made["typed_data"])}
    return wallet.post("/orders", json=body, headers=headers or {})


def test_a_trade_from_template_to_settlement(platform, traders, market, product, client):
    number, what = product
    buyer, seller = traders
    bid = template(buyer, market, what, "buy", 4_000, 300_000_000, number)
    ask = template(seller, market, what, "sell", 3_000, 200_000_000, number)
    receipt = submit(buyer, bid)
    assert receipt.status_code == 201, receipt.text
    assert receipt.json()["order_hash"] == bid["order_hash"]
    assert submit(seller, ask).status_code == 201
    assert buyer.get(f"/orders/{bid['order_hash']}").json()["state"] == "open"

    given = receipt.json()
    operator = development.address(development.OPERATOR)
    shown = Account.sign_typed_data(
        development.account(development.OPERATOR).key, full_message=given["typed_data"]
    )
    assert given["operator"] == operator
    digest = bytes(shown.message_hash)
    assert recover(digest, bytes.fromhex(given["signature"][2:])) == operator

    platform.clock.advance_to(platform.clock.now() + 601)
    run_until_idle(platform)
    bought = buyer.get(f"/orders/{bid['order_hash']}").json()
    assert bought["state"] == "settled", bought
    assert bought["fill_units"] == 3_000
    assert bought["payment_micro"] == 900_000
    assert bought["quantities_wh"] == {str(what): 3_000}
    assert bought["why"]
    sold = seller.get(f"/orders/{ask['order_hash']}").json()
    assert (sold["fill_units"], sold["payment_micro"]) == (3_000, -900_000)
    settled = client.get(f"/rounds/{market}/{number}").json()
    assert settled["state"] == "confirmed"
    assert settled["gap_micro"] == 0
    prices = client.get(f"/rounds/{market}/{number}/products").json()["items"]
    assert prices[0]["price_nano_per_kwh"] == 300_000_000


def test_an_order_is_shown_to_its_owner_alone(traders, market, product, new_wallet):
    number, what = product
    made = template(traders[0], market, what, "buy", 100, 100_000_000, number)
    assert submit(traders[0], made).status_code == 201
    stranger = new_wallet()
    for path in ("", "/cancellation"):
        assert stranger.get(f"/orders/{made['order_hash']}{path}").status_code == 404
    assert traders[1].get("/orders").json()["items"] != []
    hashes = [item["order_hash"] for item in traders[1].get("/orders").json()["items"]]
    assert made["order_hash"] not in hashes
    operator = new_wallet(
        bytes(development.account(development.OPERATOR).key), ("operator", "participant")
    )
    assert operator.get(f"/orders/{made['order_hash']}").status_code == 200


def test_an_order_is_cancelled_by_its_trader_alone(traders, market, product):
    number, what = product
    owner, other = traders
    made = template(owner, market, what, "buy", 100, 100_000_000, number)
    assert submit(owner, made).status_code == 201
    path = f"/orders/{made['order_hash']}/cancellation"
    data = owner.get(path).json()["typed_data"]
    wrong = owner.post(path, json={"signature": signed(other, data)})
    assert wrong.status_code == 422
    assert wrong.json()["code"] == "bad_signature"
    assert other.post(path, json={"signature": signed(owner, data)}).status_code == 404
    done = owner.post(path, json={"signature": signed(owner, data)})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "cancelled"
    assert submit(owner, made).json()["code"] == "cancelled"


def test_nobody_hands_in_the_order_of_another(traders, market, product):
    number, what = product
    made = template(traders[0], market, what, "buy", 100, 100_000_000, number)
    body = {"order": made["order"], "signature": signed(traders[0], made["typed_data"])}
    answer = traders[1].post("/orders", json=body)
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_yours"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"maxUnits": 101}, "bad_signature"),
        ({"legs": []}, "invalid"),
        ({"maxUnits": 0}, "malformed_order"),
        ({"round": 999}, "not_found"),
        ({"epoch": 1}, "bad_signature"),
        ({"salt": str(2**64)}, "invalid"),
        ({"more": 1}, "invalid"),
    ],
)
def test_an_order_that_was_changed_is_refused(traders, market, product, changes, code):
    number, what = product
    made = template(traders[0], market, what, "buy", 100, 100_000_000, number)
    body = {
        "order": made["order"] | changes,
        "signature": signed(traders[0], made["typed_data"]),
    }
    answer = traders[0].post("/orders", json=body)
    assert answer.status_code in (404, 422)
    assert answer.json()["code"] == code, answer.text


def test_an_order_beyond_the_margin_is_refused(traders, market, product):
    number, what = product
    made = template(traders[0], market, what, "buy", 10**6, 3 * 10**9, number)
    answer = submit(traders[0], made)
    assert answer.status_code == 409
    assert answer.json()["code"] == "margin"


def test_a_wallet_template_is_safe_for_json_numbers(traders, market, product):
    number, what = product
    made = template(traders[0], market, what, "buy", 2**63, 1, number)
    assert made["order"]["maxUnits"] == str(2**63)
    exact = json.loads(json.dumps(made["typed_data"]), parse_int=float)
    assert int(exact["message"]["salt"]) == int(made["order"]["salt"])


def test_a_repeated_write_has_one_effect_and_one_answer(traders, market, product):
    number, what = product
    made = template(traders[0], market, what, "buy", 100, 100_000_000, number)
    name = {"Idempotency-Key": "order-1"}
    first, second = submit(traders[0], made, name), submit(traders[0], made, name)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    other = template(traders[0], market, what, "buy", 101, 100_000_000, number)
    reused = submit(traders[0], other, name)
    assert reused.status_code == 422
    assert reused.json()["code"] == "idempotency_key_reused"


def test_the_keys_of_two_callers_do_not_meet(traders, market, product):
    number, what = product
    name = {"Idempotency-Key": "order-1"}
    made = template(traders[1], market, what, "buy", 100, 100_000_000, number)
    answer = submit(traders[1], made, name)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_a_refused_write_may_be_sent_again_under_its_key(traders):
    name = {"Idempotency-Key": "raw-1"}
    body = {"raw": "0x" + "00" * 40}
    for _ in range(2):
        answer = traders[0].post("/transactions", json=body, headers=name)
        assert answer.status_code == 422
        assert answer.json()["code"] == "bad_transaction"


def test_money_moves_under_a_key_alone(traders):
    answer = traders[0].post("/accounts/faucet", json={"amount_micro": 1})
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_missing"


def test_the_faucet_pays_once_a_key(platform, traders):
    before = traders[1].get("/accounts/me").json()["wallet_micro"]
    name = {"Idempotency-Key": "faucet-once"}
    for _ in range(3):
        paid = traders[1].post("/accounts/faucet", json={"amount_micro": 7}, headers=name)
        assert paid.status_code == 202
    run_until_idle(platform)
    assert traders[1].get("/accounts/me").json()["wallet_micro"] == before + 7


def test_a_transaction_of_another_chain_is_not_sent(platform, traders):
    made = traders[0].post("/accounts/withdraw", json={"amount_micro": 1}).json()
    transaction = made["transactions"][0]["transaction"] | {"chainId": 1}
    raw = bytes(traders[0].account.sign_transaction(transaction).raw_transaction)
    body = {"raw": "0x" + raw.hex()}
    answer = traders[0].post("/transactions", json=body, headers=key())
    assert answer.json()["code"] == "wrong_chain"


def handed_in(wallet, sender, **changes):
    """What happens to a withdrawal that was changed before `sender` signed it."""
    made = wallet.post("/accounts/withdraw", json={"amount_micro": 1}).json()
    transaction = made["transactions"][0]["transaction"]
    transaction = {name: changes.get(name, value) for name, value in transaction.items()}
    raw = bytes(sender.account.sign_transaction(transaction).raw_transaction)
    return wallet.post("/transactions", json={"raw": "0x" + raw.hex()}, headers=key())


def test_a_transaction_that_the_chain_would_never_take_is_refused(traders, new_wallet):
    owner, other = traders
    assert handed_in(owner, other).json()["code"] == "not_yours"
    assert handed_in(owner, owner, nonce=10_000).json()["code"] == "nonce"
    assert handed_in(owner, owner, nonce=0).json()["code"] in ("nonce", "conflict")
    assert handed_in(owner, owner, maxFeePerGas=10**16).json()["code"] == "not_enough_gas"
    assert handed_in(owner, owner, to=owner.address).json()["code"] == "wrong_target"
    poor = new_wallet()
    assert handed_in(poor, poor).json()["code"] == "not_enough_gas"


def test_pages_show_every_order_once(traders):
    whole = [item["order_hash"] for item in traders[0].get("/orders?limit=200").json()["items"]]
    assert len(whole) > 2
    paged: list[str] = []
    cursor = None
    while True:
        query = f"/orders?limit=2{f'&cursor={cursor}' if cursor else ''}"
        answer = traders[0].get(query).json()
        paged += [item["order_hash"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert paged == whole
    for bad in ("x", "W10", "WzFd", secrets.token_urlsafe(20)):
        assert traders[0].get(f"/orders?cursor={bad}").json()["code"] == "bad_cursor"


def test_rounds_are_listed_latest_first(client, market):
    first = client.get(f"/rounds?market={market}&limit=1").json()
    assert first["items"][0]["number"] > 1
    assert first["next_cursor"]
    rest = client.get(f"/rounds?market={market}&cursor={first['next_cursor']}").json()
    assert [item["number"] for item in rest["items"]] == list(
        range(first["items"][0]["number"] - 1, 0, -1)
    )
    assert client.get("/rounds?state=confirmed").json()["items"]


def events(lines):
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_the_present_state_comes_first_in_an_event_stream(client, traders, market):
    text = client.get("/events/rounds?follow=false").text.splitlines()
    assert events(text)[0]["market"] == market
    answer = traders[0].get("/events/orders?follow=false")
    assert answer.headers["content-type"].startswith("text/event-stream")
    own = {item["order"]["trader"] for item in events(answer.text.splitlines())}
    assert own == {traders[0].address}


def test_a_new_order_appears_in_the_event_stream(traders, market, product):
    number, what = product
    made = template(traders[0], market, what, "buy", 100, 100_000_000, number)
    headers = {"Authorization": f"Bearer {traders[0].token}"}
    seen: list[str] = []
    with traders[0].client.stream("GET", "/events/orders", headers=headers) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        assert submit(traders[0], made).status_code == 201
        for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["order_hash"])
                if seen[-1] == made["order_hash"]:
                    break
    assert seen[-1] == made["order_hash"]


def test_the_identity_of_any_address_resolves(client, traders, platform):
    answer = client.get(f"/identities/{traders[0].address}").json()
    chain = hex(platform.deployment.chain_id)
    assert answer["didDocument"]["id"] == f"did:ethr:{chain}:{traders[0].address}"
    assert answer["didDocumentMetadata"] == {}


@pytest.fixture(scope="module")
def regulator(platform, new_wallet):
    holder = new_wallet()
    holder.post("/participants", json={"name": "Regulator", "role": None})
    operator = new_wallet(bytes(development.account(development.OPERATOR).key), ("operator",))
    path = f"/participants/{holder.address}/credentials/regulator"
    assert operator.request("PUT", path, json=REGULATOR).status_code == 200
    run_until_idle(platform)
    return new_wallet(bytes(holder.account.key), ("regulator",))


def test_the_regulator_replays_everything(regulator):
    answer = regulator.get("/audit/replay").json()
    assert answer["equal"] is True, answer["report"]
    assert answer["report"]["rounds"]


def test_the_regulator_sees_the_book_after_the_gate(regulator, market):
    first = regulator.get(f"/audit/rounds/{market}/1?limit=1").json()
    assert first["round"]["state"] in ("confirmed", "delivered", "closed")
    cursor = first["orders"]["next_cursor"]
    second = regulator.get(f"/audit/rounds/{market}/1?limit=1&cursor={cursor}").json()
    fills = [page["orders"]["items"][0]["fill_units"] for page in (first, second)]
    assert fills == [3_000, 3_000]


def test_a_bundle_of_a_round_verifies(regulator, market, platform):
    bundle = regulator.get(f"/audit/rounds/{market}/1/bundle").json()
    assert audit.verify_bundle(bundle, platform.chain.rpc_url).ok


def test_the_regulators_view_is_closed_to_others(traders, market):
    for path in ("replay", f"rounds/{market}/1", f"rounds/{market}/1/bundle"):
        assert traders[0].get(f"/audit/{path}").status_code == 403


def test_the_regulator_changes_nothing(regulator, market):
    for path, body in [
        ("/participants", {"name": "x"}),
        ("/accounts/faucet", {"amount_micro": 1}),
        ("/orders", {}),
        ("/meters", {}),
    ]:
        assert regulator.post(path, json=body, headers=key()).status_code == 403
    assert regulator.get("/accounts/me").status_code == 403


def test_a_deactivated_identity_speaks_no_more(client, platform, new_wallet):
    leaving = new_wallet()
    leaving.post("/accounts/faucet", json={"amount_micro": 1}, headers=key())
    run_until_idle(platform)
    made = leaving.post("/accounts/withdraw", json={"amount_micro": 1}).json()
    transaction = made["transactions"][0]["transaction"] | {
        "to": platform.chain.address("DidRegistry"),
        "data": platform.chain.encode(
            "DidRegistry", "changeOwner", leaving.address, "0x" + "00" * 20
        ),
    }
    raw = bytes(leaving.account.sign_transaction(transaction).raw_transaction)
    sent = leaving.post("/transactions", json={"raw": "0x" + raw.hex()}, headers=key())
    assert sent.status_code == 202, sent.text
    run_until_idle(platform)
    shown = client.get(f"/identities/{leaving.address}").json()
    assert shown["didDocumentMetadata"]["deactivated"] is True
    assert shown["didDocument"]["verificationMethod"] == []


def test_an_operator_grants_and_revokes_credentials(platform, new_wallet, client):
    holder = new_wallet()
    body = {"name": "Regulator", "role": None}
    assert holder.post("/participants", json=body).json()["credentials"] == []
    operator = new_wallet(
        bytes(development.account(development.OPERATOR).key), ("operator", "participant")
    )
    path = f"/participants/{holder.address}/credentials/regulator"
    assert holder.request("PUT", path).status_code == 403
    assert operator.request("PUT", path, json=REGULATOR).status_code == 200
    run_until_idle(platform)
    assert holder.get("/participants/me").json()["credentials"][0]["status"] == "standing"
    regulator = new_wallet(bytes(holder.account.key), ("regulator",))
    assert regulator.get("/auth/session").json()["scopes"] == ["regulator"]
    assert operator.request("DELETE", path).status_code == 202
    run_until_idle(platform)
    shown = holder.get("/participants/me").json()["credentials"][0]["status"]
    assert shown == "revoked"
    again = operator.request("PUT", path)
    assert again.status_code == 409
    assert again.json()["code"] == "regrant_too_soon"
