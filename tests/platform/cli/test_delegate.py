"""Naming and dismissing a delegate from the command line, against a served platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from eth_account import Account
from typer.testing import CliRunner

from devnet import AnvilNode, NodeOptions, accounts
from identity.signer import LocalSigner
from tests.platform.noon import NOON
from tests.platform.serving import served
from wattproof.cli import delegate_changes
from wattproof.cli.delegate_arguments import read_session
from wattproof.cli.main import app
from wattproof.cli.rest import RestClient, signed_in
from wattproof.errors import InvalidError
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.local import LocalRunner

DELEGATE = str(Account.from_key(b"\x0d" * 32).address)
UNTIL = "2060-01-01"


@pytest.fixture(scope="module")
def platform(tmp_path_factory, new_desk):
    """A market with a funded trader."""
    with AnvilNode(NodeOptions(chain_id=31_354, genesis_timestamp=NOON)) as node:
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url)
        with open_platform(settings) as opened:
            new_desk(opened)
            yield opened


@pytest.fixture(scope="module")
def url(platform):
    with served(platform) as address, LocalRunner(platform):
        yield address


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Key files of the owner, whom the platform funded, and of its delegate."""
    folder = tmp_path_factory.mktemp("keys")
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery staple")
    passphrase.chmod(0o600)
    owner = bytes(accounts.account(accounts.FIRST_TRADER).key)
    for name, key in (("owner", owner), ("machine", b"\x0d" * 32)):
        LocalSigner(key).save(folder / f"{name}.json", passphrase.read_text(), work_factor=2)
    return folder


@pytest.fixture(scope="module")
def owner():
    return str(accounts.account(accounts.FIRST_TRADER).address)


@pytest.fixture
def run(url, keys):
    def invoke(*arguments, who="owner", as_json=True):
        given = ["delegate", "--url", url, "--key", str(keys / f"{who}.json")]
        given += ["--passphrase-file", str(keys / "passphrase"), *map(str, arguments)]
        return CliRunner().invoke(app, [*given, *(["--json"] if as_json else [])])

    return invoke


@pytest.fixture
def command(run):
    """The answer's JSON, or its text."""

    def invoke(*arguments, who="owner", as_json=True):
        done = run(*arguments, who=who, as_json=as_json)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.output

    return invoke


AUTHORISE = (
    "authorise",
    *("--delegate", DELEGATE, "--until", UNTIL),
    *("--buy-kwh", "20", "--highest-bid", "0.25", "--sell-kwh", "1.5", "--lowest-ask", "0.08"),
)


@pytest.mark.parametrize("how", [(), ("--relay", "--chain-time")])
def test_a_delegate_is_named_shown_and_dismissed(command, platform, owner, how):
    done = command(*AUTHORISE, *how)
    assert done["relayed"] is bool(how)
    on_chain = platform.chain.call("Delegations", "sessionOf", 1, owner, 2**32 - 1)
    assert on_chain == {
        "delegate": DELEGATE,
        "until": int(datetime(2060, 1, 1, tzinfo=UTC).timestamp()),
        "buyWh": 20_000,
        "sellWh": 1_500,
        "maxPrice": 250_000_000,
        "minPrice": 80_000_000,
    }
    said = command("show", as_json=False)
    assert f"{owner} (you)" in said
    assert "20 kWh at 0.25 a kWh at most" in said
    assert "1.5 kWh at 0.08 a kWh at least" in said
    assert owner in command("show", owner, who="machine", as_json=False)
    assert f"{DELEGATE} (you)" in command("show", who="machine", as_json=False)
    command("revoke", *how)
    assert command("show", owner)[0]["session"] is None
    assert "nobody" in command("show", as_json=False)


def test_who_named_nobody_is_told_so(command, owner):
    assert "you named no delegate" in command("show", who="machine", as_json=False)
    (found,) = command("show", owner)
    assert (found["account"], found["session"]) == (owner, None)


