"""A compliance period over REST on a real chain: from a meter's reading to the settlement."""

from __future__ import annotations

import pytest
from eth_account import Account

from devnet import accounts
from devnet.roles import AuthorityRole
from tests.platform.green_power import (
    CERTIFICATES,
    DAY,
    ENERGY,
    WIND,
    WINDY,
    WORKING,
    ZONE,
    green_on,
    set_up,
)
from tests.platform.signing import send
from wattproof.accounts import service as ledger
from wattproof.certificates.ids import expiry_of
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle

OWED_A_DAY_WH = sum(WORKING) // 5
NOWHERE = "0x" + "00" * 19 + "01"


def refused(answer, status, code):
    """The sentence of a problem."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return body["detail"]


@pytest.fixture(scope="module")
def green(platform):
    """The people of the story, with markets, money and meters."""
    people = green_on(platform, (Account.create(), Account.create()))
    set_up(people)
    return people


@pytest.fixture(scope="module")
def wind(green, new_wallet):
    return new_wallet(bytes(green.wind.key))


@pytest.fixture(scope="module")
def works(green, new_wallet):
    return new_wallet(bytes(green.works.key))


@pytest.fixture(scope="module")
def government(green, new_wallet):
    """Who holds the government's role in the devnet."""
    return new_wallet(bytes(green.owner.key))


@pytest.fixture(scope="module")
def registrar(platform, new_wallet):
    """Who certifies devices."""
    return new_wallet(bytes(accounts.account(accounts.ISSUER).key))


@pytest.fixture(scope="module")
def certified(green, registrar, platform):
    """The first day for which the wind farm gets certificates."""
    period = green.today + 1
    send(
        registrar,
        platform,
        "/certificates/devices",
        kind="producer",
        device=green.wind_meter.address,
        technology=WIND,
        zone=ZONE,
        from_period=period,
    )
    return period


@pytest.fixture(scope="module")
def quota(green, government, works, platform):
    """A quota of two days that obliges the works, with a bond."""
    first = green.today + 8
    send(
        government,
        platform,
        "/quotas",
        market=ENERGY,
        carrier=0,
        first_period=first,
        periods=2,
        penalty_nano_per_kwh=150_000_000,
        bank_limit=500_000,
        bank_s=20 * DAY,
        surrender_by=(first + 12) * DAY,
        technologies=[WIND],
        beneficiary=government.address,
    )
    number = government.get("/quotas").json()["items"][-1]["quota"]
    obligation = {"account": works.address, "basis": "consumption", "ratio": 200_000}
    send(government, platform, f"/quotas/{number}/obligations", **obligation)
    send(works, platform, f"/quotas/{number}/bond", amount_micro=10_000_000)
    return number


@pytest.fixture(scope="module")
def issued(green, certified, platform):
    """Certificates of the first day, which is before the compliance period."""
    green.live_through(certified)
    green.make_final(certified)
    run_until_idle(platform)
    return certified


@pytest.fixture(scope="module")
def bought(green, wind, issued, platform):
    """The works bought 15 of the 27 kWh of the first day."""
    certificates = [
        {"batch": str(green.batch(issued, slot)), "amount_wh": -WINDY[slot]} for slot in (0, 1)
    ]
    place = {"market": CERTIFICATES, "slot": green.slot(issued)}
    send(wind, platform, "/certificates/offers", **place, certificates=certificates)
    green.trade(issued, 15_000)
    return issued


@pytest.fixture(scope="module")
def reported(green, quota, bought, platform, client):
    """Both days of the compliance period are reported."""
    first = client.get(f"/quotas/{quota}").json()["first_period"]
    for period in (first, first + 1):
        green.live_through(period)
    green.make_final(first + 1)
    run_until_idle(platform)
    return first


# -- certificates ----------------------------------------------------------------------------------


