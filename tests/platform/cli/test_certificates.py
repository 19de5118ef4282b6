"""Certificates and compliance from the command line, with key files, against a served platform."""

from __future__ import annotations

import json
import threading

import pytest
from eth_account import Account
from typer.testing import CliRunner

from devnet import AnvilNode, NodeOptions
from identity.signer import LocalSigner
from tests.platform.green_power import CERTIFICATES, DAY, WIND, WORKING, green_on, set_up
from tests.platform.noon import NOON
from tests.platform.serving import served
from wattproof.cli import transacting
from wattproof.cli.main import app
from wattproof.cli.rest import signed_in
from wattproof.cli.transacting import Call
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle
from wattproof.tasks.local import LocalRunner

OWED_WH = 2 * sum(WORKING) // 5


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    """A day before the compliance period is certified, and both days of it are reported."""
    with AnvilNode(NodeOptions(chain_id=31_353, genesis_timestamp=NOON)) as node:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"),
            rpc_url=node.url,
            collect_certificates=False,
        )
        with open_platform(settings) as platform:
            people = green_on(platform, (Account.create(), Account.create()))
            set_up(people)
            yield people


@pytest.fixture(scope="module")
def day(green):
    """A day before the compliance period, whose certificates exist."""
    first = green.today + 8
    quota = green.open_quota(first)
    green.oblige(quota)
    period = green.certify()
    green.live_through(period)
    green.make_final(period)
    run_until_idle(green.platform)
    return period


@pytest.fixture(scope="module")
def url(green, day):
    """The address of the platform's API."""
    with served(green.platform) as address:
        yield address


@pytest.fixture(scope="module")
def keys(green, tmp_path_factory):
    """Key files of the wind farm and the works, and their passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery staple")
    passphrase.chmod(0o600)
    for name in ("wind", "works"):
        signer = LocalSigner(bytes(getattr(green, name).key))
        signer.save(folder / f"{name}.json", passphrase.read_text(), work_factor=2)
    return folder


@pytest.fixture(scope="module")
def command(green, url, keys):
    """Runs a command as somebody, while the platform works; the answer's JSON, or its text."""

    def run(group, *arguments, who=None, as_json=True):
        mine = ["--key", str(keys / f"{who}.json")] if who else []
        mine += ["--passphrase-file", str(keys / "passphrase")] if who else []
        given = [group, "--url", url, *mine, *map(str, arguments)]
        with LocalRunner(green.platform):
            done = CliRunner().invoke(app, [*given, *(["--json"] if as_json else [])])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.output

    return run


def test_what_one_holds_is_listed_and_traced_to_the_reading(command, green, day):
    listed = command("certificates", "list", who="wind")
    assert [each["held_wh"] for each in listed["batches"]] == [9_000, 12_000, 6_000]
    assert "27 kWh" in command("certificates", "list", who="wind", as_json=False)
    batch = listed["batches"][0]["batch"]["batch"]
    trail = command("certificates", "show", batch)
    assert (trail["period"], trail["reading"]["value_wh"]) == (day, -9_000)
    said = command("certificates", "show", batch, as_json=False)
    assert f"period {day}, slot 0: -9000 Wh" in said
    assert trail["reading"]["posted_in"] in said.replace("\n", "").replace(" ", "")
    (device,) = command("certificates", "devices")["items"]
    assert (device["device"], device["technology"]) == (green.wind_meter.address, WIND)
    none = command("certificates", "list", who="works", as_json=False)
    assert "you hold no certificates" in none


def test_certificates_are_offered_by_amount_sold_and_collected(command, green, day):
    vintage = day * DAY // (30 * DAY)
    offered = command("certificates", "offer", CERTIFICATES, vintage, "--wh", 15_000, who="wind")
    assert [each["amount_wh"] for each in offered["certificates"]] == [9_000, 6_000]
    green.trade(day, 14_000)
    (place,) = command("certificates", "list", who="works")["places"]
    assert (place["uncollected_wh"], place["vintage"]) == (14_000, vintage)
    start = ("--start", place["next_position"], "--length", 14_000)
    pieces = command("certificates", "parcel", CERTIFICATES, vintage, *start)["items"]
    assert [each["amount_wh"] for each in pieces] == [9_000, 5_000]
    assert command("certificates", "collect", who="works")["transactions"]
    assert command("certificates", "list", who="works")["places"] == []
    assert "nothing to do" in command("certificates", "collect", who="works", as_json=False)
    command("certificates", "recall", CERTIFICATES, vintage, 1_000, who="wind")
    command("certificates", "complete", CERTIFICATES, vintage, who="wind")
    command("certificates", "collect", who="wind")
    held = command("certificates", "list", who="wind")["held"]
    assert [each["held_wh"] for each in held] == [13_000]
    assert "1 kWh" not in command("certificates", "classes", as_json=False)


