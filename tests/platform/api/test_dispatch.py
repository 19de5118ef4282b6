"""A plan's whole way over REST: the dispatcher's desk, the participant's answer, strangers."""

from __future__ import annotations

import json

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from market.dispatch import DispatchPlan, PlanBinding, plan_hash
from market.ev_battery.rules import RULES
from wattproof.accounts import service as accounts
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

DEAR = 40


@pytest.fixture(scope="module")
def market(platform):
    with platform.transaction() as session:
        rounds.create_market(platform, session, "ev_battery", RULES)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "ev_battery")
    assert row is not None
    return row.market


@pytest.fixture(scope="module")
def new_dispatcher(platform, new_wallet):
    """Somebody who holds the role on-chain and signs in for it."""

    def make():
        account = Account.create()
        with platform.transaction() as session:
            accounts.register(platform, session, str(account.address), "dispatcher")
        run_until_idle(platform)
        return new_wallet(bytes(account.key), ("participant", "dispatcher"))

    return make


@pytest.fixture(scope="module")
def dispatcher(new_dispatcher):
    return new_dispatcher()


@pytest.fixture
def participant(new_wallet):
    return new_wallet()


@pytest.fixture
def day(platform):
    return platform.clock.now() // 86_400 + 1


@pytest.fixture
def proposed(dispatcher, participant, market, day, fleet_inputs):
    answer = dispatcher.post(
        "/dispatch/plans",
        json={
            "market": market,
            "period": day,
            "participant": participant.address,
            "inputs": fleet_inputs(day),
        },
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def _approve(dispatcher, plan, reason="fits the forecast"):
    path = f"/dispatch/plans/{plan['id']}/approval"
    asked = dispatcher.get(path, params={"reason": reason})
    assert asked.status_code == 200, asked.text
    template = asked.json()
    signed = Account.sign_message(
        encode_typed_data(full_message=template["typed_data"]), dispatcher.account.key
    )
    return dispatcher.post(
        path,
        json={
            "version": template["version"],
            "reason": template["reason"],
            "approved_at": template["approved_at"],
            "signature": "0x" + bytes(signed.signature).hex(),
        },
    )


def _ok(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_whole_way_from_proposal_to_acknowledgement(dispatcher, participant, proposed, day):
    path = f"/dispatch/plans/{proposed['id']}"
    assert proposed["state"] == "proposed"
    assert proposed["first_slot"] == day * 96
    edited = _ok(
        dispatcher.post(
            f"{path}/edits",
            json={
                "version": proposed["version"],
                "fix": [{"line": "ada", "slot": DEAR, "value_w": 6_000}],
                "reason": "a school trip",
            },
        )
    )
    assert edited["state"] == "edited"
    solved = _ok(dispatcher.post(f"{path}/solution", json={"version": edited["version"]}))
    assert solved["lines"]["ada"][DEAR] == 6_000
    change = _ok(dispatcher.get(f"{path}/difference"))
    by_name = {each["name"]: each for each in change["indicators"]}
    assert by_name["cost"]["change"] > 0
    assert by_name["cost"]["better"] is False
    assert {"cost", "peak", "comfort"} <= by_name.keys()
    approved = _ok(_approve(dispatcher, solved))
    assert participant.get(path).status_code == 404  # not sent yet
    sent = _ok(dispatcher.post(f"{path}/instruction", json={"version": approved["version"]}))
    (told,) = _ok(participant.get("/dispatch/instructions"))["items"]
    assert (told["id"], told["state"]) == (proposed["id"], "sent")
    agreed = _ok(
        participant.post(
            f"/dispatch/instructions/{proposed['id']}/acknowledgement",
            json={"version": sent["version"]},
        )
    )
    assert agreed["state"] == "acknowledged"
    steps = _ok(participant.get(f"{path}/steps"))["items"]
    assert [step["action"] for step in steps] == [
        "propose",
        "edit",
        "solve",
        "approve",
        "send",
        "acknowledge",
    ]
    assert [step["previous"] for step in steps[1:]] == [step["hash"] for step in steps[:-1]]


def test_the_participant_can_check_the_approval_by_itself(
    dispatcher, participant, proposed, platform
):
    approved = _ok(_approve(dispatcher, proposed))
    path = f"/dispatch/plans/{proposed['id']}"
    _ok(dispatcher.post(f"{path}/instruction", json={"version": approved["version"]}))
    told = _ok(participant.get(path))
    plan = DispatchPlan.from_document(told["document"])
    binding = PlanBinding(
        platform.domain,
        told["market"],
        told["period"],
        participant.address,
        bytes.fromhex(told["inputs"][2:]),
    )
    assert "0x" + plan_hash(binding, plan).hex() == told["plan"] == told["approval"]["plan"]
    text = _ok(participant.get(f"{path}/documents/{told['inputs']}"))["content"]
    assert json.loads(text)["vehicles"]["owner_ids"] == ["ada", "bob", "cem"]


def test_a_plan_is_for_dispatchers_alone(participant, proposed, market, day):
    path = f"/dispatch/plans/{proposed['id']}"
    version = {"version": 1}
    refused = [
        participant.post(f"{path}/edits", json=version | {"fix": []}),
        participant.post(f"{path}/solution", json=version),
        participant.post(f"{path}/instruction", json=version),
        participant.get(f"{path}/approval", params={"reason": "mine"}),
        participant.get("/dispatch/plans"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5


def test_nobody_else_sees_or_answers_an_instruction(dispatcher, new_wallet, proposed):
    approved = _ok(_approve(dispatcher, proposed))
    path = f"/dispatch/plans/{proposed['id']}"
    sent = _ok(dispatcher.post(f"{path}/instruction", json={"version": approved["version"]}))
    stranger = new_wallet()
    body = {"version": sent["version"]}
    own = f"/dispatch/instructions/{proposed['id']}"
    assert stranger.get(path).status_code == 404
    assert stranger.get("/dispatch/instructions").json()["items"] == []
    assert stranger.post(f"{own}/acknowledgement", json=body).status_code == 404
    assert stranger.post(f"{own}/refusal", json=body | {"reason": "no"}).status_code == 404


def test_two_dispatchers_do_not_overwrite_each_other(dispatcher, new_dispatcher, proposed):
    path = f"/dispatch/plans/{proposed['id']}/edits"
    edit = {"version": 1, "fix": [{"line": "ada", "slot": DEAR, "value_w": 6_000}]}
    _ok(dispatcher.post(path, json=edit))
    late = new_dispatcher().post(
        path, json={"version": 1, "fix": [{"line": "ada", "slot": DEAR, "value_w": 9_000}]}
    )
    assert late.status_code == 409
    problem = late.json()
    assert problem["code"] == "version"
    assert problem["errors"] == [{"field": "steps.2", "message": "edit: ada[40] = 6000 W"}]


def test_edits_in_conflict_are_named_in_the_problem(dispatcher, proposed):
    path = f"/dispatch/plans/{proposed['id']}"
    edited = _ok(
        dispatcher.post(
            f"{path}/edits",
            json={
                "version": 1,
                "fix": [
                    {"line": "ada", "slot": DEAR, "value_w": 6_000},
                    {"line": "bob", "slot": DEAR, "value_w": 50_000},
                ],
            },
        )
    )
    answer = dispatcher.post(f"{path}/solution", json={"version": edited["version"]})
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "infeasible"
    assert [error["field"] for error in problem["errors"]] == ["bob[40]"]
    assert "bob[40] = 50000 W" in problem["detail"]


@pytest.mark.parametrize(
    "edit",
    [
        {"line": "ada", "slot": 256, "value_w": 1},
        {"line": "ada", "slot": -1, "value_w": 1},
        {"line": "ada", "slot": 1.5, "value_w": 1},
        {"line": "ada", "slot": 1, "value_w": 10**13},
        {"line": "ada", "slot": 1, "value_w": "NaN"},
        {"line": "nobody", "slot": 1, "value_w": 1},
        {"line": "ada\x00", "slot": 1, "value_w": 1},
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(dispatcher, proposed, edit):
    answer = dispatcher.post(
        f"/dispatch/plans/{proposed['id']}/edits", json={"version": 1, "fix": [edit]}
    )
    assert answer.status_code == 422, answer.text


def test_inputs_with_numbers_that_are_none_are_refused(
    dispatcher, participant, market, day, fleet_inputs
):
    body = json.dumps(
        {
            "market": market,
            "period": day,
            "participant": participant.address,
            "inputs": fleet_inputs(day),
        }
    )
    for number in ("NaN", "Infinity", "1e999", "1" + "0" * 400):
        altered = body.replace("60000.0", number)
        assert altered != body
        answer = dispatcher.post(
            "/dispatch/plans", content=altered, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, (number, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_repeated_write_changes_nothing_and_answers_the_same(dispatcher, proposed):
    path = f"/dispatch/plans/{proposed['id']}"
    key = {"Idempotency-Key": f"solve-{proposed['id']}"}
    first = dispatcher.post(f"{path}/solution", json={"version": 1}, headers=key)
    again = dispatcher.post(f"{path}/solution", json={"version": 1}, headers=key)
    assert first.status_code == again.status_code == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert _ok(dispatcher.get(path))["version"] == 2


def test_an_approval_with_anothers_session_is_refused(dispatcher, new_dispatcher, proposed):
    path = f"/dispatch/plans/{proposed['id']}/approval"
    template = dispatcher.get(path, params={"reason": "good"}).json()
    signed = Account.sign_message(
        encode_typed_data(full_message=template["typed_data"]), dispatcher.account.key
    )
    body = {
        "version": 1,
        "reason": "good",
        "approved_at": template["approved_at"],
        "signature": "0x" + bytes(signed.signature).hex(),
    }
    answer = new_dispatcher().post(path, json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_signature"


def test_the_participant_hears_of_a_revocation(dispatcher, participant, proposed):
    path = f"/dispatch/plans/{proposed['id']}"
    approved = _ok(_approve(dispatcher, proposed))
    sent = _ok(dispatcher.post(f"{path}/instruction", json={"version": approved["version"]}))
    _ok(
        dispatcher.post(
            f"{path}/edits",
            json={
                "version": sent["version"],
                "fix": [{"line": "ada", "slot": DEAR, "value_w": 1_000}],
            },
        )
    )
    stream = participant.get("/events/instructions", params={"follow": False})
    (event,) = [
        json.loads(line.removeprefix("data: "))
        for line in stream.text.splitlines()
        if line.startswith("data: ")
    ]
    assert event["id"] == proposed["id"]
    assert event["revocation"]["code"] == "edited"
    answer = participant.post(
        f"/dispatch/instructions/{proposed['id']}/acknowledgement",
        json={"version": event["version"]},
    )
    assert answer.status_code == 409


def test_lists_are_paged_and_filtered(dispatcher, proposed):
    wanted = {"participant": proposed["participant"], "limit": 1}
    found = _ok(dispatcher.get("/dispatch/plans", params=wanted))
    assert [each["id"] for each in found["items"]] == [proposed["id"]]
    none = dispatcher.get("/dispatch/plans", params=wanted | {"state": "measured"}).json()
    assert none == {"items": [], "next_cursor": None}