def test_what_a_meter_proved_is_held_and_can_be_traced_by_everybody(green, wind, issued, client):
    held = wind.get("/certificates/holdings").json()["items"]
    assert [each["held_wh"] for each in held] == [9_000, 12_000, 6_000]
    batch = held[1]["batch"]
    assert batch["batch"] == str(green.batch(issued, 1))

    trail = client.get(f"/certificates/batches/{batch['batch']}/provenance")
    assert trail.status_code == 200, trail.text
    found = trail.json()
    assert found["device"]["account"] == wind.address
    assert found["reading"] | {"values_hash": ""} == {
        "status": "Posted",
        "slot": 1,
        "value_wh": -12_000,
        "values_hash": "",
        "posted_in": found["reading"]["posted_in"],
        "resolved_in": None,
    }
    chain = green.platform.chain
    stored, *_ = chain.call("MeterRegistry", "reading", green.wind_meter.address, issued)
    assert found["reading"]["values_hash"] == "0x" + stored.hex()
    receipt = chain.request("eth_getTransactionReceipt", found["reading"]["posted_in"])
    assert receipt["to"] == chain.address("MeterRegistry").lower()
    receipt = chain.request("eth_getTransactionReceipt", found["issued_in"])
    assert receipt["to"] == chain.address("GreenCertificates").lower()
    assert found["also_from"] is None


def test_lists_are_paged_without_a_gap(client, wind, issued):
    seen: list[str] = []
    place: dict[str, int | str | None] = {"limit": 1}
    while "cursor" not in place or place["cursor"] is not None:
        page = client.get("/certificates/batches", params=place).json()
        seen += [each["batch"] for each in page["items"]]
        place["cursor"] = page["next_cursor"]
    whole = client.get("/certificates/batches").json()["items"]
    assert seen == [each["batch"] for each in whole]
    assert len(seen) == 3
    first = wind.get("/certificates/holdings", params={"limit": 2}).json()
    rest = wind.get("/certificates/holdings", params={"cursor": first["next_cursor"]}).json()
    assert len(first["items"]) + len(rest["items"]) == 3
    bad = client.get("/certificates/batches", params={"cursor": first["next_cursor"][:-2]})
    refused(bad, 422, "bad_cursor")


def test_a_certificate_outlives_its_vintage_by_540_days(wind, issued):
    batch = wind.get("/certificates/holdings").json()["items"][0]["batch"]
    vintage = batch["vintage"]
    second_before = str(expiry_of(vintage) - 1)
    assert vintage == issued * DAY // (30 * DAY)
    for moment, count in ((second_before, 0), (str(expiry_of(vintage)), 3)):
        found = wind.get("/certificates/holdings", params={"expires_by": moment}).json()
        assert len(found["items"]) == count


def test_what_was_sold_moves_with_the_money_and_is_traced_from_its_parcel(
    green, wind, works, bought, client
):
    held = works.get("/certificates/holdings").json()["items"]
    assert [each["held_wh"] for each in held] == [9_000, 6_000]
    place = f"/certificates/pools/{CERTIFICATES}/{green.slot(bought)}/positions"
    pieces = client.get(place, params={"start": 8_000, "length": 3_000}).json()["items"]
    assert [(each["batch"]["batch"], each["amount_wh"]) for each in pieces] == [
        (str(green.batch(bought, 0)), 1_000),
        (str(green.batch(bought, 1)), 2_000),
    ]
    (traded,) = client.get("/certificates/classes").json()["items"]
    assert (traded["market"], traded["technology"], traded["zone"]) == (CERTIFICATES, WIND, ZONE)
    (pool,) = traded["pools"]
    assert (pool["head"], pool["tail"], pool["for_sale_wh"]) == (15_000, 21_000, 6_000)
    (own,) = wind.get("/certificates/me").json()["places"]
    assert (own["offered_wh"], own["uncollected_wh"]) == (6_000, 0)
    beyond = client.get(place, params={"start": 20_000, "length": 2_000})
    assert "positions 0 to 21000" in refused(beyond, 422, "no_place")


