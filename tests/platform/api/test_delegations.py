"""Session delegates over REST: naming, dismissing, and trading for somebody else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlmodel import select

from devnet import accounts as development
from market.delegation import Authorisation, Session
from market.rules import MarketRules
from tests.platform.settling import settle
from tests.platform.signing import send
from wattproof import audit
from wattproof.auth.scopes import Principal, Scope
from wattproof.delegations import service
from wattproof.errors import RefusedError
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.relaying import allowance
from wattproof.rounds import service as rounds
from wattproof.settings import Profile
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000
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


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


@pytest.fixture(scope="module")
def market(platform):
    with platform.transaction() as session:
        rounds.create_market(platform, session, "test market", RULES)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "test market")
        assert row is not None
        return row.market


@pytest.fixture
def owner(platform, market, new_wallet):
    """Somebody with margin."""
    wallet = new_wallet()
    wallet.post("/accounts/faucet", json={"amount_micro": 90_000_000}, headers=key())
    settle(platform)
    send(wallet, platform, "/accounts/deposit", amount_micro=80_000_000)
    send(wallet, platform, "/accounts/margin", market=market, amount_micro=50_000_000)
    return wallet


@pytest.fixture
def machine(new_wallet):
    """The key that is to sign for the owner."""
    return new_wallet()


@pytest.fixture
def number(platform, market):
    """An open round."""
    with platform.transaction() as session:
        for row in rounds.list_rounds(session, market):
            if row.state == "open" and row.gate_at > platform.clock.now() + 60:
                return row.number
        gate_at = platform.clock.now() + 3_600
        first = -(-gate_at // 900)
        opened = rounds.open_round(
            platform, session, market, gate_at=gate_at, first_slot=first, slots=1
        )
        number = opened.number
    run_until_idle(platform)
    return number


def bounds(platform, delegate, **changes):
    until = datetime.fromtimestamp(platform.clock.now(), UTC) + timedelta(days=30)
    return {
        "delegate": delegate,
        "until": until.isoformat(),
        "buy_wh": 5_000,
        "sell_wh": 0,
        "max_price_nano_per_kwh": 3 * PRICE,
        "min_price_nano_per_kwh": 0,
    } | changes


def typed_signature(account, typed_data):
    signed = Account.sign_message(encode_typed_data(full_message=typed_data), account.key)
    return "0x" + bytes(signed.signature).hex()


def message(wallet, kind, **body):
    answer = wallet.post(f"/delegations/{kind}/template", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def signed_change(wallet, kind, account=None, **body):
    """What is handed in: the change, its nonce and deadline, the account's signature."""
    made = message(wallet, kind, **body)
    return {
        **body,
        "nonce": made["nonce"],
        "deadline": made["deadline"],
        "signature": typed_signature(account or wallet.account, made["typed_data"]),
    }


def hand_in(wallet, kind, body, headers=None):
    return wallet.post(f"/delegations/{kind}", json=body, headers=headers or key())


def relayed(platform, wallet, kind, **body):
    answer = hand_in(wallet, kind, signed_change(wallet, kind, **body))
    assert answer.status_code == 202, answer.text
    settle(platform)
    state = wallet.get(f"/transactions/{answer.json()['digest']}").json()
    assert state["status"] == "mined", state
    return state


def authorised(platform, owner, machine, market, **changes):
    relayed(
        platform,
        owner,
        "authorisations",
        market=market,
        **bounds(platform, machine.address, **changes),
    )


