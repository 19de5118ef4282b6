"""`wattproof profile`: shown over REST, proved and verified from a node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from typer.testing import CliRunner

from identity.signer import LocalSigner
from identity.trust import sha256_of
from tests.platform.serving import served
from tests.platform.trust.conftest import BUYER, PERIODS, SELLER, Season
from wattproof.cli.main import app
from wattproof.errors import InvalidError, NotFoundError
from wattproof.trust import indexed

PASSPHRASE = "correct horse battery staple"
Command = Callable[..., Any]


@pytest.fixture
def place(season: Season, tmp_path: Path) -> list[str]:
    """A node and the deployment, and no database."""
    deployment = tmp_path / "deployment.json"
    season.platform.deployment.write(deployment)
    return ["--rpc", season.platform.chain.rpc_url, "--deployment", str(deployment)]


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["profile", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def proved(season: Season, place: list[str], tmp_path: Path) -> Path:
    """The seller's record in a file."""
    out = tmp_path / "record.json"
    said = run("prove", season.address(SELLER), "--out", out, *place)
    assert said.startswith(f"wrote {out} (block ")
    return out


@pytest.fixture(scope="module")
def url(season: Season) -> Iterator[str]:
    with served(season.platform) as address:
        yield address


@pytest.fixture
def as_trader(season: Season, url: str, tmp_path: Path) -> Command:
    """Runs a command as one of the traders, over REST."""

    def act(trader: Any, *arguments: object, code: int = 0) -> str:
        account = season.desk.traders[trader] if isinstance(trader, int) else trader
        secret, key = tmp_path / "passphrase", tmp_path / f"{account.address}.json"
        if not key.exists():
            secret.write_text(PASSPHRASE)
            secret.chmod(0o600)
            LocalSigner(bytes(account.key)).save(key, PASSPHRASE, work_factor=2)
        options = ["--key", key, "--passphrase-file", secret, "--url", url]
        return run(*options, *arguments, code=code)

    return act


def altered(path: Path, change: Callable[[Any], None], *, whole: bool = True) -> Path:
    """A record with something changed, and its hash put right."""
    record = json.loads(path.read_text())
    change(record)
    if whole:
        record["sha256"] = sha256_of({n: v for n, v in record.items() if n != "sha256"})
    changed = path.with_name("changed.json")
    changed.write_text(json.dumps(record))
    return changed


def test_what_is_proved_is_verified_against_a_node(proved: Path, place: list[str]) -> None:
    assert run("verify", proved, *place).startswith("holds: ")
    said = json.loads(run("verify", proved, *place, "--json"))
    assert (said["holds"], said["differences"]) == (True, [])


def test_what_the_index_says_is_what_a_node_proves(
    season: Season, place: list[str], proved: Path
) -> None:
    stored = indexed.stated(season.platform, season.address(SELLER))
    assert run("prove", season.address(SELLER), "--as-of", stored.at.number, *place) == (
        stored.to_bytes().decode() + "\n"
    )
    assert json.loads(run("prove", season.address(SELLER), *place))["account"] == season.address(
        SELLER
    )


def test_every_figure_that_was_embellished_is_named(proved: Path, place: list[str]) -> None:
    def embellish(record: Any) -> None:
        every = record["markets"][0]["windows"][1]
        every["disputes"]["lost"] = 0
        every["carriers"][0]["shortfall_wh"] = 0

    changed = altered(proved, embellish)
    said = json.loads(run("verify", changed, *place, "--json", code=1))
    assert {each["place"] for each in said["differences"]} == {
        "markets[0].windows[1].disputes.lost",
        "markets[0].windows[1].carriers[0].shortfall_wh",
    }
    assert "shortfall_wh" in "".join(run("verify", changed, *place, code=1).split())


def test_a_record_that_was_changed_and_not_hashed_anew_is_refused(
    proved: Path, place: list[str]
) -> None:
    def embellish(record: Any) -> None:
        record["quotas"]["defaults"] = 3

    with pytest.raises(InvalidError, match="was changed"):
        run("verify", altered(proved, embellish, whole=False), *place)