def test_what_is_offered_can_be_recalled(green, wind, bought, platform):
    place = {"market": CERTIFICATES, "slot": green.slot(bought)}
    early = wind.post("/certificates/offers/recall/complete", json=place)
    assert "announce it first" in refused(early, 409, "no_recall")
    send(wind, platform, "/certificates/offers/recall", **place, amount_wh=2_000)
    again = wind.post("/certificates/offers/recall", json=place | {"amount_wh": 1})
    assert "complete the recall first" in refused(again, 409, "recall_pending")
    before = _held(wind)
    send(wind, platform, "/certificates/offers/recall/complete", **place)
    run_until_idle(platform)
    assert _held(wind) - before == 2_000
    (own,) = wind.get("/certificates/me").json()["places"]
    assert (own["offered_wh"], own["uncollected_wh"], own["recall_round"]) == (4_000, 0, None)


def _held(wallet):
    return sum(each["held_wh"] for each in wallet.get("/certificates/holdings").json()["items"])


def test_retired_certificates_are_claimed_and_never_move_again(green, wind, bought, platform):
    batch = str(green.batch(bought, 3))
    certificates = [{"batch": batch, "amount_wh": 2_500}]
    purpose = "trial run of the turbine"
    send(wind, platform, "/certificates/retirements", certificates=certificates, purpose=purpose)
    found = wind.client.get("/certificates/claims", params={"beneficiary": wind.address}).json()
    (claim,) = found["items"]
    assert (claim["batch"], claim["amount_wh"]) == (batch, 2_500)
    assert (claim["purpose"], claim["technology"]) == (purpose, WIND)
    stands = wind.client.get(f"/certificates/batches/{batch}").json()
    assert (stands["issued_wh"], stands["retired_wh"]) == (6_000, 2_500)


def test_certificates_are_handed_over(green, wind, works, bought, platform):
    batch = str(green.batch(bought, 3))
    certificates = [{"batch": batch, "amount_wh": 500}]
    send(wind, platform, "/certificates/transfers", to=works.address, certificates=certificates)
    held = {
        each["batch"]["batch"]: each["held_wh"]
        for each in works.get("/certificates/holdings").json()["items"]
    }
    assert held[batch] == 500


def test_certificates_are_named_by_amount_the_oldest_first(green, wind, bought):
    found = wind.get("/certificates/selection", params={"amount_wh": 10**9}).json()
    assert found["amount_wh"] == _held(wind)
    assert found["lacking_wh"] == 10**9 - found["amount_wh"]
    some = wind.get("/certificates/selection", params={"amount_wh": 100}).json()
    assert [each["amount_wh"] for each in some["certificates"]] == [100]
    assert some["certificates"][0]["batch"] == found["certificates"][0]["batch"]
    none = wind.get("/certificates/selection", params={"amount_wh": 1, "technology": 9}).json()
    assert (none["certificates"], none["lacking_wh"]) == ([], 1)


# -- quotas ----------------------------------------------------------------------------------------


def test_compliance_is_open_to_everybody(client, works, quota, reported):
    (stands,) = client.get(f"/quotas/{quota}/compliance").json()["items"]
    assert (stands["account"], stands["standing"]) == (works.address, "short")
    assert (stands["energy_wh"], stands["owed_wh"]) == (2 * sum(WORKING), 2 * OWED_A_DAY_WH)
    assert (stands["left_wh"], stands["bank_left_wh"]) == (2 * OWED_A_DAY_WH, OWED_A_DAY_WH)
    detail = client.get(f"/quotas/{quota}/compliance/{works.address}").json()
    assert [each["energy_wh"] for each in detail["reports"]] == [sum(WORKING)] * 2
    assert works.get("/quotas/me").json()["items"] == [stands]


