from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from typer.testing import CliRunner

from identity.key_agent import AgentKeyService
from identity.kms import KmsSigner
from identity.signature import recover
from wattproof.cli.main import app

WATTPROOF = Path(sys.executable).with_name("wattproof")


def run(*arguments, **environment):
    return subprocess.run(
        [WATTPROOF, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['wattproof', '--help']\n"
        "from wattproof.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'web3', 'fastapi', 'sqlmodel', 'numpy', 'cvxpy', 'eth_account', 'uvicorn'}\n"
        "heavy |= {'matplotlib', 'market.explanation', 'twin.green_quota', 'eth_utils'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        ["up"],
        ["demo", "ev"],
        ["version"],
        ["audit", "replay"],
        ["audit", "export"],
        ["audit", "verify"],
        ["keys", "new"],
        ["keys", "show"],
        ["keys", "agent"],
        ["dispatch", "list"],
        ["dispatch", "show"],
        ["dispatch", "propose"],
        ["dispatch", "edit"],
        ["dispatch", "solve"],
        ["dispatch", "diff"],
        ["dispatch", "approve"],
        ["dispatch", "send"],
        ["dispatch", "history"],
        ["delegate", "authorise"],
        ["delegate", "revoke"],
        ["delegate", "show"],
        ["did", "create"],
        ["did", "resolve"],
        ["did", "history"],
        ["did", "rotate"],
        ["did", "transfer"],
        ["did", "deactivate"],
        ["did", "key", "add"],
        ["did", "key", "revoke"],
        ["did", "service", "add"],
        ["did", "service", "revoke"],
        ["did", "delegate", "add"],
        ["did", "delegate", "revoke"],
        ["market", "explain"],
        ["market", "book"],
        ["market", "curve"],
        ["quota", "equilibrium"],
        ["quota", "sweep"],
        ["quota", "plot"],
    ],
)
def test_every_command_explains_itself_and_offers_json(command):
    done = CliRunner().invoke(app, [*command, "--help"])
    assert done.exit_code == 0
    assert "--json" in done.output


def test_a_demo_without_a_name_is_the_ev_day():
    named = CliRunner().invoke(app, ["demo", "ev", "--sessions", "nowhere.json"])
    unnamed = CliRunner().invoke(app, ["demo", "--sessions", "nowhere.json"])
    assert "--prices is missing" in str(named.exception) == str(unnamed.exception)


def test_the_version_is_json_when_asked():
    assert json.loads(run("version", "--json").stdout)["wattproof"]
    assert run("version").stdout.startswith("wattproof ")


def test_wrong_usage_has_its_own_exit_code():
    assert run("no-such-command").returncode == 2
    assert run("up", "--port", "70000").returncode == 2


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


def test_a_key_is_made_encrypted_and_shown_by_its_address(tmp_path, passphrase):
    path = tmp_path / "operator.json"
    made = run("keys", "new", path, "--passphrase-file", passphrase, "--json")
    assert made.returncode == 0, made.stderr
    address = json.loads(made.stdout)["address"]
    assert path.stat().st_mode & 0o777 == 0o600
    shown = run("keys", "show", path, "--json")
    assert json.loads(shown.stdout)["address"] == address
    again = run("keys", "new", path, "--passphrase-file", passphrase)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    passphrase.write_text("wrong horse\n")
    wrong = run("keys", "show", path, "--passphrase-file", passphrase, "--json")
    assert wrong.returncode == 1
    assert "passphrase is wrong" in json.loads(wrong.stderr)["error"]["message"]