def session_of(reader, market, account):
    answer = reader.get(f"/delegations/{market}/{account}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def relays(platform):
    with platform.transaction() as session:
        rows = session.exec(select(OutboxRow.key)).all()
    return sum(row.startswith("delegate:") for row in rows)


def order_for(machine, owner, market, number, product, wh=1_000, price=2 * PRICE, **changes):
    """A template for the owner, signed by the machine."""
    made = machine.post(
        "/orders/template",
        json={
            "market": market,
            "round": number,
            "trader": owner.address,
            "side": "buy",
            "product": product,
            "energy_wh": wh,
            "price_nano_per_kwh": price,
        }
        | changes,
    )
    assert made.status_code == 200, made.text
    template = made.json()
    signature = typed_signature(machine.account, template["typed_data"])
    return template, {"order": template["order"], "signature": signature}


@pytest.fixture
def product(client, market, number):
    return client.get(f"/rounds/{market}/{number}/products").json()["items"][0]["product"]


# -- naming and dismissing -------------------------------------------------------------------------


def test_an_owner_names_and_dismisses_a_delegate_by_transactions_of_its_own(
    platform, owner, machine, market
):
    wanted = bounds(platform, machine.address)
    send(owner, platform, "/delegations/authorisations/transactions", market=market, **wanted)
    shown = session_of(owner, market, owner.address)
    assert shown["session"]["delegate"] == machine.address
    assert shown["session"]["buy_wh"] == 5_000
    on_chain = platform.chain.call("Delegations", "sessionOf", market, owner.address, 2**32 - 1)
    assert on_chain["maxPrice"] == 3 * PRICE
    send(owner, platform, "/delegations/revocations/transactions", market=market)
    assert session_of(owner, market, owner.address)["session"] is None


def test_a_signed_message_names_a_delegate_at_the_operators_cost(platform, owner, machine, market):
    wei = platform.chain.request("eth_getBalance", owner.address, "latest")
    wanted = bounds(platform, machine.address)
    state = relayed(platform, owner, "authorisations", market=market, **wanted)
    receipt = platform.chain.request("eth_getTransactionReceipt", state["hash"])
    assert receipt["from"].lower() == platform.keys.address(Role.OPERATOR).lower()
    assert platform.chain.request("eth_getBalance", owner.address, "latest") == wei
    assert session_of(owner, market, owner.address)["session"]["delegate"] == machine.address
    relayed(platform, owner, "revocations", market=market)
    assert session_of(owner, market, owner.address)["session"] is None
    assert platform.chain.call("Delegations", "nonce", owner.address) == 2


def test_who_reads_a_session_is_its_account_its_delegate_and_the_authorities(
    platform, owner, machine, market, new_wallet
):
    authorised(platform, owner, machine, market)
    operator = new_wallet(
        bytes(development.account(development.OPERATOR).key), ("participant", "operator")
    )
    for reader in (owner, machine, operator):
        assert session_of(reader, market, owner.address)["session"] is not None
    stranger = new_wallet()
    refused(stranger.get(f"/delegations/{market}/{owner.address}"), 404, "not_found")
    relayed(platform, owner, "revocations", market=market)
    assert session_of(machine, market, owner.address)["session"] is None


def test_sessions_given_and_taken_are_listed_in_pages(platform, owner, machine, market):
    authorised(platform, owner, machine, market)
    (given,) = owner.get("/delegations").json()["items"]
    assert machine.get("/delegations").json()["items"] == [given]
    assert given["account"] == owner.address
    first = machine.get("/delegations", params={"limit": 1}).json()
    assert (len(first["items"]), first["next_cursor"]) == (1, None)


def test_the_same_message_handed_in_again_is_answered_and_sent_once(
    platform, owner, machine, market
):
    wanted = {"market": market, **bounds(platform, machine.address)}
    body = signed_change(owner, "authorisations", **wanted)
    headers = key()
    before = relays(platform)
    first = hand_in(owner, "authorisations", body, headers)
    assert hand_in(owner, "authorisations", body, headers).json() == first.json()
    assert hand_in(owner, "authorisations", body).json() == first.json()
    settle(platform)
    assert hand_in(owner, "authorisations", body).json()["status"] == "mined"
    assert relays(platform) == before + 1


def test_one_nonce_makes_one_change(platform, owner, machine, market):
    wanted = {"market": market, **bounds(platform, machine.address)}
    one = signed_change(owner, "authorisations", **wanted)
    other = signed_change(owner, "authorisations", **wanted | {"buy_wh": 1})
    assert hand_in(owner, "authorisations", one).status_code == 202
    refused(hand_in(owner, "authorisations", other), 409, "change_pending")
    settle(platform)
    refused(hand_in(owner, "authorisations", other), 409, "wrong_nonce")


@pytest.mark.parametrize(
    ("altered", "status", "code"),
    [
        ({"buy_wh": 5_001}, 422, "bad_signature"),
        ({"max_price_nano_per_kwh": 3 * PRICE + 1}, 422, "bad_signature"),
        ({"nonce": 1}, 422, "bad_signature"),
        ({"deadline": "2031-01-01T00:00:00Z"}, 422, "bad_signature"),
        ({"signature": "0x" + "11" * 65}, 422, "bad_signature"),
        ({"signature": "0x11"}, 422, "invalid"),
        ({"delegate": "0x" + "00" * 20}, 422, "bad_session"),
        ({"until": "2031-01-01T00:00:00"}, 422, "invalid"),
        ({"extra": 1}, 422, "invalid"),
        ({"market": 77}, 404, "not_found"),
    ],
)
def test_what_was_not_signed_so_is_not_sent(
    platform, owner, machine, market, altered, status, code
):
    wanted = {"market": market, **bounds(platform, machine.address)}
    body = signed_change(owner, "authorisations", **wanted)
    before = relays(platform)
    refused(hand_in(owner, "authorisations", body | altered), status, code)
    assert relays(platform) == before


def test_nobody_hands_in_a_change_of_another_account(platform, owner, machine, market):
    wanted = {"market": market, **bounds(platform, machine.address)}
    body = signed_change(owner, "authorisations", **wanted)
    refused(hand_in(machine, "authorisations", body), 422, "bad_signature")
    forged = signed_change(owner, "authorisations", account=machine.account, **wanted)
    refused(hand_in(owner, "authorisations", forged), 422, "bad_signature")


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"until": "2020-01-01T00:00:00Z"}, "bad_end"), ({}, "bad_delegate")],
)
def test_a_session_that_the_contract_would_refuse_is_refused_before_it_is_signed(
    platform, owner, machine, market, changes, code
):
    delegate = machine.address if "until" in changes else owner.address
    wanted = {"market": market, **bounds(platform, delegate), **changes}
    for kind in ("template", "transactions"):
        answer = owner.post(f"/delegations/authorisations/{kind}", json=wanted)
        refused(answer, 422, code)


