"""An analyst and the people it asks about, at their terminals; meters and readings on a chain."""

from __future__ import annotations

import json
import stat

import pytest
from eth_account import Account
from typer.testing import CliRunner

from identity.signer import LocalSigner
from market.rules import MarketRules
from wattproof.accounts import service as ledger
from wattproof.analytics.service import FINAL_AFTER_S
from wattproof.cli.main import app
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.meters import service as meters
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

SLOTS = 4
HOMES = 10
RULES = MarketRules(1, 1, 900, SLOTS, 10**9, 10**8, 0, 0, 1_000, 10**6)


@pytest.fixture
def period(platform):
    """Ten homes with a meter of 4 kW each, whose readings of a period are final on the chain."""
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
        rounds.create_market(platform, session, "homes", RULES)
    run_until_idle(platform)
    with platform.transaction() as session:
        market = rounds.market_named(session, "homes")
        assert market is not None
    keys = [Account.create() for _ in range(HOMES)]
    with platform.transaction() as session:
        for key in keys:
            meters.register_device(
                platform,
                session,
                device=str(key.address),
                market=market.market,
                account=str(Account.create().address),
                carrier=0,
                capacity_w=4_000,
            )
    run_until_idle(platform)
    running = platform.clock.now() // (900 * SLOTS) + 1
    ends = (running + 1) * 900 * SLOTS
    platform.clock.advance_to(ends + 1)
    domain = meters.domain(platform)
    with platform.transaction() as session:
        for place, key in enumerate(keys):
            values = (100 * place, 300, None, -200)
            read = meters.Readings(str(key.address), market.market, running, values)
            meters.post_readings(platform, session, read, read.sign(domain, bytes(key.key)))
    run_until_idle(platform)
    platform.clock.advance_to(ends + FINAL_AFTER_S + 10)
    run_until_idle(platform)
    return market.market, running


@pytest.fixture
def command(platform, url, tmp_path):
    """Runs `wattproof` as somebody with a key file; gives the result."""
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    addresses = {}
    for name in ("analyst", "ada"):
        account = Account.create()
        LocalSigner(bytes(account.key)).save(
            tmp_path / f"{name}.json", "correct horse battery staple", work_factor=2
        )
        addresses[name] = str(account.address)
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    run_until_idle(platform)
    with platform.transaction() as session:
        ledger.register(platform, session, addresses["analyst"], "analyst")
    run_until_idle(platform)

    def run(who, group, *arguments):
        given = ["--key", tmp_path / f"{who}.json", "--passphrase-file", secret, "--url", url]
        done = CliRunner().invoke(app, [str(each) for each in (group, *given, *arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def asked(period, *more):
    market, number = period
    return ("analytics", "load", "--market", market, "--period", number, *more)


def test_an_analyst_gets_the_same_sums_for_the_same_question(period, command):
    first = json.loads(command("analyst", *asked(period, "--epsilon", "0.5", "--json")).stdout)
    assert len(first["sums_wh"]) == SLOTS
    assert first["accounts"] == HOMES
    assert [round(total / HOMES, 1) for total in first["sums_wh"]] == first["means_wh"]
    again = json.loads(command("analyst", *asked(period, "--epsilon", "0.5", "--json")).stdout)
    assert again == first
    market, number = period
    budget = ("analytics", "budget", "--market", market, "--period", number)
    assert json.loads(command("analyst", *budget, "--json").stdout)["left_milli"] == 500
    assert "epsilon left" in command("analyst", *budget).stdout


def test_a_table_says_how_far_off_the_sums_may_be(period, command):
    shown = command("analyst", *asked(period, "--clamp-w", "1000", "--epsilon", "1")).stdout
    assert "load of 10 accounts, epsilon 1.0; 95 %: a sum within" in " ".join(shown.split())
    assert shown.count("\n") > SLOTS


def test_more_than_the_budget_is_refused(period, command):
    with pytest.raises(ConflictError, match="thousandths"):
        command("analyst", *asked(period, "--epsilon", "1.001"))


def test_who_is_no_analyst_gets_nothing(period, command):
    with pytest.raises(RefusedError, match="analyst"):
        command("ada", *asked(period))


def test_a_period_that_can_still_change_and_a_market_that_is_not_there_are_refused(period, command):
    market, number = period
    with pytest.raises(ConflictError, match="can change until"):
        command("analyst", *asked((market, number + 24 * 7)))
    with pytest.raises(NotFoundError):
        command("analyst", *asked((market + 1, number)))
    with pytest.raises(InvalidError, match="no carrier"):
        command("analyst", *asked(period, "--carrier", "1"))


def test_an_export_is_a_private_file_and_whole(command, tmp_path):
    out = tmp_path / "mine.json"
    said = json.loads(command("ada", "privacy", "export", "--out", out, "--json").stdout)
    held = json.loads(out.read_text())
    assert held["format"] == "wattproof-personal-data-1"
    assert said["rows"] == {n: len(t["rows"]) for n, t in held["tables"].items() if t["rows"]}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".mine*")) == []


def test_an_export_goes_nowhere_where_it_cannot_be_written(command, tmp_path):
    with pytest.raises(InvalidError, match="cannot write"):
        command("ada", "privacy", "export", "--out", tmp_path / "missing" / "mine.json")


def test_erasure_asks_first_and_says_what_it_kept(command):
    assert command("ada", "privacy", "erase").exit_code == 1  # nobody said yes
    done = json.loads(command("ada", "privacy", "erase", "--yes", "--json").stdout)
    assert done["finished"]
    assert {each["table"] for each in done["kept"]} >= {"erasure"}
    shown = command("ada", "privacy", "erase", "--yes").stdout
    assert "nobody can erase that" in shown
