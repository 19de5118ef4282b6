"""A mall earns credits and answers an event over REST, on a real chain, with its meter alone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from eth_account import Account
from sqlalchemy import func
from sqlmodel import select

from devnet import accounts as development
from market.rules import MarketRules
from tests.platform.signing import send
from wattproof import audit
from wattproof.meters import service as meters
from wattproof.meters.models import ReadingRow
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

DAY = 86_400
SLOTS = 96
RULES = MarketRules(1, 1, 900, SLOTS, 3 * 10**9, 5 * 10**8, 2_000, 2_000, 0, 0)
TOKENS = replace(
    RULES, slot_seconds=DAY, period_slots=1, imbalance_cap=0, tokenised=True, settle_window=3_600
)
METER = Account.create()
USUAL_WH = 10_000
WINDOW = range(60, 68)
CAP_WH = 30_000
RULE = {
    "kind": 0,
    "day_mask": 127,
    "adjust_lead": 12,
    "adjust_slots": 8,
    "adjust_cap_bp": 2_000,
}
REDEMPTION = 200_000_000


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def post_day(platform, period, values):
    taken = meters.Readings(METER.address, 1, period, tuple(values))
    signature = taken.sign(meters.domain(platform), bytes(METER.key))
    with platform.transaction() as session:
        meters.post_readings(platform, session, taken, signature)
    run_until_idle(platform)


def today(platform):
    return platform.clock.now() // DAY


@pytest.fixture(scope="module")
def owner(new_wallet, platform):
    """Who holds every role of the devnet: issuer of credits, owner of programmes."""
    wallet = new_wallet(bytes(development.account(development.DEPLOYER).key))
    answer = wallet.post("/accounts/faucet", json={"amount_micro": 90_000_000}, headers=key())
    assert answer.status_code == 202
    run_until_idle(platform)
    return wallet


@pytest.fixture(scope="module")
def mall(platform, new_wallet):
    """A funded participant with a meter and eleven ordinary days behind it."""
    wallet = new_wallet()
    with platform.transaction() as session:
        rounds.create_market(platform, session, "mall energy", RULES)
        rounds.create_market(platform, session, "credits", TOKENS, capacity_source="EnergyCredits")
    run_until_idle(platform)
    answer = wallet.post("/accounts/faucet", json={"amount_micro": 90_000_000}, headers=key())
    assert answer.status_code == 202
    with platform.transaction() as session:
        meters.register_device(
            platform,
            session,
            device=METER.address,
            market=1,
            account=wallet.address,
            carrier=0,
            capacity_w=80_000,
        )
    run_until_idle(platform)
    first = today(platform)
    for period in range(first, first + 11):
        platform.clock.advance_to((period + 1) * DAY + 60)
        post_day(platform, period, [USUAL_WH] * SLOTS)
    return wallet


@pytest.fixture(scope="module")
def series(owner, mall, platform):
    """A funded series that outlives its claims."""
    expiry = (today(platform) + 60) * DAY
    send(
        owner,
        platform,
        "/credits/series",
        expiry=expiry,
        market=1,
        carrier=0,
        redemption_nano_per_kwh=REDEMPTION,
        rule=RULE,
    )
    found = owner.get("/credits/series").json()["items"][-1]
    assert (found["issuer"], found["expiry"]) == (owner.address, expiry)
    send(owner, platform, f"/credits/series/{found['series']}/fund", amount_micro=20_000_000)
    return found["series"]


def live_until(platform, period, less_wh):
    """Post the ordinary days still missing and a day with less in the window; all become final."""
    with platform.transaction() as session:
        posted = session.exec(select(func.max(ReadingRow.period))).one()
    for day in range(posted + 1, period + 1):
        platform.clock.advance_to(max((day + 1) * DAY + 60, platform.clock.now()))
        values = [USUAL_WH] * SLOTS
        if day == period:
            values[WINDOW.start : WINDOW.stop] = [USUAL_WH - less_wh] * len(WINDOW)
        post_day(platform, day, values)
    platform.clock.advance_to((period + 1) * DAY + DAY + 120)
    run_until_idle(platform)


def test_a_measured_reduction_becomes_credits_that_are_redeemed(owner, mall, series, platform):
    period = today(platform) + 1
    send(
        owner,
        platform,
        f"/credits/series/{series}/windows",
        period=period,
        first_slot=WINDOW.start,
        slots=len(WINDOW),
        budget_wh=50_000,
    )
    window = owner.get(f"/credits/series/{series}/windows").json()["items"][-1]["window"]
    since = period - 12
    preview = f"/credits/windows/{window}/preview"
    shown = mall.get(preview, params={"since": since}).json()
    assert shown["periods"] == list(range(period - 1, period - 11, -1))
    # Today has no reading yet and counts nothing so far.
    assert shown["mean_wh"] == [USUAL_WH * 9 // 10] * SLOTS
    refused = mall.get(preview, params={"since": period - 5})
    assert refused.status_code == 409
    assert "needs 10 days and 5 of the 45 before it count" in refused.json()["detail"]
    send(mall, platform, f"/credits/windows/{window}/join", cap_wh=CAP_WH, since=since)

    live_until(platform, period, less_wh=3_000)

    part = mall.get(f"/credits/windows/{window}").json()["parts"][0]
    assert part["issued_wh"] == 8 * 3_000
    assert mall.get("/credits/me").json()["items"] == [
        {"series": series, "held_wh": 24_000, "offered_wh": {}}
    ]

    before = mall.get("/accounts/me").json()["wallet_micro"]
    send(mall, platform, f"/credits/series/{series}/redeem", amount_wh=10_000)
    gained = mall.get("/accounts/me").json()["wallet_micro"] - before
    assert gained == 10_000 * REDEMPTION // 10**6

    send(mall, platform, f"/credits/series/{series}/spend", amount_wh=4_000, market=1)
    balances = mall.get("/accounts/me").json()["markets"]
    assert {b["market"]: b["margin_micro"] for b in balances}[1] == 4_000 * REDEMPTION // 10**6
    assert mall.get("/credits/me").json()["items"][0]["held_wh"] == 10_000


def test_what_a_contract_would_refuse_is_refused_with_its_reason(mall, series, platform):
    refused = mall.post(f"/credits/series/{series}/redeem", json={"amount_wh": 10**9})
    assert refused.status_code == 409
    assert "InsufficientBalance" in refused.json()["detail"]
    refused = mall.post(f"/credits/series/{series}/defund", json={"amount_micro": 1})
    assert "NotIssuer" in refused.json()["detail"]
    assert mall.get("/credits/series/123").status_code == 404
    assert mall.get("/credits/windows/99").status_code == 404


@pytest.fixture(scope="module")
def programme(owner, mall, platform):
    """A funded programme that asks for less, in which the mall is enrolled."""
    send(
        owner,
        platform,
        "/flexibility/programmes",
        market=1,
        carrier=0,
        direction=0,
        tolerance_bp=1_000,
        max_event_slots=16,
        notice_s=7_200,
        refusal_lead_s=3_600,
        dispute_window_s=DAY,
        incentive_nano_per_kwh=500_000_000,
        penalty_nano_per_kwh=300_000_000,
        rule=RULE,
    )
    found = owner.get("/flexibility/programmes").json()["items"][-1]
    assert found["owner"] == owner.address
    number = found["programme"]
    send(owner, platform, f"/flexibility/programmes/{number}/fund", amount_micro=30_000_000)
    send(
        mall,
        platform,
        f"/flexibility/programmes/{number}/enrol",
        capacity_w=20_000,
        since=today(platform) - 20,
    )
    return number


def event(owner, platform, programme, period):
    send(
        owner,
        platform,
        f"/flexibility/programmes/{programme}/events",
        period=period,
        first_slot=WINDOW.start,
        slots=len(WINDOW),
    )
    return owner.get(f"/flexibility/programmes/{programme}/events").json()["items"][-1]["event"]


def test_who_delivers_half_is_paid_for_it_and_pays_for_the_rest(owner, mall, programme, platform):
    period = today(platform) + 1
    number = event(owner, platform, programme, period)
    send(owner, platform, f"/flexibility/events/{number}/parts/{mall.address}", target_w=8_000)
    live_until(platform, period, less_wh=1_000)
    (part,) = mall.get(f"/flexibility/events/{number}").json()["parts"]
    assert part["status"] == "reported"
    assert part["performance_wh"] == 8_000
    free = mall.get("/accounts/me").json()["free_micro"]
    platform.clock.advance_to(platform.clock.now() + DAY + 60)
    run_until_idle(platform)
    (part,) = mall.get("/flexibility/me").json()["items"]
    # 16 kWh were asked for, 14.4 after the tolerance; 8 came: 6.4 kWh are punished.
    assert part == {
        "event": number,
        "account": mall.address,
        "status": "settled",
        "target_w": 8_000,
        "performance_wh": 8_000,
        "incentive_micro": 8_000 * 500,
        "penalty_micro": 6_400 * 300,
        "changed_at": part["changed_at"],
    }
    assert mall.get("/accounts/me").json()["free_micro"] - free == 8_000 * 500
    (enrolment,) = mall.get(f"/flexibility/programmes/{programme}/enrolments").json()["items"]
    assert enrolment["open_events"] == 0


def test_an_instruction_can_be_refused_while_there_is_time(owner, mall, programme, platform):
    number = event(owner, platform, programme, today(platform) + 2)
    send(owner, platform, f"/flexibility/events/{number}/parts/{mall.address}", target_w=4_000)
    preview = f"/flexibility/events/{number}/preview"
    shown = owner.get(preview, params={"account": mall.address}).json()
    assert shown == mall.get(preview).json()
    assert len(shown["periods"]) == 10
    refused = mall.get(preview, params={"account": owner.address})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours")
    assert owner.get(preview).status_code == 404
    send(mall, platform, f"/flexibility/events/{number}/refuse")
    (part,) = mall.get(f"/flexibility/events/{number}").json()["parts"]
    assert part["status"] == "refused"


def test_programmes_and_events_travel_as_openadr_documents(owner, mall, programme, platform):
    (program,) = mall.get("/openadr3/programs").json()
    assert program["id"] == f"programme-{programme}"
    assert mall.get(f"/openadr3/programs/{program['id']}").json() == program
    assert mall.get("/openadr3/programs/programme-99").status_code == 404

    send(owner, platform, "/flexibility/programmes/openadr?market=1", **without_id(program))
    twin = owner.get("/flexibility/programmes").json()["items"][-1]
    original = owner.get(f"/flexibility/programmes/{programme}").json()
    for field in ("rule", "notice_s", "incentive_nano_per_kwh", "penalty_nano_per_kwh"):
        assert twin[field] == original[field]

    number = event(owner, platform, programme, today(platform) + 3)
    send(owner, platform, f"/flexibility/events/{number}/parts/{mall.address}", target_w=5_000)
    documents = mall.get(f"/openadr3/events?programID={program['id']}").json()
    document = next(each for each in documents if each["id"] == f"event-{number}-5000")
    assert mall.get(f"/openadr3/events/{document['id']}").json() == document
    later = without_id(document)
    start = datetime.fromisoformat(later["intervalPeriod"]["start"]) + timedelta(days=1)
    later["intervalPeriod"]["start"] = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/flexibility/programmes/{programme}/events/openadr"
    made = owner.post(path, json=[later])
    assert made.status_code == 200, made.text
    titles = [item["title"] for item in made.json()["transactions"]]
    assert titles == ["call the event", "instruct the account"]


def without_id(document):
    return {name: value for name, value in document.items() if name != "id"}


def test_an_openadr_document_that_cannot_be_carried_out_names_the_place(owner, programme):
    (program, *_) = owner.get("/openadr3/programs").json()
    broken = without_id(program) | {"programType": "PRICING"}
    refused = owner.post("/flexibility/programmes/openadr?market=1", json=broken)
    assert refused.status_code == 422
    assert "$.programType" in refused.json()["detail"]


def test_others_see_neither_parts_nor_enrolments(new_wallet, programme, platform):
    stranger = new_wallet()
    assert stranger.get(f"/flexibility/programmes/{programme}/enrolments").json()["items"] == []
    assert stranger.get("/flexibility/events/1").json()["parts"] == []
    refused = stranger.post(f"/flexibility/programmes/{programme}/leave")
    assert refused.status_code == 404


def test_the_chain_alone_tells_the_same_story(platform, mall, programme):
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    for view in ("EnergyCredits.seriesOf", "DemandResponse.participationOf", "Deviations.taken"):
        assert report.checked[view] > 0