def test_a_record_of_another_account_under_ones_own_name_is_noticed(
    season: Season, proved: Path, place: list[str]
) -> None:
    def steal(record: Any) -> None:
        record["account"] = season.address(BUYER)

    assert run("verify", altered(proved, steal), *place, code=1)


def test_a_record_of_a_block_that_the_chain_no_longer_has_is_noticed(
    proved: Path, place: list[str]
) -> None:
    def fork(record: Any) -> None:
        record["chain"]["block_hash"] = "0x" + "ab" * 32

    said = json.loads(run("verify", altered(proved, fork), *place, "--json", code=1))
    assert [each["place"] for each in said["differences"]] == ["chain.block_hash"]


def test_as_of_another_block_it_says_what_changed(
    season: Season, proved: Path, place: list[str]
) -> None:
    account = season.address(SELLER)
    closed = [
        event.block_number
        for event in season.platform.chain.events(0, season.platform.chain.head().number)
        if event.name == "PeriodClosed" and event.args["account"] == account
    ]
    before = closed[0] - 1
    said = json.loads(run("verify", proved, "--as-of", before, *place, "--json", code=1))
    assert said["block"] == before
    (change,) = (
        each for each in said["differences"] if each["place"] == "markets[0].windows[1].closed"
    )
    assert (change["said"], change["found"]) == (str(PERIODS), "0")


@pytest.mark.parametrize(
    "content",
    [[], {}, {"kind": "other"}, {"profile": 5}, {"kind": "wattproof-trusted-profile"}, "x"],
)
def test_what_is_no_record_is_refused(tmp_path: Path, place: list[str], content: Any) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidError):
        run("verify", path, *place)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, place: list[str], text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(InvalidError):
        run("verify", path, *place)
    with pytest.raises(InvalidError, match="cannot read"):
        run("verify", tmp_path / "none.json", *place)


def test_a_record_that_names_no_account_or_block_is_refused(proved: Path, place: list[str]) -> None:
    def unnamed(record: Any) -> None:
        record["account"] = "0x12"

    def unplaced(record: Any) -> None:
        record["chain"]["block"] = "latest"

    for change in (unnamed, unplaced):
        with pytest.raises(InvalidError):
            run("verify", altered(proved, change), *place)


def test_an_address_that_is_none_is_wrong_usage(place: list[str]) -> None:
    run("prove", "0x12", *place, code=2)


def test_a_place_to_write_that_is_none_is_refused(
    season: Season, place: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InvalidError, match="cannot write"):
        run("prove", season.address(SELLER), "--out", tmp_path / "no" / "folder", *place)


def test_a_profile_is_shown_let_read_and_its_readings_listed(
    season: Season, as_trader: Command, place: list[str], tmp_path: Path
) -> None:
    lender, seller = Account.create(), season.address(SELLER)
    reading = ["show", seller, "--purpose", "credit check"]
    with pytest.raises(NotFoundError):
        as_trader(lender, *reading)
    given = as_trader(
        SELLER, "allow", lender.address, "--purpose", "credit check", "--topic", "history"
    )
    assert lender.address in given
    said = as_trader(lender, *reading, "--json")
    path = tmp_path / "profile.json"
    path.write_text(said)
    assert run("verify", path, *place).startswith("holds: ")
    assert "lost" in as_trader(lender, *reading)
    assert lender.address in as_trader(SELLER, "readings")
    (listed,) = json.loads(as_trader(SELLER, "consents", "--json"))["items"]
    assert "standing" in as_trader(SELLER, "consents")
    as_trader(SELLER, "revoke", listed["id"])
    with pytest.raises(NotFoundError):
        as_trader(lender, *reading)


def test_an_own_profile_is_shown_with_its_record(as_trader: Command) -> None:
    said = as_trader(SELLER, "show")
    assert "Record on the ledger" in said
    assert "62.12 %" in said
    assert (
        json.loads(as_trader(SELLER, "show", "--topic", "identity", "--json"))["profile"]["history"]
        is None
    )
