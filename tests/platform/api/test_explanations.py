"""What is explained over REST, to whom, and when, of rounds on a real chain."""

from __future__ import annotations

import pytest
from eth_account import Account

from devnet import accounts as development
from market.messages import Cancellation
from tests.platform.settling import settle
from wattproof.accounts import service as accounts
from wattproof.orders import service as orders
from wattproof.rounds import lifecycle
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle

ONE = 1_000_000
CENT = 10_000_000


@pytest.fixture(scope="module")
def desk(platform, new_desk):
    return new_desk(platform)


@pytest.fixture(scope="module")
def traders(desk, new_wallet):
    return [new_wallet(bytes(trader.key)) for trader in desk.traders]


@pytest.fixture(scope="module")
def operator(new_wallet):
    key = bytes(development.account(development.OPERATOR).key)
    return new_wallet(key, ("operator", "participant"))


def hash_of(receipt):
    return "0x" + receipt.order_hash.hex()


@pytest.fixture(scope="module")
def settled(desk, platform):
    """A settled round and its orders: an ask of 3 kWh, a bid that gets it, two that do not; a
    store between its slots."""
    number = desk.open_round(gate_in=600)
    found = {
        "ask": desk.sell(0, number, 0, 3_000, 20 * CENT),
        "high": desk.buy(1, number, 0, 3_000, 30 * CENT),
        "low": desk.buy(2, number, 0, 1_000, 10 * CENT),
        "early": desk.sell(0, number, 1, 5_000, 10 * CENT),
        "late": desk.buy(1, number, 2, 5_000, 40 * CENT),
        "store": desk.submit(desk.order(3, number, 2_000, -CENT, (1, ONE), (2, -ONE)))[0],
        "cancelled": desk.buy(2, number, 0, 1_000, 11 * CENT),
    }
    digest = found["cancelled"].order_hash
    word = Cancellation(desk.market, number, digest)
    with platform.transaction() as session:
        signature = word.sign(platform.domain, bytes(desk.traders[2].key))
        orders.cancel(platform, session, "0x" + digest.hex(), signature)
    desk.close_gate(number)
    run_until_idle(platform)
    return number, {name: hash_of(receipt) for name, receipt in found.items()}


@pytest.fixture
def path(desk, settled):
    return f"/markets/{desk.market}/rounds/{settled[0]}"


def test_an_owner_hears_why_its_order_was_not_filled(traders, settled, path):
    answer = traders[2].get(f"{path}/orders/{settled[1]['low']}/explanation")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["reason"] == "out_of_the_money"
    assert found["fill_units"] == 0
    assert found["limit_that_fills_nano_per_kwh"] == 30 * CENT
    assert found["limit_is_exact"]
    assert (
        "It would lose 0.15 a kWh at these prices, so it was not filled." in found["sentences"][2]
    )
    assert found["legs"][0]["price_nano_per_kwh"] == 25 * CENT
    assert found["legs"][0]["path"] == "0/0/0"


def test_an_owner_hears_what_its_filled_order_gained(traders, settled, path):
    found = traders[1].get(f"{path}/orders/{settled[1]['high']}/explanation").json()
    assert (found["reason"], found["payment_micro"]) == ("filled", 750_000)
    assert found["surplus_micro"] == 150_000
    assert (
        found["payment_micro"]
        == traders[1].get(f"/orders/{settled[1]['high']}").json()["payment_micro"]
    )


def test_an_explanation_is_for_the_owner_the_operator_and_nobody_else(
    traders, operator, client, new_wallet, settled, path
):
    place = f"{path}/orders/{settled[1]['low']}/explanation"
    assert operator.get(place).status_code == 200
    for other in (traders[0], new_wallet()):
        answer = other.get(place)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    assert client.get(place).status_code == 401


