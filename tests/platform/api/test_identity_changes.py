"""Changing DIDs over REST: in a transaction of one's own, and signed, relayed by the operator."""

from __future__ import annotations

import threading
import uuid

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlmodel import select

from identity.did.ethr import ZERO_ADDRESS
from identity.signature import CURVE_ORDER
from tests.platform.settling import settle
from wattproof.auth.scopes import Principal, Scope
from wattproof.errors import RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.relaying import allowance, lateness
from wattproof.settings import Profile
from wattproof.tasks.flow import run_until_idle

KEY = "0x" + "5b" * 32
YEAR = 31_536_000
ADD_KEY = {
    "change": "add_key",
    "algorithm": "Ed25519",
    "purpose": "veriKey",
    "public_key": KEY,
    "validity_s": YEAR,
}
SERVICE = {"type": "Readings", "endpoint": "https://meter.example/readings"}
FRIEND = str(Account.from_key(b"\x0f" * 32).address)


@pytest.fixture
def me(new_wallet):
    """Somebody who signs in and whose identity nothing has touched."""
    return new_wallet()


def path(identity, tail=""):
    return f"/identities/{identity}/changes{tail}"


def proposal(caller, identity, change, **options):
    answer = caller.post(path(identity, "/template"), json={"change": change} | options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def signature_of(account, made):
    signed = Account.sign_message(encode_typed_data(full_message=made["typed_data"]), account.key)
    assert "0x" + bytes(signed.message_hash).hex() == made["digest"]
    return "0x" + bytes(signed.signature).hex()


def body_of(account, change, made):
    return {
        "change": change,
        "nonce": made["nonce"],
        "deadline": made["deadline"],
        "signature": signature_of(account, made),
    }


def hand_in(caller, identity, body, key=None):
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return caller.post(path(identity), json=body, headers=headers)


def relayed(platform, caller, change, *, identity=None, account=None):
    """Proposes, signs, hands in and has it mined; returns what became of it."""
    identity = identity or caller.address
    made = proposal(caller, identity, change)
    answer = hand_in(caller, identity, body_of(account or caller.account, change, made))
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    settle(platform)
    state = caller.get(f"/transactions/{answer.json()['digest']}").json()
    assert state["status"] == "mined", state
    return state


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def document(client, identity):
    return client.get(f"/identities/{identity}").json()["didDocument"]


def relays(platform):
    """How many transactions carry out signed changes, failed ones too."""
    with platform.transaction() as session:
        rows = session.exec(select(OutboxRow.key)).all()
    return sum(key.startswith("did:") for key in rows)


# -- what works ------------------------------------------------------------------------------------


def test_an_untouched_identity_controls_itself(client, me):
    shown = client.get(f"/identities/{me.address}/control").json()
    assert shown["controller"] == shown["address"] == me.address
    assert (shown["nonce"], shown["deactivated_at"], shown["changed_block"]) == (0, None, None)
    assert client.get(path(me.address)).json() == {"items": [], "next_cursor": None}


def test_a_signed_change_is_paid_for_by_the_operator(platform, client, me):
    state = relayed(platform, me, ADD_KEY)
    receipt = platform.chain.request("eth_getTransactionReceipt", state["hash"])
    assert receipt["from"].lower() == platform.keys.address(Role.OPERATOR).lower()
    assert platform.chain.request("eth_getBalance", me.address, "latest") == "0x0"
    (_, method) = document(client, me.address)["verificationMethod"]
    assert method["publicKeyHex"] == KEY[2:]
    assert client.get(f"/identities/{me.address}/control").json()["nonce"] == 1


def test_every_kind_of_change_is_relayed_and_told(platform, client, me):
    delegate = {"purpose": "sigAuth", "delegate": FRIEND}
    attribute = {"name": "colour", "value": "0x677265656e"}
    key = {name: ADD_KEY[name] for name in ("algorithm", "purpose", "public_key")}
    changes = [
        ADD_KEY,
        {"change": "add_service", "validity_s": YEAR} | SERVICE,
        {"change": "add_delegate", "validity_s": YEAR} | delegate,
        {"change": "set_attribute", "validity_s": YEAR} | attribute,
        {"change": "revoke_attribute", "name": "0x" + b"colour".ljust(32, b"\0").hex()}
        | {"value": attribute["value"]},
        {"change": "revoke_delegate"} | delegate,
        {"change": "revoke_service"} | SERVICE,
        {"change": "revoke_key"} | key,
        {"change": "controller", "controller": me.address},
        {"change": "deactivation"},
    ]
    for change in changes:
        relayed(platform, me, change)
    told = client.get(path(me.address)).json()["items"]
    assert [(each["what"], each["revokes"]) for each in told] == [
        ("key", False),
        ("service", False),
        ("delegate", False),
        ("attribute", False),
        ("attribute", True),
        ("delegate", True),
        ("service", True),
        ("key", True),
        ("controller", False),
        ("deactivation", False),
    ]
    assert told[1]["details"] == SERVICE
    assert told[2]["details"] == delegate
    assert told[3]["details"] == attribute
    assert told[0]["details"]["public_key"] == KEY
    assert document(client, me.address)["verificationMethod"] == []
    ended = client.get(f"/identities/{me.address}/control").json()
    assert (ended["controller"], ended["nonce"]) == (None, 0)
    assert ended["deactivated_at"] == told[-1]["time"]


def test_the_history_comes_in_pages(platform, client, me):
    for _ in range(3):
        relayed(platform, me, ADD_KEY)
    first = client.get(path(me.address), params={"limit": 2}).json()
    rest = client.get(path(me.address), params={"cursor": first["next_cursor"]}).json()
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [2, 1, None]
    assert first["items"][1]["block"] < rest["items"][0]["block"]
    assert client.get(path(me.address), params={"cursor": "x"}).json()["code"] == "bad_cursor"


def test_a_change_in_ones_own_transaction_needs_gas_and_no_nonce(platform, client, me):
    me.post(
        "/accounts/faucet", json={"amount_micro": 1}, headers={"Idempotency-Key": str(uuid.uuid4())}
    )
    settle(platform)
    body = {"change": {"change": "add_service", "validity_s": YEAR} | SERVICE}
    (made,) = me.post(path(me.address, "/transactions"), json=body).json()["transactions"]
    raw = me.account.sign_transaction(made["transaction"]).raw_transaction
    sent = me.post(
        "/transactions",
        json={"raw": "0x" + bytes(raw).hex()},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert sent.status_code == 202, sent.text
    settle(platform)
    (service,) = document(client, me.address)["service"]
    assert service["serviceEndpoint"] == SERVICE["endpoint"]
    assert client.get(f"/identities/{me.address}/control").json()["nonce"] == 0


def test_somebody_else_may_hand_in_what_the_controller_signed(platform, client, me, new_wallet):
    device = Account.create()
    relayed(platform, me, ADD_KEY, identity=str(device.address), account=device)
    assert len(document(client, device.address)["verificationMethod"]) == 2
    assert len(document(client, me.address)["verificationMethod"]) == 1


def test_after_a_transfer_the_heir_signs_with_a_nonce_of_its_own(platform, client, me, new_wallet):
    heir = new_wallet()
    relayed(platform, me, {"change": "controller", "controller": heir.address})
    state = client.get(f"/identities/{me.address}/control").json()
    assert (state["controller"], state["nonce"]) == (heir.address, 0)
    made = proposal(me, me.address, ADD_KEY)
    by_former = hand_in(me, me.address, body_of(me.account, ADD_KEY, made))
    refused(by_former, 403, "not_controller")
    relayed(platform, me, ADD_KEY, account=heir.account)


# -- repeated, at once, crashed --------------------------------------------------------------------


def test_the_same_signed_change_is_answered_again_and_sent_once(platform, client, me):
    made = proposal(me, me.address, ADD_KEY)
    body = body_of(me.account, ADD_KEY, made)
    before = relays(platform)
    first = hand_in(me, me.address, body, key="once")
    again = hand_in(me, me.address, body, key="once")
    other_key = hand_in(me, me.address, body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json() == other_key.json()
    settle(platform)
    afterwards = hand_in(me, me.address, body)
    assert afterwards.json()["status"] == "mined"
    assert hand_in(me, me.address, body, key="once").json() == first.json()
    assert relays(platform) == before + 1
    assert client.get(f"/identities/{me.address}/control").json()["nonce"] == 1


def test_one_nonce_carries_out_one_change(platform, me):
    service = {"change": "add_service", "validity_s": YEAR} | SERVICE
    bodies = [
        body_of(me.account, change, proposal(me, me.address, change))
        for change in (ADD_KEY, service)
    ]
    assert hand_in(me, me.address, bodies[0]).status_code == 202
    refused(hand_in(me, me.address, bodies[1]), 409, "change_pending")
    settle(platform)
    refused(hand_in(me, me.address, bodies[1]), 409, "wrong_nonce")


def test_of_two_relays_at_once_one_is_sent(platform, client, me):
    service = {"change": "add_service", "validity_s": YEAR} | SERVICE
    # Signed once each: a later second would be another deadline, and so another change.
    bodies = [
        body_of(me.account, change, proposal(me, me.address, change))
        for change in (ADD_KEY, service)
    ] * 4
    before, answers = relays(platform), []

    def run(body):
        with httpx.Client(base_url=str(client.base_url), timeout=30) as own:
            headers = {
                "Authorization": f"Bearer {me.token}",
                "Idempotency-Key": str(uuid.uuid4()),
            }
            answers.append(own.post(path(me.address), json=body, headers=headers))

    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(answer.json().get("code", "taken") for answer in answers)
    assert codes == ["change_pending"] * 4 + ["taken"] * 4
    assert len({a.json()["digest"] for a in answers if a.status_code == 202}) == 1
    assert relays(platform) == before + 1
    settle(platform)
    assert client.get(f"/identities/{me.address}/control").json()["nonce"] == 1


def test_a_controller_that_sends_it_itself_first_costs_the_operator_a_refusal(platform, client, me):
    """The race that no check can win: the nonce is used, the relay fails, nothing happens twice."""
    made = proposal(me, me.address, ADD_KEY)
    body = body_of(me.account, ADD_KEY, made)
    platform.chain.request("evm_setAutomine", False)
    try:
        handed_in = hand_in(me, me.address, body).json()
        with platform.transaction() as session:
            queued = session.exec(select(OutboxRow).where(OutboxRow.key == handed_in["key"])).one()
        stranger = platform.keys.address(Role.ADMIN)
        platform.chain.request("anvil_impersonateAccount", stranger)
        tip = {"maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}
        platform.chain.request(
            "eth_sendTransaction",
            {"from": stranger, "to": queued.to, "data": queued.data, "gas": hex(200_000)} | tip,
        )
        platform.chain.request("evm_mine")
    finally:
        platform.chain.request("evm_setAutomine", True)
    settle(platform)
    state = me.get(f"/transactions/{handed_in['digest']}").json()
    assert state["status"] == "reverted"
    assert "NotIdentityOwner" in state["error"]
    assert len(document(client, me.address)["verificationMethod"]) == 2
    refused(hand_in(me, me.address, body), 409, "wrong_nonce")


# -- refused before anything is sent ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("altered", "status", "code"),
    [
        ({"nonce": 1}, 403, "not_controller"),
        ({"deadline": 2_000_000_000}, 403, "not_controller"),
        ({"change": ADD_KEY | {"validity_s": YEAR + 1}}, 403, "not_controller"),
        ({"change": {"change": "deactivation"}}, 403, "not_controller"),
        ({"signature": "0x" + "00" * 65}, 422, "bad_signature"),
        ({"signature": "0x" + "11" * 64 + "05"}, 422, "bad_signature"),
        ({"signature": "0x11"}, 422, "invalid"),
        ({"nonce": -1}, 422, "invalid"),
        ({"nonce": 2**60}, 422, "invalid"),
        ({"extra": 1}, 422, "invalid"),
    ],
)
def test_what_was_not_signed_so_is_not_sent(platform, me, altered, status, code):
    before = relays(platform)
    made = proposal(me, me.address, ADD_KEY)
    refused(hand_in(me, me.address, body_of(me.account, ADD_KEY, made) | altered), status, code)
    assert relays(platform) == before


def resigned(account, made, **changes):
    """The proposal signed with other numbers, or for elsewhere."""
    typed = made["typed_data"]
    domain = {name: value for name, value in changes.items() if name in typed["domain"]}
    message = {name: value for name, value in changes.items() if name in typed["message"]}
    altered = typed | {
        "domain": typed["domain"] | domain,
        "message": typed["message"] | message,
    }
    signed = Account.sign_message(encode_typed_data(full_message=altered), account.key)
    return {
        "change": ADD_KEY,
        "nonce": altered["message"]["nonce"],
        "deadline": altered["message"]["deadline"],
        "signature": "0x" + bytes(signed.signature).hex(),
    }


def test_a_wrong_nonce_says_which_one_is_next(me):
    made = proposal(me, me.address, ADD_KEY)
    said = refused(hand_in(me, me.address, resigned(me.account, made, nonce=7)), 409, "wrong_nonce")
    assert "nonce 7" in said
    assert "next one is 0" in said


@pytest.mark.parametrize(("seconds", "code"), [(-1, "deadline_passed"), (30, "deadline_too_close")])
def test_a_deadline_that_is_past_or_too_close_is_refused(platform, me, seconds, code):
    made = proposal(me, me.address, ADD_KEY)
    late = resigned(me.account, made, deadline=platform.clock.now() + seconds)
    refused(hand_in(me, me.address, late), 409, code)


@pytest.mark.parametrize("elsewhere", [{"chainId": 1}, {"verifyingContract": "0x" + "11" * 20}])
def test_a_signature_for_another_chain_or_registry_is_refused(me, elsewhere):
    made = proposal(me, me.address, ADD_KEY)
    refused(hand_in(me, me.address, resigned(me.account, made, **elsewhere)), 403, "not_controller")


def test_a_malleated_signature_is_refused(me):
    made = proposal(me, me.address, ADD_KEY)
    body = body_of(me.account, ADD_KEY, made)
    raw = bytes.fromhex(body["signature"][2:])
    high = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
    other = raw[:32] + high.to_bytes(32, "big") + bytes([55 - raw[64]])
    refused(hand_in(me, me.address, body | {"signature": "0x" + other.hex()}), 422, "bad_signature")


def test_a_strangers_signature_is_not_the_controllers(me):
    made = proposal(me, me.address, ADD_KEY)
    said = refused(
        hand_in(me, me.address, body_of(Account.create(), ADD_KEY, made)), 403, "not_controller"
    )
    assert me.address in said


def test_a_deactivated_identity_takes_no_change_of_any_kind(platform, client, me):
    open_ones = [
        body_of(me.account, ADD_KEY, proposal(me, me.address, ADD_KEY)),
        resigned(me.account, proposal(me, me.address, ADD_KEY), nonce=1),
    ]
    relayed(platform, me, {"change": "deactivation"})
    for body in open_ones:
        refused(hand_in(me, me.address, body), 409, "did_deactivated")
    for tail in ("/template", "/transactions"):
        answer = me.post(path(me.address, tail), json={"change": ADD_KEY})
        refused(answer, 409, "did_deactivated")
    shown = client.get(f"/identities/{me.address}").json()
    assert shown["didDocumentMetadata"]["deactivated"] is True


def test_only_the_controller_gets_a_transaction_to_sign(me):
    refused(me.post(path(FRIEND, "/transactions"), json={"change": ADD_KEY}), 403, "not_controller")


@pytest.mark.parametrize(
    "change",
    [
        ADD_KEY | {"public_key": "0x5b"},
        ADD_KEY | {"purpose": "enc"},
        ADD_KEY | {"algorithm": "RSA"},
        ADD_KEY | {"validity_s": 0},
        {"change": "add_service", "validity_s": 1, "type": "M", "endpoint": "https://m/\n"},
        {
            "change": "add_service",
            "validity_s": 1,
            "type": "M",
            "endpoint": "https://m/" + "a" * 1025,
        },
        {"change": "add_service", "validity_s": 1, "type": "M" * 40, "endpoint": "https://m"},
        {"change": "set_attribute", "validity_s": 1, "name": "x" * 33, "value": "0x"},
        {"change": "set_attribute", "validity_s": 1, "name": "a\0", "value": "0x"},
        {"change": "set_attribute", "validity_s": 1, "name": "did/svc/M", "value": "0xff"},
        {"change": "set_attribute", "validity_s": 1, "name": "x", "value": "0x" + "00" * 1025},
        {"change": "revoke_attribute", "name": "0x" + "zz" * 32, "value": "0x"},
        {"change": "add_delegate", "validity_s": 1, "purpose": "enc", "delegate": FRIEND},
        {"change": "controller", "controller": ZERO_ADDRESS},
        {"change": "controller", "controller": FRIEND[:2] + FRIEND[2:].swapcase()},
        {"change": "unheard_of"},
        {},
    ],
)
def test_a_change_that_means_nothing_is_refused_when_it_is_asked_for(me, change):
    for tail in ("/template", "/transactions"):
        answer = me.post(path(me.address, tail), json={"change": change})
        refused(answer, 422, "invalid")


@pytest.mark.parametrize("address", ["0x12", FRIEND[:2] + FRIEND[2:].swapcase(), "did:ethr:0x1"])
def test_an_address_that_is_none_is_told_from_an_unknown_one(client, address):
    for tail in ("control", "changes"):
        refused(client.get(f"/identities/{address}/{tail}"), 422, "invalid")


# -- whom the operator pays for --------------------------------------------------------------------


@pytest.fixture
def setting(platform, monkeypatch):
    """Changes a setting until the test is over."""
    return lambda name, value: monkeypatch.setitem(platform.settings.__dict__, name, value)


def test_the_operator_pays_for_so_many_changes_a_day(platform, me, new_wallet, setting):
    setting("relays_per_caller_a_day", 2)
    for _ in range(2):
        relayed(platform, me, ADD_KEY)
    third = body_of(me.account, ADD_KEY, proposal(me, me.address, ADD_KEY))
    refused(hand_in(me, me.address, third), 409, "relay_limit")
    other = new_wallet()
    assert hand_in(other, me.address, third).status_code == 202
    settle(platform)


def test_all_callers_together_have_a_limit_too(platform, me, setting):
    setting("relays_a_day", 0)
    body = body_of(me.account, ADD_KEY, proposal(me, me.address, ADD_KEY))
    before = relays(platform)
    refused(hand_in(me, me.address, body), 409, "relay_limit")
    assert relays(platform) == before


def test_elsewhere_a_fresh_key_without_a_credential_is_paid_nothing(platform, me, setting):
    principal = Principal(me.address, frozenset({Scope.PARTICIPANT}), 2**40)
    allowance.require_vouched(platform, principal)
    setting("profile", Profile.SCALED)
    with pytest.raises(RefusedError, match="role credential"):
        allowance.require_vouched(platform, principal)
    setting("profile", Profile.EMBEDDED)
    registered = me.post(
        "/participants",
        json={"name": "Ada", "role": "prosumer"},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert registered.status_code == 201
    run_until_idle(platform)
    setting("profile", Profile.SCALED)
    allowance.require_vouched(platform, principal)
    setting("profile", Profile.EMBEDDED)
    relayed(platform, me, {"change": "deactivation"})
    setting("profile", Profile.SCALED)
    with pytest.raises(RefusedError, match="role credential"):
        allowance.require_vouched(platform, principal)


def test_a_huge_change_is_not_paid_for(platform, me):
    """The largest value that is taken stays below the gas that is paid for."""
    change = {"change": "set_attribute", "validity_s": 1, "name": "x", "value": "0x" + "ff" * 1024}
    state = relayed(platform, me, change)
    receipt = platform.chain.request("eth_getTransactionReceipt", state["hash"])
    assert int(receipt["gasUsed"], 16) < 150_000


def test_a_change_that_waited_past_its_deadline_is_given_up_and_costs_nothing(platform, client, me):
    made = proposal(me, me.address, ADD_KEY, valid_for_s=120)
    body = body_of(me.account, ADD_KEY, made)
    operator = platform.keys.address(Role.OPERATOR)
    before = platform.chain.request("eth_getTransactionCount", operator, "latest")
    assert hand_in(me, me.address, body).status_code == 202
    assert lateness.give_up_late(platform) == 0
    platform.clock.advance_to(made["deadline"] + 1)
    run_until_idle(platform)
    state = me.get(f"/transactions/{made['digest']}").json()
    assert (state["status"], state["hash"]) == ("refused", None)
    assert "deadline" in state["error"]
    assert platform.chain.request("eth_getTransactionCount", operator, "latest") == before
    refused(hand_in(me, me.address, body), 409, "deadline_passed")
    relayed(platform, me, ADD_KEY)


def test_a_failed_relay_leaves_the_nonce_free(platform, me):
    made = proposal(me, me.address, ADD_KEY)
    body = body_of(me.account, ADD_KEY, made)
    key = hand_in(me, me.address, body).json()["key"]
    with platform.transaction() as session:
        row = outbox.find(session, key)
        assert row is not None
        row.status = outbox.REFUSED
        session.add(row)
    assert hand_in(me, me.address, body).json()["status"] == "queued"
    settle(platform)
    assert me.get(f"/transactions/{made['digest']}").json()["status"] == "mined"