def test_a_key_agent_signs_over_its_socket_until_it_is_ended(tmp_path, passphrase):
    path = tmp_path / "operator.json"
    address = json.loads(
        run("keys", "new", path, "--passphrase-file", passphrase, "--json").stdout
    )["address"]
    with TemporaryDirectory(prefix="wp-") as short:
        place = Path(short) / "operator.sock"
        command = ["keys", "agent", path, "--socket", place, "--passphrase-file", passphrase]
        with subprocess.Popen(
            [WATTPROOF, *map(str, command), "--json"], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                said = "".join(iter(process.stdout.readline, "}\n")) + "}"
                assert json.loads(said)["address"] == address
                signer = KmsSigner(AgentKeyService(place))
                assert signer.address == address
                assert recover(b"\x01" * 32, signer.sign_digest(b"\x01" * 32)) == address
                second = run(*command)
                assert second.returncode == 1
                assert "remove it if no agent runs" in second.stderr
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert not place.exists()


def test_a_passphrase_is_not_asked_of_nobody(tmp_path):
    done = subprocess.run(
        [WATTPROOF, "keys", "new", tmp_path / "key.json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "--passphrase-file" in done.stderr


def test_an_audit_without_an_installation_says_the_way_out(tmp_path):
    done = run("audit", "replay", "--data-dir", tmp_path)
    assert done.returncode == 3
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_do_not_fit_are_named(tmp_path):
    done = run("up", "--data-dir", tmp_path, WATTPROOF_PROFILE="scaled")
    assert done.returncode == 3
    assert "WATTPROOF_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


class Server:
    """`wattproof up` in a process of its own."""

    def __init__(self, data_dir, *arguments):
        self.process = subprocess.Popen(
            [WATTPROOF, "up", "--data-dir", data_dir, "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.output, self.errors = self.process.stdout, self.process.stderr
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            line = self.output.readline()
            assert line, self.errors.read()
            lines.append(line)
        self.facts = json.loads("".join(lines))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()
        self.errors.close()

    def interrupt(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """An installation that was served once, and what it said of itself."""
    data = tmp_path_factory.mktemp("installation") / "data"
    with Server(data, "--port", "0") as server:
        assert server.interrupt() == 0, server.errors.read()
    assert not (data / "running.json").exists()
    return data, server.facts


@pytest.fixture
def data(stopped, tmp_path):
    """A copy of it for a test of its own."""
    return Path(shutil.copytree(stopped[0], tmp_path / "data"))


def test_up_serves_keeps_its_data_and_ends_clean(data, stopped, tmp_path):
    with Server(data, "--port", "0") as server:
        facts = server.facts
        for kept in ("chain_id", "contracts", "markets"):
            assert facts[kept] == stopped[1][kept]
        shown = httpx.get(facts["url"]).json()
        assert shown["chain_id"] == facts["chain_id"]
        assert shown["contracts"] == facts["contracts"]
        health = httpx.get(f"{facts['url']}/health").json()
        assert health["status"] == "ok"
        assert health["head_block"] > 0
        assert httpx.get(facts["documentation"]).status_code == 200

        taken = facts["url"].rsplit(":", 1)[1]
        second = run("up", "--data-dir", tmp_path / "other", "--port", taken, "--json")
        assert second.returncode == 3
        assert "--port" in json.loads(second.stderr)["error"]["message"]
        same = run("up", "--data-dir", data, "--port", "0")
        assert same.returncode == 3
        assert "Traceback" not in same.stderr

        replayed = run("audit", "replay", "--data-dir", data, "--json")
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        assert json.loads(replayed.stdout)["chainId"] == facts["chain_id"]
        assert server.interrupt(signal.SIGTERM) == 0, server.errors.read()
    assert not (data / "running.json").exists()


def test_up_stops_where_the_chain_was_lost(data):
    for path in data.glob("chain.json*"):
        path.unlink()
    done = run("up", "--data-dir", data, "--port", "0")
    assert done.returncode == 3
    assert "lost or replaced" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_altered_record_is_named_by_the_audit(data):
    with sqlite3.connect(data / "wattproof.db") as database:
        database.execute("UPDATE balance_asset SET total_deposited_micro = 7")
    database.close()
    altered = run("audit", "replay", "--data-dir", data, "--json")
    assert altered.returncode == 1, altered.stderr
    (finding,) = json.loads(altered.stdout)["findings"]
    assert finding["place"] == "balance_asset"
    assert finding["what"] == "total_deposited_micro"


def test_a_bundle_that_is_none_is_refused(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text("{")
    done = run("audit", "verify", path, "--rpc", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "not JSON" in done.stderr
    missing = run("audit", "verify", tmp_path / "none.json", "--rpc", "http://127.0.0.1:9")
    assert "cannot read" in missing.stderr


@pytest.mark.parametrize("name", ["", "no such folder/bundle.json"])
def test_a_bundle_that_cannot_be_written_is_refused_before_the_chain_is_read(tmp_path, name):
    target = tmp_path / name
    done = run("audit", "export", "1", "--data-dir", tmp_path, "--output", target)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