def test_everybody_lists_its_own_explanations_and_the_operator_all(traders, operator, path):
    def pages(wallet):
        found, query = [], {"limit": 2}
        while True:
            answer = wallet.get(f"{path}/explanations", params=query)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            if answer.json()["next_cursor"] is None:
                return found
            query["cursor"] = answer.json()["next_cursor"]

    own = pages(traders[0])
    assert {each["reason"] for each in own} <= {"filled", "at_the_margin"}
    assert len(own) == 2
    everything = pages(operator)
    assert len(everything) == 6
    assert len({each["order_hash"] for each in everything}) == 6


def test_a_regulator_sees_every_order_of_the_book(platform, settled, new_wallet, path):
    key = Account.create().key
    with platform.transaction() as session:
        address = str(Account.from_key(key).address)
        accounts.register(platform, session, address, "regulator")
    run_until_idle(platform)
    regulator = new_wallet(bytes(key), ("participant", "regulator"))
    assert regulator.get(f"{path}/orders/{settled[1]['low']}/explanation").status_code == 200
    assert len(regulator.get(f"{path}/explanations").json()["items"]) == 6
    plain = new_wallet(bytes(key))
    assert plain.get(f"{path}/explanations").json()["items"] == []


def test_the_book_of_a_settled_round_is_open_and_names_nobody(client, traders, operator, path):
    answer = client.get(f"{path}/book?product=0/0/0")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["product"]["price_nano_per_kwh"], shown["product"]["volume_wh"]) == (
        25 * CENT,
        3_000,
    )
    levels = [
        (each["side"], each["price_nano_per_kwh"], each["offered_wh"], each["filled_wh"])
        for each in shown["items"]
    ]
    assert levels == [
        ("buy", 30 * CENT, 3_000, 3_000),
        ("buy", 10 * CENT, 1_000, 0),
        ("sell", 20 * CENT, 3_000, 3_000),
    ]
    assert all(each["order_hashes"] == [] for each in shown["items"])
    assert all(each["own_offered_wh"] == 0 for each in shown["items"])
    mine = traders[2].get(f"{path}/book?product=0/0/0").json()["items"]
    assert [each["own_offered_wh"] for each in mine] == [0, 1_000, 0]
    assert [len(each["order_hashes"]) for each in mine] == [0, 1, 0]
    everything = operator.get(f"{path}/book?product=0/0/0").json()["items"]
    assert [len(each["order_hashes"]) for each in everything] == [1, 1, 1]


def test_a_book_and_its_curves_are_paged(client, path):
    for what, count in (("book", 3), ("curves", 3)):
        found, cursor = [], None
        while True:
            query = {"product": "0/0/0", "limit": 1} | ({"cursor": cursor} if cursor else {})
            answer = client.get(f"{path}/{what}", params=query).json()
            found += answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        assert found == client.get(f"{path}/{what}?product=0/0/0").json()["items"]
        assert len(found) == count
    wrong = client.get(f"{path}/book?product=0/0/0&cursor=nonsense")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_cursor")


def test_demand_and_supply_are_steps_that_meet_at_the_volume(client, path):
    shown = client.get(f"{path}/curves?product=0/0/0").json()
    assert [
        (each["side"], each["price_nano_per_kwh"], each["from_wh"], each["until_wh"])
        for each in shown["items"]
    ] == [
        ("buy", 30 * CENT, 0, 3_000),
        ("buy", 10 * CENT, 3_000, 4_000),
        ("sell", 20 * CENT, 0, 3_000),
    ]


def test_a_store_stands_in_both_its_slots_and_binds_where_it_is_full(
    client, traders, settled, path
):
    early = client.get(f"{path}/book?product=0/0/1").json()["items"]
    assert [(each["side"], each["implied"]) for each in early] == [("buy", True), ("sell", False)]
    said = client.get(f"{path}/constraints?product=0/0/2").json()
    assert said["connected"]
    (limit,) = said["binding"]
    assert (limit["kind"], limit["units"], limit["order_hash"]) == ("storage", 2_000, None)
    assert any("At its limit: storage" in sentence for sentence in said["sentences"])
    own = traders[3].get(f"{path}/constraints?product=0/0/2").json()
    assert own["binding"][0]["order_hash"] == settled[1]["store"]