def test_certificates_are_retired_and_handed_over(command, green, day):
    batch = green.batch(day, 3)
    command("certificates", "retire", f"{batch}=1500", "--purpose", "trial", who="wind")
    (claim,) = command("certificates", "claims", "--beneficiary", green.wind.address)["items"]
    assert (claim["batch"], claim["amount_wh"], claim["purpose"]) == (str(batch), 1_500, "trial")
    to = ("--to", green.works.address.lower())
    command("certificates", "transfer", f"{batch}=500", *to, who="wind")
    assert green.held(green.works, batch) == [500]


def test_a_quota_is_met_by_what_is_suggested(command, green, day, url):
    (terms,) = command("compliance", "quotas")["items"]
    first = terms["first_period"]
    green.live_through(first)
    green.live_through(first + 1)
    green.make_final(first + 1)
    run_until_idle(green.platform)
    (stands,) = command("compliance", "list", 1)["items"]
    assert (stands["standing"], stands["left_wh"]) == ("short", OWED_WH)
    assert "short" in command("compliance", "list", 1, as_json=False)
    command("compliance", "bond", 1, 5_000_000, who="works")
    suggested = command("compliance", "suggest", 1, who="works")
    assert (suggested["amount_wh"], suggested["lacking_wh"]) == (12_000, 12_000)
    done = command("compliance", "surrender", 1, who="works")
    assert [each["title"] for each in done["transactions"]] == ["approve", "surrender certificates"]
    assert (done["compliance"]["surrendered_wh"], done["compliance"]["left_wh"]) == (12_000, 12_000)

    to = ("--to", green.works.address)
    command("certificates", "transfer", f"{green.batch(first, 1)}=12000", *to, who="wind")
    said = command("compliance", "surrender", 1, who="works", as_json=False)
    assert "covered" in said
    shown = command("compliance", "show", 1, who="works")
    assert sum(each["amount_wh"] for each in shown["surrenders"]) == OWED_WH
    assert shown["bond_micro"] == 5_000_000
    with pytest.raises(ConflictError, match="nothing is owed for the periods reported so far"):
        command("compliance", "surrender", 1, who="works")


def test_bad_input_says_what_to_do(command, green, day):
    vintage = day * DAY // (30 * DAY)
    with pytest.raises(AssertionError, match="write BATCH=WH"):
        command("certificates", "retire", "12:5", "--purpose", "x", who="wind")
    with pytest.raises(AssertionError, match="or how many with --wh"):
        command("certificates", "retire", "--purpose", "x", who="wind")
    with pytest.raises(RefusedError, match=r"you hold \d+ Wh of this, not 999999999"):
        command("certificates", "retire", "--wh", 999_999_999, "--purpose", "x", who="wind")
    with pytest.raises(NotFoundError, match="no certificates were issued under 5"):
        command("certificates", "show", 5)
    with pytest.raises(NotFoundError, match="market 77 trades no certificates"):
        command("certificates", "offer", 77, vintage, "--wh", 1, who="wind")
    with pytest.raises(NotFoundError, match="nobody opened quota 9"):
        command("compliance", "list", 9)
    with pytest.raises(NotFoundError, match="does not oblige"):
        command("compliance", "suggest", 1, who="wind")
    with pytest.raises(AssertionError, match="name your key file"):
        command("certificates", "list")
    with pytest.raises(AssertionError, match="name --account"):
        command("compliance", "show", 1)


@pytest.mark.parametrize("changed", ["amount", "contract", "more"])
def test_a_key_signs_nothing_else_than_what_was_asked_for(
    green, url, keys, monkeypatch, changed, day
):
    sent = threading.Event()
    with signed_in(url, None, keys / "wind.json", keys / "passphrase", ["participant"]) as client:
        ask = type(client).post

        def answer(self, path, body):
            if path == "/transactions":
                sent.set()
            made = ask(self, path, body)
            first = made["transactions"][0]
            if changed == "contract":
                first["transaction"]["to"] = green.platform.chain.address("SettlementToken")
            elif changed == "more":
                made["transactions"].append(first)
            return made

        monkeypatch.setattr(type(client), "post", answer)
        batch, wh = green.batch(day, 3), 10
        place = client.signer.address, green.works.address
        asked = Call(
            "GreenCertificates",
            "safeBatchTransferFrom",
            (*place, [batch], [wh + (changed == "amount")], b""),
        )
        body = {"to": place[1], "certificates": [{"batch": str(batch), "amount_wh": wh}]}
        with pytest.raises(InvalidError, match="do not sign"):
            transacting.send(client, "/certificates/transfers", body, asked)
    assert not sent.is_set()
