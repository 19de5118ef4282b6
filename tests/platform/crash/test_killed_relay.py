"""Killing the platform between the stored relay of a signed change and its receipt."""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import sys
from pathlib import Path

import pytest
from eth_account import Account
from sqlmodel import select

from devnet import AnvilNode, NodeOptions
from identity.did.attribute import ServiceAttribute
from identity.did.change import adding
from identity.did.signed_change import SignedChange
from identity.signer import LocalSigner
from tests.platform.noon import NOON
from wattproof import crashpoints
from wattproof.accounts import service as accounts
from wattproof.auth.scopes import Principal, Scope
from wattproof.gateway import outbox
from wattproof.gateway.models import AttemptRow
from wattproof.identities import control, relay
from wattproof.profiles import open_platform
from wattproof.relaying import queue as relaying
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

HERE = Path(__file__).parent
CALLER = Principal(str(Account.create().address), frozenset({Scope.PARTICIPANT}), 2**40)

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["wattproof.tasks.flow", "wattproof.profiles.embedded", "web3"])
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with AnvilNode(NodeOptions(chain_id=31_379, genesis_timestamp=NOON)) as node:
        chosen = Settings(data_dir=tmp_path_factory.mktemp("crash"), rpc_url=node.url)
        with open_platform(chosen) as platform:
            with platform.transaction() as session:
                accounts.bootstrap(platform, session)
            run_until_idle(platform)
        yield chosen


def run(settings, point=None):
    send = importlib.import_module("relay_process").send
    process = _processes.Process(target=send, args=(settings, point))
    process.start()
    process.join(120)
    return process.exitcode


@pytest.mark.parametrize(
    "point",
    [crashpoints.RAW_STORED, crashpoints.BROADCAST, crashpoints.MINED, crashpoints.INDEXED],
)
def test_a_relay_killed_at_any_point_happens_once(settings, point):
    signer = LocalSigner.generate()
    with open_platform(settings) as platform:
        service = ServiceAttribute("Meter", "https://meter.example")
        made = SignedChange(
            adding(signer.address, service, 86_400),
            control.domain(platform),
            0,
            platform.clock.now() + 3_600,
        )
        checked = relay.check(platform, CALLER, relay.read(made, made.sign(signer)))
        with platform.transaction() as session:
            relay.queue(platform, session, CALLER.address, checked)
        # The process ends here in any case: what was stored is all that the next one has.
    assert run(settings, point) == -signal.SIGKILL
    assert run(settings) == 0
    with open_platform(settings) as platform:
        events = [
            event
            for event in platform.chain.events(0, platform.chain.head().number)
            if event.name == "DIDAttributeChanged" and event.args["identity"] == signer.address
        ]
        with platform.transaction() as session:
            row = relaying.find(session, checked.digest)
            assert row is not None
            attempts = session.exec(select(AttemptRow).where(AttemptRow.outbox_id == row.id)).all()
        assert (row.status, len(events), len(attempts)) == (outbox.MINED, 1, 1)
        assert platform.chain.call("DidRegistry", "nonce", signer.address) == 1
