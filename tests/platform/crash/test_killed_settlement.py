"""Killing the platform with SIGKILL at each of seven named points of a settlement.

The chain's node lives on in the test's process; the platform's process dies at the point and a new
one goes on with nothing but the database and the chain.
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from devnet import AnvilNode, NodeOptions
from tests.platform.noon import NOON
from wattproof import crashpoints
from wattproof.accounts.models import AssetRow, MarginRow
from wattproof.audit.replay import replay
from wattproof.gateway import outbox
from wattproof.gateway.models import AttemptRow, OutboxRow
from wattproof.orders.models import OrderRow
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_round
from wattproof.rounds.settlement import stored_settlement
from wattproof.runtime import Platform
from wattproof.settings import Settings

HERE = Path(__file__).parent
PRICE = 100_000_000
SOAK_RUNS = 20
# The points inside the writer and the indexer are passed twice: by the gate, by the settlement.
VISITS = {
    crashpoints.RAW_STORED: (1, 2),
    crashpoints.BROADCAST: (1, 2),
    crashpoints.MINED: (1, 2),
    crashpoints.INDEXED: (1, 2),
}
CASES = [(point, visit) for point in crashpoints.SETTLEMENT for visit in VISITS.get(point, (1, 1))]


# Processes fork from a server that has imported everything already.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["wattproof.tasks.flow", "wattproof.profiles.embedded", "market.clearing", "web3", "highspy"]
)
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One installation for all cases; each settles a round of its own."""
    with AnvilNode(NodeOptions(chain_id=31_339, genesis_timestamp=NOON)) as node:
        yield Settings(data_dir=tmp_path_factory.mktemp("crash"), rpc_url=node.url)


@pytest.fixture(scope="module")
def desk(settings: Settings, new_desk: Callable[[Platform], Any]) -> Iterator[Any]:
    """The market all cases trade on."""
    with open_platform(settings) as platform:
        yield new_desk(platform)


def _run(settings: Settings, point: str | None = None, visits: int = 1) -> int | None:
    settle = importlib.import_module("platform_process").settle
    process = _processes.Process(target=settle, args=(settings, point, visits))
    process.start()
    process.join(120)
    return process.exitcode


def _kill_and_recover(desk: Any, settings: Settings, point: str, at: int) -> None:
    number = desk.open_round()
    margins = _words(desk.platform, desk.market)
    for index in range(8):
        desk.buy(index % 2, number, index % 4, 1_000 + index, 3 * PRICE)
        desk.sell(2 + index % 2, number, index % 4, 900 + index, PRICE)
    desk.close_gate(number)
    assert _run(settings, point, at) == -signal.SIGKILL
    assert _run(settings) == 0
    _assert_settled_exactly_once(desk.platform, desk.market, number, margins)


def _words(platform: Platform, market: int) -> dict[str, tuple[int, int]]:
    """Margin and locked by account, as stored."""
    with platform.transaction() as session:
        rows = session.exec(select(MarginRow).where(MarginRow.market == market)).all()
    return {row.account: (row.margin_micro, row.locked_micro) for row in rows}


def _assert_settled_exactly_once(
    platform: Platform, market: int, number: int, before: dict[str, tuple[int, int]]
) -> None:
    chain = platform.chain
    head = chain.head().number
    events = [e for e in chain.events(0, head) if e.args.get("round") == number]
    assert [e.name for e in events].count("GateClosed") == 1
    assert [e.name for e in events].count("RoundSettled") == 1
    with platform.transaction() as session:
        row = get_round(session, market, number)
        settlement = stored_settlement(session, market, number)
        writes = session.exec(select(OutboxRow)).all()
        attempts = session.exec(select(AttemptRow)).all()
        totals = session.exec(select(AssetRow)).one()
        orders = session.exec(select(OrderRow).where(OrderRow.round == number)).all()
    assert row.state == "confirmed"
    assert len(orders) == settlement.book.count == 16
    assert all(write.status == outbox.MINED for write in writes)
    assert len(attempts) == len(writes)
    nonces: dict[str, list[int]] = {}
    for write in writes:
        assert write.nonce is not None
        nonces.setdefault(write.signer, []).append(write.nonce)
    for used in nonces.values():
        assert sorted(used) == list(range(min(used), min(used) + len(used)))
    effects = {effect.trader: effect for effect in settlement.effects}
    for account, (margin, locked) in _words(platform, market).items():
        on_chain = chain.call("Ledger", "account", market, account)
        assert (margin, locked) == (on_chain["margin"], on_chain["locked"])
        effect = effects.get(account)
        if effect is not None:
            old_margin, old_locked = before[account]
            assert margin == old_margin - effect.debit_micro
            assert locked == old_locked + effect.lock_micro
    token = chain.address("SettlementToken")
    held = chain.call("SettlementToken", "balanceOf", chain.address("Ledger"))
    assert totals.total_deposited_micro == held
    assert totals.dust_micro == chain.call("Ledger", "dust", token)
    report = replay(chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []


@pytest.mark.parametrize(("point", "visit"), CASES)
def test_a_settlement_killed_at_any_point_happens_once(
    desk: Any, settings: Settings, point: str, visit: int
) -> None:
    _kill_and_recover(desk, settings, point, visit)


@pytest.mark.soak
@pytest.mark.parametrize("run", range(SOAK_RUNS))
@pytest.mark.parametrize("point", crashpoints.NAMES)
def test_a_settlement_killed_again_and_again_happens_once(
    desk: Any, settings: Settings, point: str, run: int
) -> None:
    visits = VISITS.get(point, (1,))
    _kill_and_recover(desk, settings, point, visits[run % len(visits)])


def test_an_unarmed_point_does_nothing() -> None:
    crashpoints.reach(crashpoints.MINED)


def test_an_unknown_point_cannot_be_armed() -> None:
    with pytest.raises(ValueError, match="no crash point"):
        crashpoints.arm("lunch")