def test_surrendering_takes_banked_certificates_up_to_their_limit(
    green, works, quota, bought, reported, platform
):
    suggested = works.get(f"/quotas/{quota}/suggestion").json()
    assert [(c["amount_wh"], c["banked"]) for c in suggested["certificates"]] == [
        (9_000, True),
        (3_000, True),
    ]
    assert suggested["lacking_wh"] == OWED_A_DAY_WH

    made = works.post(f"/quotas/{quota}/surrender", json={}).json()["transactions"]
    assert [each["title"] for each in made] == ["approve", "surrender certificates"]
    send(works, platform, f"/quotas/{quota}/surrender")
    assert works.get("/certificates/me").json()["quotas_approved"] is True
    stands = works.get(f"/quotas/{quota}/compliance/{works.address}").json()
    assert (stands["surrendered_wh"], stands["banked_wh"]) == (12_000, 12_000)
    assert (stands["left_wh"], stands["bank_left_wh"]) == (12_000, 0)

    given = works.get(f"/quotas/{quota}/compliance/{works.address}/surrenders").json()["items"]
    assert [(each["amount_wh"], each["banked"]) for each in given] == [
        (9_000, True),
        (3_000, True),
    ]
    nothing = works.post(f"/quotas/{quota}/surrender", json={})
    assert "collect what you bought, or buy some" in refused(nothing, 409, "no_certificates")

    banked = {"certificates": [{"batch": str(green.batch(bought, 1)), "amount_wh": 1}]}
    beyond = works.post(f"/quotas/{quota}/surrender", json=banked)
    assert "surrender younger ones" in refused(beyond, 409, "beyond_bank_limit")


def test_certificates_of_the_period_meet_the_rest_and_the_platform_settles(
    green, works, wind, quota, reported, platform
):
    batch = str(green.batch(reported, 1))
    certificates = [{"batch": batch, "amount_wh": 11_000}]
    send(wind, platform, "/certificates/transfers", to=works.address, certificates=certificates)
    send(works, platform, f"/quotas/{quota}/surrender")
    stands = works.get(f"/quotas/{quota}/compliance/{works.address}").json()
    assert (stands["surrendered_wh"], stands["left_wh"]) == (23_000, 1_000)
    early = works.post(f"/quotas/{quota}/compliance/{works.address}/settlement")
    assert "last second for surrendering" in refused(early, 409, "too_early")

    terms = works.get(f"/quotas/{quota}").json()
    platform.clock.advance_to(terms["surrender_by"] + 60)
    run_until_idle(platform)
    (stands,) = works.client.get(f"/quotas/{quota}/compliance").json()["items"]
    assert (stands["standing"], stands["left_wh"]) == ("in_default", 1_000)
    assert (stands["penalty_paid_micro"], stands["bond_micro"]) == (150_000, 0)
    late = works.post(f"/quotas/{quota}/bond", json={"amount_micro": 1})
    refused(late, 409, "settled")
    late = works.post(
        f"/quotas/{quota}/surrender",
        json={"certificates": [{"batch": batch, "amount_wh": 1}]},
    )
    assert "penalised at settlement" in refused(late, 409, "too_late")


# -- what is refused, and what to do ---------------------------------------------------------------


def _named(batch, amount_wh=1):
    return {"certificates": [{"batch": str(batch), "amount_wh": amount_wh}]}


def test_unknown_certificates_are_named(green, works, issued, client):
    unknown = green.batch(issued, 2)
    for path, more in (
        ("transfers", {"to": NOWHERE}),
        ("retirements", {"purpose": "nothing"}),
        ("offers", {"market": CERTIFICATES, "slot": green.slot(issued)}),
    ):
        answer = works.post(f"/certificates/{path}", json=_named(unknown) | more)
        detail = refused(answer, 404, "unknown_certificate")
        assert str(unknown) in detail
        assert "GET /certificates/holdings lists yours" in detail
    assert refused(client.get(f"/certificates/batches/{unknown}"), 404, "unknown_certificate")
    for place in (
        "/certificates/devices/" + NOWHERE,
        "/quotas/99",
        "/certificates/pools/1/1/positions?start=0&length=1",
    ):
        assert "GET /" in refused(client.get(place), 404, "not_found")


def test_an_id_that_none_can_have_is_refused_as_input(works):
    for batch in ("0", "-1", "1e3", str(1 << 216), "9" * 67):
        answer = works.post("/certificates/transfers", json=_named(batch) | {"to": NOWHERE})
        refused(answer, 422, "invalid")


def test_more_than_is_held_says_how_much_is(green, works, bought):
    batch = green.batch(bought, 0)
    answer = works.post("/certificates/transfers", json=_named(batch, 10**9) | {"to": NOWHERE})
    detail = refused(answer, 409, "beyond_holding")
    assert f"{works.address.lower()}" in detail.lower()
    assert "name at most what is held" in detail


