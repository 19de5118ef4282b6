"""A key, its passphrase and a session's tokens: looked for everywhere but where they belong."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from identity.key_agent import AgentKeyService
from identity.kms import KmsSigner
from identity.signer import LocalSigner
from wattproof.settings import Settings

WATTPROOF = Path(sys.executable).with_name("wattproof")
KEY = bytes.fromhex("5ec4e7c0de" + "a7" * 27)
PASSPHRASE = "a passphrase that stands nowhere else"
SECRET_NAME = re.compile(r"key|secret|pass|token|mnemonic|private", re.IGNORECASE)


def test_no_setting_is_a_secret_only_where_one_lies():
    """What the environment holds, every process of the account and many a log can read."""
    for name, field in Settings.model_fields.items():
        if SECRET_NAME.search(name):
            assert "Path" in str(field.annotation), f"{name} would be a secret in the environment"
            assert name.endswith(("_file", "_dir"))


def test_nothing_else_is_taken_from_the_environment():
    """Every variable that is read by name and sounds like a secret names a file."""
    known = {"WATTPROOF_KEY", "WATTPROOF_PASSPHRASE_FILE"}
    root = Path(__file__).parents[3]
    read = re.compile(r"(?:environ(?:\.get\(|\[)|getenv\(|envvar=)\s*[\"']([A-Z_0-9]+)")
    found = set()
    for folder in ("identity", "market", "devnet", "platform"):
        for path in (root / folder).rglob("*.py"):
            found |= set(read.findall(path.read_text(encoding="utf-8")))
    assert {name for name in found if SECRET_NAME.search(name)} <= known


def spellings(secret: bytes) -> list[bytes]:
    """How a secret may be written down."""
    return [
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        str(int.from_bytes(secret, "big")).encode(),
        base64.b64encode(secret)[:-2],
        base64.urlsafe_b64encode(secret)[:-2],
    ]


class Seen:
    """Everything that was written, shown or handed to a process."""

    def __init__(self) -> None:
        self.places: dict[str, bytes] = {}

    def process(self, pid: int) -> None:
        """Arguments and environment of a process and its children, as anybody here sees them."""
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or not _descends(int(folder.name), pid):
                continue
            for name in ("cmdline", "environ"):
                try:
                    self.places[f"{name} of {folder.name}"] = (folder / name).read_bytes()
                except OSError:
                    continue

    def folder(self, top: Path) -> None:
        for path in top.rglob("*"):
            if path.is_file():
                self.places[str(path)] = path.read_bytes()

    def find(self, secret: bytes) -> list[str]:
        return [
            place
            for place, text in self.places.items()
            if any(spelling in text for spelling in spellings(secret))
        ]


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A key file and the file of its passphrase."""
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")
    LocalSigner(KEY).save(tmp_path / "key.json", PASSPHRASE, work_factor=2**10)
    return tmp_path / "key.json", passphrase


def test_the_search_finds_what_it_looks_for(tmp_path):
    seen = Seen()
    for number, spelling in enumerate(spellings(KEY)):
        (tmp_path / str(number)).write_bytes(b"before " + spelling + b" after")
    seen.folder(tmp_path)
    assert len(seen.find(KEY)) == len(spellings(KEY))
    with subprocess.Popen(["sleep", "60"], env={"SECRET": PASSPHRASE}) as process:
        try:
            seen.process(process.pid)
        finally:
            process.kill()
    assert seen.find(PASSPHRASE.encode()) == [f"environ of {process.pid}"]


def test_keys_passphrases_and_tokens_are_nowhere_after_a_day_of_use(tmp_path, keys):
    key, passphrase = keys
    data, seen, outputs = tmp_path / "data", Seen(), []
    command = [WATTPROOF, "up", "--data-dir", data, "--port", "0", "--json"]
    secrets = {"key": KEY, "passphrase": PASSPHRASE.encode()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            assert server.stdout is not None
            said = b"".join(iter(server.stdout.readline, b"}\n")) + b"}"
            url = json.loads(said)["url"]
            outputs.append(said)
            secrets |= _use_tokens(url)
            own = ["--key", key, "--passphrase-file", passphrase]
            for place in (url, "http://127.0.0.1:1"):
                with subprocess.Popen(
                    [WATTPROOF, "privacy", "--url", place, *own, "export"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                ) as client:
                    seen.process(client.pid)
                    outputs.append(client.communicate(timeout=60)[0])
            wrong = tmp_path / "wrong"
            wrong.touch(mode=0o600)
            wrong.write_text(PASSPHRASE[:-1])
            outputs.append(
                subprocess.run(
                    [WATTPROOF, "keys", "show", key, "--passphrase-file", wrong],
                    capture_output=True,
                    check=False,
                ).stderr
            )
            wrong.unlink()
            seen.process(server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            assert server.stdout is not None
            outputs.append(server.stdout.read())
    assert any(LocalSigner(KEY).address.encode() in output for output in outputs)
    assert b"passphrase is wrong" in b"".join(outputs)
    seen.folder(data)
    seen.places["what was printed"] = b"\0".join(outputs)
    assert any(place.endswith("wattproof.db") for place in seen.places)
    assert any(place.startswith("cmdline") for place in seen.places)
    found = {name: seen.find(secret) for name, secret in secrets.items()}
    assert {name: places for name, places in found.items() if places} == {}


def _use_tokens(url: str) -> dict[str, bytes]:
    """Sign in, refresh, make an API key, use each, and bring wrong ones too."""
    signer = LocalSigner(KEY)
    with httpx.Client(base_url=url, timeout=30) as client:
        asked = client.post("/auth/nonce", json={"address": signer.address}).json()
        signature = "0x" + signer.sign_text(asked["message"]).hex()
        body = {"message": asked["message"], "signature": signature}
        opened = client.post("/auth/sessions", json=body).json()
        renewed = client.post(
            "/auth/sessions/refresh", json={"refresh_token": opened["refresh_token"]}
        ).json()
        bearer = {"Authorization": f"Bearer {renewed['token']}"}
        made = client.post(
            "/auth/keys", json={"name": "meter", "scopes": ["participant"]}, headers=bearer
        ).json()
        tokens = {
            "first session": opened["token"],
            "first refresh token": opened["refresh_token"],
            "session": renewed["token"],
            "refresh token": renewed["refresh_token"],
            "API key": made["key"],
        }
        for token in [*tokens.values(), "x" * 43]:
            client.get("/auth/session", headers={"Authorization": f"Bearer {token}"})
            client.get(f"/nowhere?token={token}")
    return {name: token.encode() for name, token in tokens.items()}


def test_a_key_agents_key_is_in_neither_its_arguments_nor_its_environment(tmp_path, keys):
    key, passphrase = keys
    place = Path(os.environ.get("TMPDIR", "/tmp")) / f"wp-{os.getpid()}.sock"
    command = [WATTPROOF, "keys", "agent", key, "--socket", place, "--passphrase-file", passphrase]
    seen = Seen()
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            said = b"".join(iter(process.stdout.readline, b"}\n"))
            KmsSigner(AgentKeyService(place)).sign_text("hello")
            seen.process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            said += process.stdout.read()
    seen.places["what was printed"] = said
    assert seen.find(KEY) == []
    assert seen.find(PASSPHRASE.encode()) == []
