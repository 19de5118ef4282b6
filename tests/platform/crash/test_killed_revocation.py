"""Killing the platform with SIGKILL while it revokes a credential: both happen, or neither."""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from devnet import AnvilNode, NodeOptions
from identity.roles import role_id
from tests.platform.noon import NOON
from tests.platform.settling import settle
from wattproof import crashpoints
from wattproof.credentials.issuing import issue_role
from wattproof.credentials.models import IssuedRow
from wattproof.credentials.verification import examine
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings

HERE = Path(__file__).parent
AFTER_COMMIT = (
    crashpoints.RAW_STORED,
    crashpoints.BROADCAST,
    crashpoints.MINED,
    crashpoints.INDEXED,
)

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["wattproof.tasks.flow", "wattproof.profiles.embedded", "web3"])
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One installation for all cases; its chain outlives the processes that are killed."""
    with AnvilNode(NodeOptions(chain_id=31_355, genesis_timestamp=NOON)) as node:
        yield Settings(data_dir=tmp_path_factory.mktemp("crash"), rpc_url=node.url)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with open_platform(settings) as opened:
        settle(opened)
        yield opened


@pytest.fixture
def issued(platform: Platform) -> IssuedRow:
    """A credential that stands on the chain."""
    with platform.transaction() as session:
        row = issue_role(platform, session, str(Account.create().address), "prosumer")
    settle(platform)
    assert holds(platform, row)
    return row


def holds(platform: Platform, row: IssuedRow) -> bool:
    return examine(platform, row.jwt or "").report.holds


def stands(platform: Platform, row: IssuedRow) -> bool:
    at = platform.chain.head().timestamp
    stood = platform.chain.call(
        "CredentialRegistry", "standing", row.address, role_id(row.role), at
    )
    return bool(stood)


def revocations(platform: Platform, row: IssuedRow) -> int:
    """How often the chain says that it was revoked."""
    digest = bytes.fromhex(row.credential_hash[2:])
    events = platform.chain.events(0, platform.chain.head().number)
    return sum(e.name == "Revoked" and e.args["credentialHash"] == digest for e in events)


def run(settings: Settings, credential_hash: str | None, point: str | None = None) -> int | None:
    target = importlib.import_module("revoking_process").revoke
    process = _processes.Process(target=target, args=(settings, credential_hash, point))
    process.start()
    process.join(120)
    return process.exitcode


def test_killed_between_status_and_chain_neither_has_happened(
    platform: Platform, settings: Settings, issued: IssuedRow
) -> None:
    killed = run(settings, issued.credential_hash, crashpoints.STATUS_SET)
    assert killed == -signal.SIGKILL
    assert run(settings, None) == 0
    assert holds(platform, issued)
    assert stands(platform, issued)
    assert run(settings, issued.credential_hash) == 0
    assert not holds(platform, issued)
    assert not stands(platform, issued)
    assert revocations(platform, issued) == 1


@pytest.mark.parametrize("point", AFTER_COMMIT)
def test_killed_afterwards_it_counts_at_once_and_reaches_the_chain_once(
    platform: Platform, settings: Settings, issued: IssuedRow, point: str
) -> None:
    assert run(settings, issued.credential_hash, point) == -signal.SIGKILL
    assert not holds(platform, issued)
    assert run(settings, None) == 0
    assert not stands(platform, issued)
    assert revocations(platform, issued) == 1