def test_what_the_market_does_not_trade_is_not_offered(green, wind, works, bought):
    batch = green.batch(bought, 3)
    place = {"market": CERTIFICATES, "slot": green.slot(bought) + 1}
    other = wind.post("/certificates/offers", json=_named(batch) | place)
    assert "its slot is 18 more than the vintage" in refused(other, 409, "other_class")
    place = {"market": ENERGY, "slot": green.slot(bought)}
    none = wind.post("/certificates/offers", json=_named(batch) | place)
    assert "markets that trade certificates" in refused(none, 409, "other_class")
    place = {"market": CERTIFICATES, "slot": green.slot(bought)}
    nothing = works.post("/certificates/collections", json=place)
    assert "GET /certificates/me" in refused(nothing, 409, "nothing_to_collect")


def test_nothing_is_offered_while_a_round_is_being_settled(green, wind, bought, platform):
    number = green.open_round(green.slot(bought))
    with platform.transaction() as session:
        gate_at = get_round(session, CERTIFICATES, number).gate_at
    platform.clock.advance_to(gate_at)
    place = {"market": CERTIFICATES, "slot": green.slot(bought)}
    frozen = wind.post("/certificates/offers", json=_named(green.batch(bought, 3)) | place)
    assert "send it again when that is over" in refused(frozen, 409, "frozen")
    run_until_idle(platform)
    again = wind.post("/certificates/offers", json=_named(green.batch(bought, 3)) | place)
    assert again.status_code == 200, again.text


def test_one_sees_ones_own_holdings_and_an_operator_everybodys(works, wind, new_wallet, platform):
    asked = {"account": wind.address}
    refused(works.get("/certificates/holdings", params=asked), 403, "not_yours")
    operator = new_wallet(
        bytes(accounts.account(accounts.OPERATOR).key), ("participant", "operator")
    )
    own = wind.get("/certificates/holdings").json()
    assert operator.get("/certificates/holdings", params=asked).json() == own
    assert works.client.get("/certificates/holdings").status_code == 401


def test_what_needs_a_role_is_refused_without_it(green, works, wind, quota, certified):
    device = {"device": green.works_meter.address, "zone": 0, "from_period": green.today + 2}
    answers = [
        works.post("/certificates/devices", json=device | {"kind": "producer", "technology": 1}),
        works.post(
            f"/certificates/devices/{green.wind_meter.address}/withdrawal",
            json={"until_period": green.today + 2},
        ),
        works.post("/certificates/classes", json={"market": 2, "technology": 1, "zone": 0}),
        works.post(
            f"/quotas/{quota}/obligations",
            json={"account": wind.address, "basis": "generation", "ratio": 1},
        ),
    ]
    for answer in answers:
        assert "no role" in refused(answer, 403, "no_role")


def test_a_registrar_learns_what_is_wrong_with_a_device(green, registrar, issued):
    meter = {"kind": "producer", "technology": 1, "zone": 0, "from_period": green.today + 2}
    known = registrar.post(
        "/certificates/devices", json=meter | {"device": green.wind_meter.address}
    )
    assert "certified once" in refused(known, 409, "known")
    unknown = registrar.post("/certificates/devices", json=meter | {"device": NOWHERE})
    assert "POST /devices registers one" in refused(unknown, 409, "unknown_device")
    began = registrar.post(
        "/certificates/devices",
        json=meter | {"device": green.works_meter.address, "from_period": green.today},
    )
    assert "name a period that has not begun" in refused(began, 409, "too_late")
    place = f"/certificates/devices/{green.wind_meter.address}/issues"
    nothing = registrar.post(place, json={"period": issued})
    assert "was not issued before" in refused(nothing, 409, "nothing_to_issue")
    slots = registrar.post(place, json={"period": issued, "first_slot": 4})
    assert "slots of a period" in refused(slots, 409, "bad_slots")
    early = registrar.post(place, json={"period": green.today})
    assert "can still change" in refused(early, 409, "reading_not_final")


