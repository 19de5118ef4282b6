"""People with keys on a platform, and copies of an installation for every test."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, accounts
from wattproof.gateway import outbox
from wattproof.gateway.clock import ChainClock
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle


@dataclass
class People:
    """The owner of every role, and short ways to act for whoever has a key here."""

    platform: Platform
    owner: LocalAccount

    @property
    def authority(self) -> LocalAccount:
        """Who rules on disputes of readings, and certifies devices."""
        return accounts.account(accounts.ISSUER)

    def move_to(self, timestamp: int) -> None:
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)
        clock.advance_to(timestamp)

    def queue(self, signer: LocalAccount, contract: str, function: str, *arguments: Any) -> str:
        """Queue a transaction of somebody's; returns its key."""
        key = f"test:{uuid.uuid4()}"
        with self.platform.transaction() as session:
            outbox.call(
                session,
                self.platform.chain,
                contract,
                function,
                *arguments,
                key=key,
                signer=str(signer.address),
                gas_limit=2_500_000,
            )
        return key

    def send(self, signer: LocalAccount, contract: str, function: str, *arguments: Any) -> None:
        key = self.queue(signer, contract, function, *arguments)
        run_until_idle(self.platform)
        with self.platform.transaction() as session:
            row = outbox.find(session, key)
            assert row is not None
            assert row.status == outbox.MINED, (function, row.error)

    def events(self, name: str) -> int:
        """How often the chain says that something happened."""
        chain = self.platform.chain
        return [e.name for e in chain.events(0, chain.head().number)].count(name)


@dataclass
class Installation:
    """A folder and a chain that every test gets a copy of."""

    folder: Path
    node: AnvilNode
    snapshot: str


@contextmanager
def copy_of(installation: Installation, folder: Path) -> Iterator[Platform]:
    """Chain, database and time as they were."""
    installation.node.rpc("evm_setAutomine", True)
    assert installation.node.rpc("evm_revert", installation.snapshot)
    installation.snapshot = installation.node.rpc("evm_snapshot")
    shutil.copytree(installation.folder, folder)
    with open_platform(Settings(data_dir=folder, rpc_url=installation.node.url)) as platform:
        yield platform
