from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from typer.testing import CliRunner

from devnet import accounts as development
from tests.platform.api.conftest import sign_in
from tests.platform.serving import served
from tests.platform.surveillance.conftest import BIG, Watched
from wattproof.cli.main import app
from wattproof.errors import InvalidError
from wattproof.tasks.flow import run_until_idle

REGULATOR = {"claims": {"jurisdiction": "DE", "authority": "Federal Network Agency"}}
Command = Callable[..., Any]


@pytest.fixture(scope="module")
def client(watched: Watched) -> Iterator[httpx.Client]:
    with served(watched.desk.platform) as url, httpx.Client(base_url=url, timeout=60) as opened:
        yield opened


def headers(client: httpx.Client, account: Any, scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(client, account, (scope,))}"}


@pytest.fixture(scope="module")
def regulator(watched: Watched, client: httpx.Client) -> dict[str, str]:
    """Somebody whom the issuer made the regulator."""
    holder = Account.create()
    mine = headers(client, holder, "participant")
    client.post("/participants", json={"name": "Regulator", "role": None}, headers=mine)
    operator = headers(client, development.account(development.OPERATOR), "operator")
    path = f"/participants/{holder.address}/credentials/regulator"
    assert client.put(path, headers=operator, json=REGULATOR).status_code == 200
    run_until_idle(watched.desk.platform)
    return headers(client, holder, "regulator")


@pytest.fixture
def command(watched: Watched, tmp_path: Path) -> Command:
    """Runs `wattproof surveillance report` against the node, without any database."""
    platform = watched.desk.platform
    deployment = tmp_path / "deployment.json"
    platform.deployment.write(deployment)
    where = ["--rpc", platform.chain.rpc_url, "--deployment", str(deployment)]

    def run(*arguments: object) -> str:
        given = ["surveillance", "report", *where, *map(str, arguments)]
        done = CliRunner().invoke(app, given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_the_regulator_reads_the_report(
    client: httpx.Client, regulator: dict[str, str], watched: Watched
) -> None:
    answer = client.get("/surveillance/report", headers=regulator, params={"market": 1})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert {each["kind"] for each in said["findings"]} >= {"wash_trades", "pivotal_supplier"}
    assert said["source"]["selection"]["market"] == 1
    (market,) = said["report"]["markets"]
    assert market["volume_wh"] == 33_000
    assert watched.address(BIG) in {row["seller"] for row in market["sellers"]}


def test_the_report_comes_as_a_page_and_as_markdown(
    client: httpx.Client, regulator: dict[str, str]
) -> None:
    page = client.get("/surveillance/report", headers=regulator, params={"format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!DOCTYPE html>")
    text = client.get("/surveillance/report", headers=regulator, params={"format": "markdown"})
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith("# Market surveillance report")


@pytest.mark.parametrize("scope", ["participant", "operator"])
def test_the_report_is_for_the_regulator_alone(client: httpx.Client, scope: str) -> None:
    account = development.account(development.OPERATOR)
    refused = client.get("/surveillance/report", headers=headers(client, account, scope))
    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"
    assert client.get("/surveillance/report").status_code == 401


@pytest.mark.parametrize(
    "query",
    [{"from": "soon"}, {"to": "x" * 41}, {"market": -1}, {"block": 10**12}, {"format": "pdf"}],
)
def test_a_question_that_does_not_fit_is_refused(
    client: httpx.Client, regulator: dict[str, str], query: dict[str, Any]
) -> None:
    answer = client.get("/surveillance/report", headers=regulator, params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_command_and_rest_give_the_same_bytes(
    client: httpx.Client, regulator: dict[str, str], command: Command, watched: Watched
) -> None:
    block = watched.desk.platform.chain.head().number
    answer = client.get("/surveillance/report", headers=regulator, params={"block": block})
    assert command("--block", block, "--format", "json") == answer.text


def test_the_command_prints_findings_and_tables(command: Command, watched: Watched) -> None:
    said = command("--market", 1, "--from", watched.rounds[0], "--to", watched.rounds[-1])
    assert "could set the price in 3 of 3 rounds" in " ".join(said.split())
    assert "Sellers and their margins" in said
    assert json.loads(command("--json"))["findings"]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.md", "# Market"), ("r.html", "<!DOCTYPE html>"), ("r.json", "{"), ("r.txt", "Market")],
)
def test_the_files_ending_says_how_it_is_written(
    command: Command, tmp_path: Path, name: str, begins: str
) -> None:
    said = command("--out", tmp_path / name)
    assert said.startswith("wrote ")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_costs_and_groups_are_read_from_files(
    command: Command, watched: Watched, tmp_path: Path
) -> None:
    costs, groups = tmp_path / "costs.csv", tmp_path / "groups.toml"
    costs.write_text(f"account,name,fuel,backup\n{watched.address(BIG)},Big,0.10,0.02\n")
    accounts = ", ".join(f'"{watched.address(who)}"' for who in (3, 4))
    groups.write_text(f'[[group]]\nname = "neighbours"\naccounts = [{accounts}]\n')
    said = json.loads(command("--costs", costs, "--groups", groups, "--json"))
    assert "mark_up" in {each["kind"] for each in said["findings"]}
    assert "neighbours" in {each["name"] for each in said["report"]["identities"]["groups"]}


def test_files_that_are_not_there_and_places_to_write_that_are_none_are_refused(
    command: Command, tmp_path: Path
) -> None:
    with pytest.raises(InvalidError, match="cannot read"):
        command("--costs", tmp_path / "none.toml")
    with pytest.raises(InvalidError, match="cannot write"):
        command("--out", tmp_path / "no" / "such" / "folder.md")