def test_a_token_that_is_not_valid_is_refused_even_where_none_is_needed(client, path):
    answer = client.get(f"{path}/book?product=0/0/0", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_there_says_what_is(client, traders, settled, desk, path):
    unknown = client.get(f"{path}/book?product=1/0/0")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_product")
    assert "there is no carrier '1'; there are 0" in unknown.json()["detail"]
    late = client.get(f"{path}/curves?product=0/0/7")
    assert "slots 0 to 3, such as 0/0/0" in late.json()["detail"]
    assert client.get(f"{path}/book").status_code == 422
    nowhere = client.get(f"/markets/{desk.market}/rounds/999/book?product=0/0/0")
    assert (nowhere.status_code, nowhere.json()["detail"]) == (
        404,
        f"market {desk.market} has no round 999",
    )
    missing = traders[0].get(f"{path}/orders/0x{'00' * 32}/explanation")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_a_cancelled_order_hears_that_it_took_no_part(traders, settled, path):
    answer = traders[2].get(f"{path}/orders/{settled[1]['cancelled']}/explanation")
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
    assert "before the gate" in answer.json()["detail"]


def test_a_round_is_explained_once_it_is_cleared_and_its_book_once_it_is_settled(
    desk, platform, settled, client, traders, operator
):
    number = desk.open_round(gate_in=600)
    place = f"/markets/{desk.market}/rounds/{number}"
    bid = hash_of(desk.buy(1, number, 0, 1_000, 30 * CENT))
    desk.sell(0, number, 0, 1_000, 20 * CENT)
    for path in (f"/orders/{bid}/explanation", "/explanations", "/book?product=0/0/0"):
        early = traders[1].get(place + path)
        assert (early.status_code, early.json()["code"]) == (409, "not_cleared"), early.text
        assert "takes orders until" in early.json()["detail"]
    desk.close_gate(number)
    state = ""
    while state != "cleared":
        lifecycle.advance(platform, desk.market, number)
        settle(platform)
        with platform.transaction() as session:
            state = get_round(session, desk.market, number).state
        if state == "gate_closed":
            gated = client.get(f"{place}/book?product=0/0/0").json()
            assert "has closed its gate and is not cleared yet" in gated["detail"]
    assert traders[1].get(f"{place}/orders/{bid}/explanation").json()["reason"] == "filled"
    for wallet in (client, traders[1]):
        closed = wallet.get(f"{place}/curves?product=0/0/0")
        assert (closed.status_code, closed.json()["code"]) == (409, "not_settled")
    assert operator.get(f"{place}/curves?product=0/0/0").status_code == 200
    run_until_idle(platform)
    assert client.get(f"{place}/curves?product=0/0/0").status_code == 200
    other = traders[1].get(f"/markets/{desk.market}/rounds/{settled[0]}/orders/{bid}/explanation")
    assert other.status_code == 404
    assert f"but of round {number}" in other.json()["detail"]


def test_a_void_round_says_that_nothing_was_traded_and_what_to_do(desk, platform, traders):
    number = desk.open_round(gate_in=600)
    bid = hash_of(desk.buy(1, number, 0, 1_000, 30 * CENT))
    with platform.transaction() as session:
        gate_at = get_round(session, desk.market, number).gate_at
    desk.move_to(gate_at + 2 * 3_600)
    run_until_idle(platform)
    answer = traders[1].get(f"/markets/{desk.market}/rounds/{number}/orders/{bid}/explanation")
    assert (answer.status_code, answer.json()["code"]) == (409, "round_void")
    assert "sign your orders for a later round" in answer.json()["detail"]
