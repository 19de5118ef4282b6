"""A dispatcher and a participant at their terminals, each with a key file of its own."""

from __future__ import annotations

import json

import pytest
from eth_account import Account
from typer.testing import CliRunner

from identity.signer import LocalSigner
from market.ev_battery.rules import RULES
from wattproof.accounts import service as ledger
from wattproof.cli.main import app
from wattproof.errors import (
    ConflictError,
    InvalidError,
    MisconfiguredError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

DEAR = 40


@pytest.fixture
def people(platform, tmp_path):
    """Key files of a dispatcher, a participant and a stranger; the market they meet in."""
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
        rounds.create_market(platform, session, "ev_battery", RULES)
    run_until_idle(platform)
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    found = {}
    for name in ("dispatcher", "participant", "stranger"):
        account = Account.create()
        LocalSigner(bytes(account.key)).save(
            tmp_path / f"{name}.json", "correct horse battery staple", work_factor=2
        )
        found[name] = str(account.address)
    with platform.transaction() as session:
        ledger.register(platform, session, found["dispatcher"], "dispatcher")
    run_until_idle(platform)
    return found


@pytest.fixture
def command(url, tmp_path):
    """Runs `wattproof dispatch` as somebody; the answer's JSON, or text without --json."""

    def run(who, *arguments, as_json=True):
        done = CliRunner().invoke(
            app,
            [
                "dispatch",
                "--url",
                url,
                "--key",
                str(tmp_path / f"{who}.json"),
                "--passphrase-file",
                str(tmp_path / "passphrase"),
                *map(str, arguments),
                *(["--json"] if as_json else []),
            ],
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.output

    return run


@pytest.fixture
def proposed(command, people, platform, fleet_inputs, tmp_path):
    day = platform.clock.now() // 86_400 + 1
    inputs = tmp_path / "inputs.json"
    inputs.write_text(json.dumps(fleet_inputs(day)))
    with platform.transaction() as session:
        row = rounds.market_named(session, "ev_battery")
    assert row is not None
    return command(
        "dispatcher",
        "propose",
        *("--market", row.market, "--period", day, "--inputs", inputs),
        *("--participant", people["participant"]),
    )


def test_a_plan_goes_from_the_optimiser_to_the_participants_word(command, proposed, people):
    number = proposed["id"]
    edited = command(
        "dispatcher",
        *("edit", number, "--version", 1, "--set", f"ada[{DEAR}]=6000", "--reason", "a trip"),
    )
    assert edited["edits"] == [{"line": "ada", "slot": DEAR, "value_w": 6_000}]
    solved = command("dispatcher", "solve", number, "--version", 2)
    assert solved["lines"]["ada"][DEAR] == 6_000
    change = command("dispatcher", "diff", number)
    assert {each["name"] for each in change["indicators"]} >= {"cost", "peak", "comfort"}
    command("dispatcher", "approve", number, "--version", 3, "--reason", "it fits")
    command("dispatcher", "send", number, "--version", 4)
    (told,) = command("participant", "inbox")["items"]
    assert told["approval"]["approver"] == people["dispatcher"]
    agreed = command("participant", "acknowledge", number, "--version", told["version"])
    assert agreed["state"] == "acknowledged"
    steps = command("dispatcher", "history", number)["items"]
    assert [step["action"] for step in steps] == [
        "propose",
        "edit",
        "solve",
        "approve",
        "send",
        "acknowledge",
    ]
    listed = command("dispatcher", "list", "--state", "acknowledged")["items"]
    assert [each["id"] for each in listed] == [number]


def test_people_read_tables(command, proposed):
    number = proposed["id"]
    command("dispatcher", "edit", number, "--version", 1, "--set", f"ada[{DEAR}]=6000")
    command("dispatcher", "solve", number, "--version", 2)
    shown = command("dispatcher", "show", number, as_json=False)
    assert "6,000*" in shown
    assert "peak" in shown
    changes = command("dispatcher", "diff", number, as_json=False)
    assert "worse" in changes
    assert "6,000" in changes
    listed = command("dispatcher", "list", as_json=False)
    assert "edited" not in listed
    assert proposed["participant"] in listed
    assert "ada[40]" in command("dispatcher", "history", number, as_json=False)


def test_a_refusal_goes_back_with_its_reason(command, proposed):
    number = proposed["id"]
    command("dispatcher", "approve", number, "--version", 1, "--reason", "it fits")
    command("dispatcher", "send", number, "--version", 2)
    refused = command("participant", "refuse", number, "--version", 3, "--reason", "pile broken")
    assert refused["state"] == "refused"
    steps = command("dispatcher", "history", number)["items"]
    assert steps[-1]["summary"] == "pile broken"


def test_an_approval_is_of_the_version_that_was_looked_at(command, proposed):
    number = proposed["id"]
    command("dispatcher", "edit", number, "--version", 1, "--set", "ada[3]=0")
    command("dispatcher", "solve", number, "--version", 2)
    with pytest.raises(ConflictError, match="you looked at 1"):
        command("dispatcher", "approve", number, "--version", 1, "--reason", "it fits")


def test_a_second_editor_is_told_what_the_first_one_did(command, proposed):
    number = proposed["id"]
    command("dispatcher", "edit", number, "--version", 1, "--set", "ada[3]=0")
    with pytest.raises(ConflictError, match=r"ada\[3\] = 0 W"):
        command("dispatcher", "edit", number, "--version", 1, "--set", "bob[3]=0")


def test_edits_in_conflict_are_named(command, proposed):
    number = proposed["id"]
    command(
        "dispatcher",
        *("edit", number, "--version", 1, "--set", "ada[40]=50000", "--set", "bob[40]=1000"),
    )
    with pytest.raises(ConflictError, match=r"ada\[40\] = 50000 W") as refused:
        command("dispatcher", "solve", number, "--version", 2)
    assert "bob" not in str(refused.value)


def test_who_is_no_dispatcher_is_told_so(command, proposed):
    with pytest.raises(RefusedError, match="no credential for dispatcher"):
        command("stranger", "show", proposed["id"])
    with pytest.raises(NotFoundError):
        command("stranger", "acknowledge", proposed["id"], "--version", 1)


@pytest.mark.parametrize("edit", ["ada=5", "ada[x]=5", "ada[3]=", "ada[3]=1.5", "ada[3]"])
def test_an_edit_that_cannot_be_read_says_how_to_write_it(command, proposed, edit):
    with pytest.raises(AssertionError, match="write LINE"):
        command("dispatcher", "edit", proposed["id"], "--version", 1, "--set", edit)


def test_inputs_that_cannot_be_read_are_named(command, people, tmp_path):
    options = ("--market", 1, "--period", 1, "--participant", people["participant"])
    with pytest.raises(InvalidError, match="cannot read"):
        command("dispatcher", "propose", *options, "--inputs", tmp_path / "nowhere.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InvalidError, match="is not JSON"):
        command("dispatcher", "propose", *options, "--inputs", tmp_path / "broken.json")


def test_without_a_key_or_a_server_the_way_out_is_said(people, tmp_path):
    without_key = CliRunner().invoke(app, ["dispatch", "list"])
    assert without_key.exit_code == 2
    assert "keys new" in without_key.output or "key file" in without_key.output
    keys = ["--key", str(tmp_path / "dispatcher.json")]
    keys += ["--passphrase-file", str(tmp_path / "passphrase")]
    nowhere = CliRunner().invoke(app, ["dispatch", *keys, "--url", "http://127.0.0.1:9", "list"])
    assert isinstance(nowhere.exception, UnavailableError)
    assert "wattproof up" in str(nowhere.exception)
    empty = CliRunner().invoke(app, ["dispatch", *keys, "--data-dir", str(tmp_path), "list"])
    assert isinstance(empty.exception, MisconfiguredError)
