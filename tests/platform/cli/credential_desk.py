"""A served installation with a registrar, an issuer and a holder, and commands run as each."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from devnet import AnvilNode, NodeOptions
from devnet import accounts as development
from identity import did
from identity.signer import LocalSigner
from identity.verifiable import key_file
from tests.platform.serving import served
from tests.platform.settling import settle
from wattproof.accounts import service as accounts
from wattproof.cli.main import app
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings

PASSPHRASE = "correct horse battery staple"
ZONE = "10Y1001A1001A82H"
PEOPLE = ("issuer", "holder", "other")


@dataclass
class Desk:
    """Everybody's keys in one folder, everybody's own wallet and records."""

    platform: Platform
    url: str
    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def signer(self, who: str) -> LocalSigner:
        return LocalSigner.open(self.path(f"{who}.json"), PASSPHRASE)

    def did(self, who: str) -> str:
        address = self.signer(who).address
        return str(did.of(address, self.platform.deployment.chain_id))

    def run(
        self,
        *arguments: Any,
        who: str | None = None,
        key: tuple[Any, ...] = (),
        group: str = "credential",
        stdin: str | None = None,
    ) -> Result:
        """A command as somebody; with that one's wallet and records."""
        mine = ["--key", self.path(f"{who}.json")] if who else key
        given = [group, "--url", self.url, *mine, *arguments]
        env = {
            "WATTPROOF_PASSPHRASE_FILE": str(self.path("passphrase")),
            "WATTPROOF_WALLET": str(self.path(f"{who}.wallet")),
            "WATTPROOF_ISSUED": str(self.path(f"{who}.issued")),
        }
        with mining(self.platform):
            return CliRunner().invoke(app, [str(each) for each in given], env=env, input=stdin)

    def done(self, *arguments: Any, **options: Any) -> Any:
        """The JSON of a command that succeeds."""
        result = self.run(*arguments, "--json", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *arguments: Any, **options: Any) -> str:
        """What a command that is refused says."""
        result = self.run(*arguments, **options)
        assert result.exit_code != 0, result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return str(result.exception)
        return " ".join(result.output.replace("│", " ").split())

    def issue(self, name: str, *claims: str, **options: Any) -> Any:
        """A credential of the issuer's for the holder, in a file."""
        wanted = {"kind": "ev_owner", "subject": self.did("holder"), "out": self.path(name)}
        flags = [flag for flag, value in options.items() if value is True]
        wanted |= {option: value for option, value in options.items() if value is not True}
        given = [part for option, value in wanted.items() for part in (_option(option), value)]
        said = claims or (f"zone={ZONE}", "battery_capacity_wh=58000")
        return self.done("issue", *given, *map(_option, flags), *said, who="issuer")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def mining(platform: Platform) -> Iterator[None]:
    """Send and index what commands hand in, and nothing else: rounds stand still."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            settle(platform)
            stop.wait(0.02)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def opened(folder: Path, chain_id: int) -> Iterator[Desk]:
    """An installation in this machine's time; the issuer is accredited for ev_owner."""
    keys = folder / "keys"
    keys.mkdir()
    with AnvilNode(NodeOptions(chain_id=chain_id)) as node:
        settings = Settings(data_dir=folder / "data", rpc_url=node.url)
        with open_platform(settings) as platform:
            with platform.transaction() as session:
                accounts.bootstrap(platform, session)
            settle(platform)
            with served(platform) as url:
                desk = Desk(platform, url, keys)
                write_keys(desk)
                desk.done("accredit", desk.did("issuer"), "--role", "ev_owner", who="registrar")
                yield desk


def write_keys(desk: Desk) -> None:
    passphrase = desk.path("passphrase")
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    registrar = LocalSigner(bytes(development.account(development.DEPLOYER).key))
    registrar.save(desk.path("registrar.json"), PASSPHRASE, work_factor=2)
    for name in PEOPLE:
        signer = LocalSigner.generate()
        signer.save(desk.path(f"{name}.json"), PASSPHRASE, work_factor=2)
        desk.platform.chain.request("anvil_setBalance", signer.address, hex(10**18))
    seed = key_file.generate()
    key_file.save(seed, desk.path("ed25519.json"), PASSPHRASE, work_factor=2)
