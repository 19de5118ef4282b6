"""Devices and readings over REST, on a real chain."""

from __future__ import annotations

import uuid

import pytest
from eth_account import Account

from devnet import accounts as development
from market.rules import MarketRules
from wattproof.accounts import service as accounts
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

SLOTS = 4
RULES = MarketRules(1, 1, 900, SLOTS, 10**9, 10**8, 0, 0, 1_000, 10**6)
METER = Account.create()


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


@pytest.fixture(scope="module")
def operator(new_wallet):
    return new_wallet(
        bytes(development.account(development.OPERATOR).key), ("participant", "operator")
    )


@pytest.fixture(scope="module")
def device(platform, wallet, operator):
    """A registered device of the wallet's, and the period that was running then."""
    with platform.transaction() as session:
        rounds.create_market(platform, session, "metered", RULES)
    run_until_idle(platform)
    body = {
        "device": METER.address,
        "market": 1,
        "account": wallet.address,
        "carrier": 0,
        "capacity_w": 11_000,
    }
    assert wallet.post("/meters", json=body, headers=key()).status_code == 403
    assert operator.post("/meters", json=body, headers=key()).status_code == 202
    run_until_idle(platform)
    return METER.address


@pytest.fixture(scope="module")
def period(platform, device):
    """A period that is over."""
    running = platform.clock.now() // (900 * SLOTS)
    platform.clock.advance_to((running + 1) * 900 * SLOTS + 1)
    return running


def readings(period, values=(2_500, -2_750, None, 0)):
    return {
        "device": METER.address,
        "market": 1,
        "period": period,
        "values_wh": list(values),
    }


def signed(wallet, body, account=METER):
    made = wallet.post("/meters/readings/template", json=body)
    assert made.status_code == 200, made.text
    data = made.json()["typed_data"]
    signature = Account.sign_typed_data(account.key, full_message=data).signature
    return body | {"signature": "0x" + bytes(signature).hex()}


def post(wallet, body):
    return wallet.post("/meters/readings", json=body, headers=key())


def test_a_device_is_listed_for_its_owner(wallet, device):
    (shown,) = wallet.get("/meters").json()["items"]
    assert (shown["device"], shown["capacity_w"]) == (device, 11_000)


def test_a_reading_before_its_period_is_over_is_refused(wallet, platform, period):
    answer = post(wallet, signed(wallet, readings(period + 1)))
    assert answer.status_code == 409
    assert answer.json()["code"] == "too_early"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((1, 2, 3), "invalid"),
        ((2_751, 0, 0, 0), "beyond_capacity"),
        ((-(2**31), 0, 0, 0), "beyond_capacity"),
    ],
)
def test_values_that_cannot_be_are_refused(wallet, period, values, code):
    body = readings(period, values) | {"signature": "0x" + "11" * 64}
    answer = post(wallet, body)
    assert answer.status_code == 422
    assert answer.json()["code"] == code


def test_only_the_devices_key_speaks_for_it(wallet, period):
    answer = post(wallet, signed(wallet, readings(period), wallet.account))
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_signature"


def test_nobody_sends_or_sees_the_readings_of_another(new_wallet, wallet, period):
    stranger = new_wallet()
    answer = post(stranger, signed(wallet, readings(period)))
    assert answer.status_code == 404
    assert stranger.get(f"/meters/{METER.address}/readings/{period}").status_code == 404
    assert stranger.get("/meters").json()["items"] == []


def test_a_signed_reading_reaches_the_chain_once(wallet, operator, platform, period):
    body = signed(wallet, readings(period))
    for _ in range(2):
        assert post(wallet, body).status_code == 202
    run_until_idle(platform)
    shown = wallet.get(f"/meters/{METER.address}/readings/{period}").json()
    assert shown["values_wh"] == [2_500, -2_750, None, 0]
    assert shown["status"] == "Posted"
    other = post(operator, signed(operator, readings(period, (0, 0, 0, 0))))
    assert other.status_code == 409
    assert other.json()["code"] == "conflict"


def with_role(platform, new_wallet, role):
    account = Account.create()
    with platform.transaction() as session:
        accounts.register(platform, session, str(account.address), role)
    run_until_idle(platform)
    return new_wallet(bytes(account.key), (role,))


def test_the_regulator_and_the_operator_see_a_reading(platform, new_wallet, operator, period):
    for reader in (with_role(platform, new_wallet, "regulator"), operator):
        shown = reader.get(f"/meters/{METER.address}/readings/{period}")
        assert shown.json()["values_wh"] == [2_500, -2_750, None, 0]


@pytest.mark.parametrize("role", ["meter", "dispatcher"])
def test_who_has_no_need_to_see_a_reading_does_not(platform, new_wallet, period, role):
    reader = with_role(platform, new_wallet, role)
    shown = reader.get(f"/meters/{METER.address}/readings/{period}")
    assert shown.status_code == 403
    assert "2500" not in shown.text