def test_where_there_is_no_session_there_is_nothing_to_revoke(platform, owner, market):
    answer = owner.post("/delegations/revocations/transactions", json={"market": market})
    refused(answer, 409, "no_session")
    body = signed_change(owner, "revocations", market=market)
    refused(hand_in(owner, "revocations", body), 409, "no_session")


@pytest.mark.parametrize(("seconds", "code"), [(-1, "deadline_passed"), (30, "deadline_too_close")])
def test_a_deadline_that_is_past_or_too_close_is_refused(
    platform, owner, machine, market, seconds, code
):
    now = platform.clock.now()
    wanted = bounds(platform, machine.address)
    until = int(datetime.fromisoformat(wanted["until"]).timestamp())
    session = Session(machine.address, until, 5_000, 0, 3 * PRICE, 0)
    change = Authorisation(owner.address, market, session, 0, now + seconds)
    body = {
        "market": market,
        **wanted,
        "nonce": 0,
        "deadline": datetime.fromtimestamp(now + seconds, UTC).isoformat(),
        "signature": "0x" + change.sign(service.domain(platform), bytes(owner.account.key)).hex(),
    }
    refused(hand_in(owner, "authorisations", body), 409, code)


def test_the_operator_pays_a_share_a_day_and_the_own_transaction_remains(
    platform, owner, machine, market
):
    settings = platform.settings.model_copy(update={"relays_per_caller_a_day": 1})
    object.__setattr__(platform, "settings", settings)
    try:
        authorised(platform, owner, machine, market)
        wanted = {"market": market, **bounds(platform, machine.address, buy_wh=1)}
        body = signed_change(owner, "authorisations", **wanted)
        refused(hand_in(owner, "authorisations", body), 409, "relay_limit")
    finally:
        restored = platform.settings.model_copy(update={"relays_per_caller_a_day": 20})
        object.__setattr__(platform, "settings", restored)
    send(owner, platform, "/delegations/revocations/transactions", market=market)


def test_a_stranger_without_a_credential_makes_the_operator_pay_nothing(platform, new_wallet):
    scaled = platform.settings.model_copy(update={"profile": Profile.SCALED})
    object.__setattr__(platform, "settings", scaled)
    try:
        nobody = Principal(new_wallet().address, frozenset({Scope.PARTICIPANT}), 0)
        with pytest.raises(RefusedError) as stopped:
            allowance.require_vouched(platform, nobody)
    finally:
        embedded = platform.settings.model_copy(update={"profile": Profile.EMBEDDED})
        object.__setattr__(platform, "settings", embedded)
    assert stopped.value.code == "no_credential"


# -- trading ---------------------------------------------------------------------------------------


def test_a_delegate_trades_for_its_principal_and_sees_what_it_signed_and_nothing_more(
    platform, owner, machine, market, number, product
):
    authorised(platform, owner, machine, market)
    template, body = order_for(machine, owner, market, number, product)
    receipt = machine.post("/orders", json=body, headers=key())
    assert receipt.status_code == 201, receipt.text
    assert receipt.json()["order_hash"] == template["order_hash"]
    own, own_body = order_for(owner, owner, market, number, product)
    assert owner.post("/orders", json=own_body, headers=key()).status_code == 201

    shown = machine.get(f"/orders/{template['order_hash']}").json()
    assert (shown["signer"], shown["order"]["trader"]) == (machine.address, owner.address)
    assert [o["order_hash"] for o in machine.get("/orders").json()["items"]] == [
        template["order_hash"]
    ]
    both = {template["order_hash"], own["order_hash"]}
    assert {o["order_hash"] for o in owner.get("/orders").json()["items"]} == both
    streamed = machine.get("/events/orders", params={"follow": False}).text
    assert template["order_hash"] in streamed
    assert own["order_hash"] not in streamed

    for path in ("", "/cancellation"):
        refused(machine.get(f"/orders/{own['order_hash']}{path}"), 404, "not_found")
    assert machine.get("/accounts/me").json()["markets"] == []
    assert machine.get("/positions").json()["items"] == []