def test_a_government_with_a_delay_announces_first(green, government, new_wallet, platform):
    minister = Account.create()
    delay = 3_600
    grant = int(AuthorityRole.GOVERNMENT), minister.address, delay
    green.send(green.owner, "Authority", "grantRole", *grant)
    with platform.transaction() as session:
        ledger.send_gas(platform, session, [minister.address])
    run_until_idle(platform)
    wallet = new_wallet(bytes(minister.key))
    first = green.today + 10
    terms = {
        "market": ENERGY,
        "carrier": 0,
        "first_period": first,
        "periods": 1,
        "penalty_nano_per_kwh": 1,
        "bank_limit": 0,
        "bank_s": 0,
        "surrender_by": (first + 12) * DAY,
        "technologies": [1, 255],
        "beneficiary": wallet.address,
    }
    announced = send(wallet, platform, "/quotas", **terms)
    assert announced["transactions"][0]["title"] == "announce to open the quota"
    assert announced["callable_at"] is not None
    early = wallet.post("/quotas", json=terms)
    assert "was announced; ask again from" in refused(early, 409, "too_early")
    before = len(wallet.get("/quotas").json()["items"])
    platform.clock.advance_to(platform.clock.now() + delay + 60)
    opened = send(wallet, platform, "/quotas", **terms)
    assert opened["callable_at"] is None
    quotas = wallet.get("/quotas").json()["items"]
    assert len(quotas) == before + 1
    assert (quotas[-1]["technologies"], quotas[-1]["ends_at"]) == ([1, 255], (first + 1) * DAY)


def test_terms_that_no_quota_can_have_say_which(green, government):
    first = green.today + 10
    terms = {
        "market": ENERGY,
        "carrier": 0,
        "first_period": first,
        "periods": 1,
        "penalty_nano_per_kwh": 1,
        "bank_limit": 0,
        "bank_s": 0,
        "surrender_by": (first + 12) * DAY,
        "technologies": [1],
        "beneficiary": government.address,
    }
    soon = government.post("/quotas", json=terms | {"surrender_by": (first + 2) * DAY})
    assert "leave a day after the last reading is final" in refused(soon, 409, "bad_terms")
    late = government.post("/quotas", json=terms | {"first_period": green.today + 2})
    assert "a week before" in refused(late, 409, "too_late")
    for change in ({"periods": 401}, {"technologies": [0]}, {"bank_limit": 10**6 + 1}):
        refused(government.post("/quotas", json=terms | change), 422, "invalid")


def test_only_the_obliged_surrender(green, wind, works, quota, bought):
    answer = wind.post(f"/quotas/{quota}/surrender", json={})
    assert "/compliance lists whom it does" in refused(answer, 404, "not_obliged")
    refused(wind.post(f"/quotas/{quota}/bond", json={"amount_micro": 1}), 404, "not_obliged")
    for path in (f"/quotas/{quota}/compliance/{wind.address}", "/quotas/77/compliance"):
        assert works.client.get(path).status_code == 404


def test_expired_certificates_can_only_be_taken_out(green, wind, works, bought, platform):
    """The last of all: it lets years pass."""
    batch = green.batch(bought, 3)
    early = wind.post("/certificates/expiry", json={"batches": [str(batch)]})
    assert "wait until then" in refused(early, 409, "not_expired")
    platform.clock.advance_to(expiry_of(bought * DAY // (30 * DAY)) + 60)
    run_until_idle(platform)
    for path, more in (("transfers", {"to": works.address}), ("retirements", {"purpose": "late"})):
        answer = wind.post(f"/certificates/{path}", json=_named(batch) | more)
        assert "POST /certificates/expiry" in refused(answer, 409, "expired")
    send(works, platform, "/certificates/expiry", holder=wind.address, batches=[str(batch)])
    stands = wind.client.get(f"/certificates/batches/{batch}").json()
    held = stands["issued_wh"] - stands["retired_wh"] - stands["expired_wh"]
    assert (stands["expired_wh"], held) == (3_000, 500)