def test_what_the_contract_refuses_is_one_sentence(run, owner):
    done = run("revoke", as_json=False)
    assert "no_session" in getattr(done.exception, "code", "")
    foreign = run("show", owner, "--market", 9)
    assert getattr(foreign.exception, "code", "") == "not_found"
    itself = run(*AUTHORISE[:2], owner, *AUTHORISE[3:])
    assert getattr(itself.exception, "code", "") == "bad_delegate"
    ended = run(*AUTHORISE[:4], "2020-01-01", *AUTHORISE[5:])
    assert getattr(ended.exception, "code", "") == "bad_end"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"delegate": "0x12"}, "no address"),
        ({"delegate": "0x" + "00" * 20}, "name somebody"),
        ({"until": "soon"}, "no moment"),
        ({"until": "60000-01-01"}, "no moment"),
        ({"buy_kwh": "0", "sell_kwh": "0"}, "how much"),
        ({"buy_kwh": "-1"}, "not negative"),
        ({"buy_kwh": "1.0001"}, "more than 3 digits"),
        ({"buy_kwh": "much"}, "no amount in kWh"),
        ({"buy_kwh": "NaN"}, "no amount in kWh"),
        ({"buy_kwh": "1e30"}, "no amount in kWh"),
        ({"highest_bid": None}, "tokens a kWh"),
        ({"highest_bid": "0.0000000001"}, "more than 9 digits"),
        ({"lowest_ask": "1e12"}, "no amount in tokens"),
    ],
)
def test_bounds_that_cannot_be_read_are_refused_before_anybody_is_asked(changes, said):
    import typer

    given = {
        "delegate": DELEGATE,
        "until": UNTIL,
        "buy_kwh": "1",
        "sell_kwh": "1",
        "highest_bid": "0.3",
        "lowest_ask": "0.1",
    }
    with pytest.raises(typer.BadParameter, match=said):
        read_session(**given | changes)


def test_amounts_are_exact_and_a_side_that_is_not_traded_needs_no_price():
    session = read_session(DELEGATE.lower(), "2060-01-01T01:00:00+01:00", "0.3", "0", "0.1", None)
    assert (session.buy_wh, session.sell_wh) == (300, 0)
    assert (session.max_price, session.min_price) == (100_000_000, 0)
    assert session.until == int(datetime(2060, 1, 1, tzinfo=UTC).timestamp())
    assert session.delegate == DELEGATE


@pytest.mark.parametrize("altered", ["buyWh", "delegate", "principal"])
def test_the_key_signs_nothing_but_what_was_asked_for(url, keys, monkeypatch, altered):
    session = read_session(DELEGATE, UNTIL, "1", "0", "0.1", None)
    real = RestClient.post

    def lying(client, path, body):
        answer = real(client, path, body)
        if path.endswith("/template"):
            message = answer["typed_data"]["message"]
            message[altered] = 10**6 if altered == "buyWh" else DELEGATE[:-1] + "0"
        return answer

    secret = keys / "passphrase"
    with signed_in(url, None, keys / "owner.json", secret, ["participant"]) as client:
        monkeypatch.setattr(RestClient, "post", lying)
        with pytest.raises(InvalidError) as refused:
            delegate_changes.authorise(client, 1, session, relay=True, chain_time=True)
    assert refused.value.code == "other_change"


def test_a_transaction_with_other_bounds_is_not_signed(url, keys, monkeypatch):
    session = read_session(DELEGATE, UNTIL, "1", "0", "0.1", None)
    wider = read_session(DELEGATE, UNTIL, "1000", "0", "9", None)
    real = RestClient.post

    def lying(client, path, body):
        if path.endswith("/transactions"):
            body = {**body, **delegate_changes.request(wider)}
        return real(client, path, body)

    secret = keys / "passphrase"
    with signed_in(url, None, keys / "owner.json", secret, ["participant"]) as client:
        monkeypatch.setattr(RestClient, "post", lying)
        with pytest.raises(InvalidError) as refused:
            delegate_changes.authorise(client, 1, session, relay=False, chain_time=False)
    assert refused.value.code == "other_call"


def test_a_signature_that_lasts_longer_than_asked_for_is_not_given(url, keys, monkeypatch):
    session = read_session(DELEGATE, UNTIL, "1", "0", "0.1", None)
    real = RestClient.post

    def lying(client, path, body):
        if path.endswith("/template"):
            body = {**body, "deadline": "2060-01-01T00:00:00Z"}
        return real(client, path, body)

    secret = keys / "passphrase"
    with signed_in(url, None, keys / "owner.json", secret, ["participant"]) as client:
        monkeypatch.setattr(RestClient, "post", lying)
        with pytest.raises(InvalidError) as refused:
            delegate_changes.authorise(client, 1, session, relay=True, chain_time=False)
    assert refused.value.code == "other_deadline"