def test_a_delegate_cancels_what_it_signed_and_its_principal_too(
    platform, owner, machine, market, number, product
):
    authorised(platform, owner, machine, market)
    for canceller in (machine, owner):
        template, body = order_for(machine, owner, market, number, product)
        assert machine.post("/orders", json=body, headers=key()).status_code == 201
        path = f"/orders/{template['order_hash']}/cancellation"
        typed = canceller.get(path).json()["typed_data"]
        signature = typed_signature(canceller.account, typed)
        answer = canceller.post(path, json={"signature": signature}, headers=key())
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "cancelled"


def test_a_delegate_cannot_cancel_what_its_principal_signed(
    platform, owner, machine, market, number, product
):
    authorised(platform, owner, machine, market)
    own, body = order_for(owner, owner, market, number, product)
    assert owner.post("/orders", json=body, headers=key()).status_code == 201
    path = f"/orders/{own['order_hash']}/cancellation"
    typed = owner.get(path).json()["typed_data"]
    signature = typed_signature(machine.account, typed)
    for caller, status, code in ((machine, 404, "not_found"), (owner, 422, "bad_signature")):
        answer = caller.post(path, json={"signature": signature}, headers=key())
        refused(answer, status, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price_nano_per_kwh": 3 * PRICE + 1}, "session_price"),
        ({"energy_wh": 5_001}, "session_buy"),
        ({"side": "sell", "price_nano_per_kwh": 2 * PRICE}, "session_sell"),
    ],
)
def test_an_order_beyond_the_session_is_refused_at_once(
    platform, owner, machine, market, number, product, changes, code
):
    authorised(platform, owner, machine, market)
    _, body = order_for(machine, owner, market, number, product, **changes)
    refused(machine.post("/orders", json=body, headers=key()), 409, code)
    refused(machine.post("/orders/batch", json={"orders": [body]}, headers=key()), 409, code)


def test_strangers_and_former_delegates_get_no_template_and_hand_in_nothing(
    platform, owner, machine, market, number, product, new_wallet
):
    wanted = {
        "market": market,
        "round": number,
        "trader": owner.address,
        "side": "buy",
        "product": product,
        "energy_wh": 1,
        "price_nano_per_kwh": 1,
    }
    refused(machine.post("/orders/template", json=wanted), 403, "not_yours")
    authorised(platform, owner, machine, market)
    _, body = order_for(machine, owner, market, number, product)
    stranger = new_wallet()
    refused(stranger.post("/orders", json=body, headers=key()), 403, "not_yours")
    relayed(platform, owner, "revocations", market=market)
    refused(machine.post("/orders", json=body, headers=key()), 409, "not_delegate")
    refused(machine.post("/orders/template", json=wanted), 403, "not_yours")


def test_a_delegate_hears_why_its_order_did_not_count_and_not_what_its_principal_has(
    platform, owner, machine, market, number, product
):
    authorised(platform, owner, machine, market, buy_wh=10**12)
    # 50 tokens of margin: an order of 60 kWh needs 48 of them.
    template, body = order_for(machine, owner, market, number, product, wh=60_000, price=3 * PRICE)
    assert machine.post("/orders", json=body, headers=key()).status_code == 201
    _, more = order_for(machine, owner, market, number, product, wh=60_000, price=3 * PRICE)
    said = refused(machine.post("/orders", json=more, headers=key()), 409, "margin")
    assert not any(character.isdigit() for character in said)
    send(owner, platform, "/accounts/exit", market=market, amount_micro=49_000_000)
    with platform.transaction() as session:
        gate_at = next(
            row.gate_at for row in rounds.list_rounds(session, market) if row.number == number
        )
    platform.clock.advance_to(gate_at)
    run_until_idle(platform)
    path = f"/markets/{market}/rounds/{number}/orders/{template['order_hash']}/explanation"
    told, whole = machine.get(path).json(), owner.get(path).json()
    assert told["reason"] == whole["reason"] == "margin"
    assert (told["margin_missing_micro"], told["capacity_missing_wh"]) == (None, None)
    assert whole["margin_missing_micro"] == 47_000_000
    assert "1 was there" in " ".join(whole["sentences"])
    assert "was there" not in " ".join(told["sentences"])
    listed = machine.get(f"/markets/{market}/rounds/{number}/explanations").json()["items"]
    assert [each["order_hash"] for each in listed] == [template["order_hash"]]
    assert listed[0]["margin_missing_micro"] is None


def test_the_replay_of_all_this_finds_no_difference(platform):
    run_until_idle(platform)
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
