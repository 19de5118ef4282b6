from __future__ import annotations

import json
import os
import signal
import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from devnet import AnvilNode, NodeOptions
from devnet.supervisor import StateFile
from wattproof.accounts import service as ledger
from wattproof.errors import ChainMismatchError
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.indexer.service import Indexer
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


def _blocks(platform: Platform) -> list[BlockRow]:
    with platform.transaction() as session:
        return list(session.exec(select(BlockRow).order_by(col(BlockRow.number))).all())


def _stored_equals_chain(desk: Any) -> None:
    chain = desk.platform.chain
    for trader in desk.traders:
        word = chain.call("Ledger", "account", desk.market, trader.address)
        token = chain.address("SettlementToken")
        with desk.platform.transaction() as session:
            found = ledger.balances(session, str(trader.address))
        market = found.markets[0]
        assert (market.margin_micro, market.locked_micro) == (word["margin"], word["locked"])
        assert found.free_micro.get(token, 0) == chain.call("Ledger", "free", token, trader.address)


def test_the_indexed_blocks_are_one_chain(platform: Platform) -> None:
    run_until_idle(platform)
    blocks = _blocks(platform)
    assert blocks[0].number == platform.deployment.first_block
    for earlier, later in pairwise(blocks):
        assert later.number == earlier.number + 1
        assert later.parent_hash == earlier.hash


def test_a_reorganisation_takes_back_a_settlement_and_the_same_bytes_bring_it_again(
    desk: Any,
) -> None:
    platform = desk.platform
    number = desk.open_round()
    desk.buy(0, number, 0, 5_000, 3 * PRICE)
    desk.sell(1, number, 0, 3_000, PRICE)
    desk.close_gate(number)
    snapshot = platform.chain.request("evm_snapshot")
    time_before = desk.now()
    run_until_idle(platform)
    _stored_equals_chain(desk)
    with platform.transaction() as session:
        first = outbox.find(session, f"settle:{desk.market}:{number}")
        assert first is not None
        digest = first.transaction_hash
    platform.chain.request("evm_revert", snapshot)
    platform.chain.request("evm_setNextBlockTimestamp", time_before + 7)
    platform.chain.request("evm_mine")
    step = platform.indexer.catch_up()
    assert step.rolled_back > 0
    with platform.transaction() as session:
        row = get_round(session, desk.market, number)
        names = session.exec(select(EventRow.name).where(EventRow.round == number)).all()
        assert row.state == "submitted"
        assert "RoundSettled" not in names
    _stored_equals_chain(desk)
    run_until_idle(platform)
    with platform.transaction() as session:
        assert get_round(session, desk.market, number).state == "confirmed"
        again = outbox.find(session, f"settle:{desk.market}:{number}")
        assert again is not None
        assert again.transaction_hash == digest
    _stored_equals_chain(desk)


def test_an_index_built_anew_equals_the_one_that_grew(desk: Any, tmp_path: Path) -> None:
    number = desk.open_round()
    desk.buy(0, number, 0, 5_000, 3 * PRICE)
    desk.sell(1, number, 0, 3_000, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    grown = desk.platform
    fresh = Settings(
        data_dir=tmp_path / "fresh",
        rpc_url=grown.chain.rpc_url,
        deployment_file=grown.settings.deployment_path,
    )
    with open_platform(fresh) as platform:
        Indexer(platform.engine, platform.chain, blocks=3).catch_up()
        for trader in desk.traders:
            with platform.transaction() as new, grown.transaction() as old:
                address = str(trader.address)
                assert ledger.balances(new, address) == ledger.balances(old, address)
        with platform.transaction() as session:
            assert get_round(session, desk.market, number).state == "confirmed"


def test_unconfirmed_blocks_are_not_believed(desk: Any) -> None:
    chain = desk.platform.chain
    head = chain.head().number
    cautious = Indexer(desk.platform.engine, chain, confirmations=3)
    chain.request("anvil_mine", "0x5")
    assert cautious.catch_up().head == head + 2


def test_a_chain_without_any_indexed_block_is_refused(platform: Platform) -> None:
    run_until_idle(platform)
    with platform.transaction() as session:
        for row in session.exec(select(BlockRow)).all():
            row.hash = "0x" + "11" * 32
            session.add(row)
    with pytest.raises(ChainMismatchError, match="lost or replaced"):
        platform.indexer.catch_up()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_killed_node_loses_its_last_blocks_and_gets_them_again(
    tmp_path: Path, new_desk: Any
) -> None:
    port = _free_port()
    options = NodeOptions(chain_id=31_340, state=tmp_path / "chain.json", port=port)
    node = AnvilNode(options).start()
    try:
        settings = Settings(data_dir=tmp_path / "data", rpc_url=node.url)
        with open_platform(settings) as platform:
            desk = new_desk(platform)
            number = desk.open_round()
            desk.buy(0, number, 0, 5_000, 3 * PRICE)
            desk.sell(1, number, 0, 3_000, PRICE)
            _wait_for_state(tmp_path / "chain.json", platform.chain.head().number)
            desk.close_gate(number)
            run_until_idle(platform)
            with platform.transaction() as session:
                assert get_round(session, desk.market, number).state == "confirmed"
            os.kill(node.pid, signal.SIGKILL)
            node.stop()
            node = AnvilNode(options).start()
            lost = platform.chain.head().number < _blocks(platform)[-1].number
            desk.move_to(desk.now() + 100)
            run_until_idle(platform)
            _stored_equals_chain(desk)
            with platform.transaction() as session:
                assert get_round(session, desk.market, number).state == "confirmed"
                writes = session.exec(select(OutboxRow)).all()
            assert all(write.status == outbox.MINED for write in writes)
            events = platform.chain.events(0, platform.chain.head().number)
            assert [e.name for e in events].count("RoundSettled") == 1
            assert lost or platform.chain.head().number >= _blocks(platform)[-1].number
    finally:
        node.stop()


def _wait_for_state(path: Path, block: int) -> None:
    """Until node and keeper have written what there was at a block, whole."""
    kept = StateFile(path).copy
    give_up = time.monotonic() + 60
    while not kept.exists() or json.loads(kept.read_text())["best_block_number"] < block:
        assert time.monotonic() < give_up, f"block {block} did not reach the disk"
        time.sleep(0.05)
